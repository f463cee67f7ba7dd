"""A report's tables in the terminal."""

from __future__ import annotations

from rich.table import Table as Drawn

from antialias.report import Cell, Column, Table


def drawn(table: Table) -> Drawn:
    """Return a report's table as one that rich prints."""
    result = Drawn("network", title=table.caption or None, caption=table.note or None)
    for column in table.columns:
        result.add_column(f"{column.title}, {column.unit}" if column.unit else column.title, justify="right")
    for row in table.rows:
        result.add_row(row.network, *map(_words, row.cells, table.columns))
    return result


def _words(cell: Cell, column: Column) -> str:
    if cell.value is None:
        return cell.text or "–"
    value, *interval = (_number(x, column) for x in (cell.value, cell.low, cell.high) if x is not None)
    return f"{value} ({' to '.join(interval)})" if interval else value


def _number(value: float, column: Column) -> str:
    return f"{value * (100 if column.unit == '%' else 1):,.{column.digits}f}"
