"""What was measured on what, as values: the one place that tables, verdicts and files of scores come from.

An `Evaluation` holds one network's `Score`s, what they were measured on (`EvaluationConfig`), what the network takes
(`Cost`) and how it was trained, if it was. A `Comparison` groups evaluations into an `Entry` a network, whose runs are
its seeds, and pairs them with the first; from it come a `Table`, `Line`s and a `Verdict`. Every score and cost has one
name, listed in `_columns`. Tables become text and CSV in `tables`; pages are drawn by `antialias.report`. Read
`_evaluation`, `_comparison` and `_verdict` in this order.
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
from ._config import common_multiple as common_multiple
from ._cost import Cost as Cost
from ._cost import cost_of as cost_of
from ._cost import cost_of_classifier as cost_of_classifier
from ._cost import side_for as side_for
from ._evaluation import Evaluation as Evaluation
from ._evaluation import filter_words as filter_words
from ._verdict import KeyFigure as KeyFigure
from ._verdict import Verdict as Verdict
from ._verdict import difference_sentence as difference_sentence
from ._verdict import key_figures as key_figures
from ._verdict import verdict as verdict
from .tables import Cell as Cell
from .tables import Column as Column
from .tables import Line as Line
from .tables import Row as Row
from .tables import Table as Table
from .tables import Value as Value
from .tables import latex as latex
from .tables import lines_csv as lines_csv
from .tables import markdown as markdown
from .tables import number as number
from .tables import table_csv as table_csv
from .tables import terminal as terminal
from .tables import words as words

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
    "common_multiple",
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
    "number",
    "plain",
    "score_columns",
    "side_for",
    "table_csv",
    "terminal",
    "to_dict",
    "verdict",
    "words",
]
