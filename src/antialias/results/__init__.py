"""What was measured on what, as values: the one place that tables, verdicts and files of scores come from.

An `Evaluation` holds one network's `Score`s, what they were measured on (`EvaluationConfig`), what the network takes
(`Cost`) and how it was trained, if it was. A `Comparison` groups evaluations into an `Entry` a network, whose runs are
its seeds, and pairs them with the first; it answers a `Table`, `Line`s and a `Verdict`. Tables become Markdown, LaTeX
and CSV here; pages are drawn by `antialias.report`. Read `_evaluation`, `_table`, `_comparison`, `_verdict`.
"""

from __future__ import annotations

from ._classifier import ClassifierScore as ClassifierScore
from ._classifier import classifier_scores as classifier_scores
from ._codec import from_dict as from_dict
from ._codec import plain as plain
from ._codec import to_dict as to_dict
from ._columns import cost_columns as cost_columns
from ._columns import score_columns as score_columns
from ._comparison import Comparison as Comparison
from ._comparison import Entry as Entry
from ._config import EvaluationConfig as EvaluationConfig
from ._cost import Cost as Cost
from ._cost import cost_of as cost_of
from ._cost import cost_of_classifier as cost_of_classifier
from ._cost import side_for as side_for
from ._csv import lines_csv as lines_csv
from ._csv import table_csv as table_csv
from ._evaluation import Evaluation as Evaluation
from ._evaluation import filter_words as filter_words
from ._table import Cell as Cell
from ._table import Column as Column
from ._table import Line as Line
from ._table import Row as Row
from ._table import Table as Table
from ._table import Value as Value
from ._text import latex as latex
from ._text import markdown as markdown
from ._text import terminal as terminal
from ._text import words as words
from ._verdict import KeyFigure as KeyFigure
from ._verdict import Verdict as Verdict
from ._verdict import difference_sentence as difference_sentence
from ._verdict import key_figures as key_figures
from ._verdict import verdict as verdict

__all__ = [
    "Cell",
    "ClassifierScore",
    "Column",
    "Comparison",
    "Cost",
    "Entry",
    "Evaluation",
    "EvaluationConfig",
    "KeyFigure",
    "Line",
    "Row",
    "Table",
    "Value",
    "Verdict",
    "classifier_scores",
    "cost_columns",
    "cost_of",
    "cost_of_classifier",
    "difference_sentence",
    "filter_words",
    "from_dict",
    "key_figures",
    "latex",
    "lines_csv",
    "markdown",
    "plain",
    "score_columns",
    "side_for",
    "table_csv",
    "terminal",
    "to_dict",
    "verdict",
    "words",
]
