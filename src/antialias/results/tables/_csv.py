"""The numbers of tables and curves as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from ._table import Cell, Line, Table

NUMBERS = ("value", "low", "high", "level", "images")


def table_csv(table: Table) -> str:
    """Return a table as CSV text in long form: one score a line, shares without a unit.

    Example:
        >>> from antialias.results.tables import Column
        >>> print(table_csv(Table.of([Column(key="top1", title="Accuracy")], {"plain": {"top1": 0.848}})))
        network,measure,value,low,high,level,images,text,unit,runs
        plain,top1,0.848,,,,,,,
        <BLANKLINE>
    """
    rows = [
        (row.network, column.key, *_numbers(cell), cell.text, column.unit.replace("%", ""), *(cell.runs or [""]))
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
    ]
    return _csv([("network", "measure", *NUMBERS, "text", "unit", "runs"), *rows])


def lines_csv(lines: Sequence[Line]) -> str:
    """Return the scores along curves as CSV text: one score a line."""
    rows = [
        (line.network, line.direction, distance, *_numbers(cell))
        for line in lines
        for distance, cell in zip(line.distances, line.cells, strict=True)
    ]
    return _csv([("network", "direction", "distance", *NUMBERS), *rows])


def _numbers(cell: Cell) -> tuple[float | None, ...]:
    return tuple(getattr(cell, name) for name in NUMBERS)


def _csv(rows: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
