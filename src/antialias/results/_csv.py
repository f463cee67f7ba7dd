"""The numbers of tables and curves as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from ._table import Cell, Line, Table

NUMBERS = ("value", "low", "high", "level", "images")


def table_csv(table: Table) -> str:
    """Return a table as CSV text in long form: one score a line."""
    rows = (
        (row.network, column.key, *_numbers(cell), cell.text, *cell.runs)
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
    )
    return _csv(("network", "measure", *NUMBERS, "text", "runs"), rows)


def lines_csv(lines: Sequence[Line]) -> str:
    """Return the scores along curves as CSV text: one score a line."""
    rows = (
        (line.network, line.direction, distance, *_numbers(cell))
        for line in lines
        for distance, cell in zip(line.distances, line.cells, strict=True)
    )
    return _csv(("network", "direction", "distance", *NUMBERS), rows)


def _numbers(cell: Cell) -> tuple[float | None, ...]:
    return (cell.value, cell.low, cell.high, cell.level, cell.images)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()
