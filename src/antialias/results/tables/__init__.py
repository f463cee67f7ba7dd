"""Tables and curves of scores, and what they look like as text.

`_table` holds numbers with their intervals as plain values, `_text` writes them for terminals, Markdown and LaTeX,
`_csv` for machines.
"""

from __future__ import annotations

from ._csv import lines_csv as lines_csv
from ._csv import table_csv as table_csv
from ._table import Cell as Cell
from ._table import Column as Column
from ._table import Line as Line
from ._table import Row as Row
from ._table import Table as Table
from ._table import Value as Value
from ._table import number as number
from ._table import words as words
from ._text import latex as latex
from ._text import markdown as markdown
from ._text import terminal as terminal

__all__ = [
    "Cell",
    "Column",
    "Line",
    "Row",
    "Table",
    "Value",
    "latex",
    "lines_csv",
    "markdown",
    "number",
    "table_csv",
    "terminal",
    "words",
]
