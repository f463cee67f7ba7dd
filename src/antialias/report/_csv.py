"""The numbers of tables and curves as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from antialias.report._report import Report
from antialias.report._tables import Cell, Line, Table

NUMBERS = ("value", "low", "high", "level", "images")


def tables_of(report: Report) -> dict[str, str]:
    """Write each table, and the curves, as CSV text in long form: one score a line."""
    written = {}
    if report.table:
        written["table"] = _table(report.table)
    if report.training:
        written["training"] = _table(report.training)
    if report.curves:
        written["curves"] = _curves(report.curves)
    return written


def _table(table: Table) -> str:
    rows = (
        (row.network, column.key, *_numbers(cell), cell.text, *cell.runs)
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
    )
    return _csv(("network", "measure", *NUMBERS, "text", "runs"), rows)


def _curves(lines: Sequence[Line]) -> str:
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
