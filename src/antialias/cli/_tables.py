"""A report's tables in the terminal."""

from __future__ import annotations

from rich.table import Table as Drawn

from antialias.results import Column, Table, words


def drawn(table: Table) -> Drawn:
    """Return a report's table as one that rich prints: networks side by side, or below each other if they are many."""
    headings = [_heading(column) for column in table.columns]
    cells = [list(map(words, row.cells, table.columns)) for row in table.rows]
    names = [f"{row.network}\n{row.note}" if row.note else row.network for row in table.rows]
    many = len(names) > _SIDE_BY_SIDE
    result = Drawn("network" if many else "", title=table.caption or None, caption=table.note or None)
    for heading in headings if many else names:
        result.add_column(heading, justify="right")
    for name, line in zip(names if many else headings, cells if many else zip(*cells, strict=True), strict=True):
        result.add_row(name, *line)
    return result


_SIDE_BY_SIDE = 4


def _heading(column: Column) -> str:
    return f"{column.title}, {column.unit}" if column.unit else column.title
