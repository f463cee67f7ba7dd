"""Results as tables: cells that are text already, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ._targets import ScalingFit, TargetResult
from .measurement import Result


class TextTable(NamedTuple):
    """A table whose cells are text.

    Attributes:
        title: What it shows.
        columns: Headings.
        rows: Cells, one for each column; the first names the row.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables_of_times(results: Iterable[Result]) -> list[TextTable]:
    """Make one table for each pass of each benchmark, ratios to its first implementation first."""
    columns = ("implementation", "ratio", "ms", "quartiles", "limit", "saved MB", "peak MB")
    tables: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        tables.setdefault((result.benchmark, result.pass_name), []).append(result)
    return [
        TextTable(
            f"{benchmark}: {pass_name}",
            columns,
            [
                (
                    each.implementation,
                    f"{each.milliseconds / group[0].milliseconds:.2f}",
                    f"{each.milliseconds:.2f}",
                    f"{each.lower_quartile:.2f}–{each.upper_quartile:.2f}",
                    number(each.limit_milliseconds),
                    number(each.saved_bytes, 1e6),
                    number(each.peak_bytes, 1e6),
                )
                for each in group
            ],
        )
        for (benchmark, pass_name), group in tables.items()
    ]


def table_of_targets(results: Iterable[TargetResult]) -> TextTable:
    """Make the table of targets: what was measured, the bound, whether it is kept, and the limit."""
    rows = [
        (each.target.title, f"{each.ratio:.2f}", each.target.bound, "yes" if each.met else "no", number(each.limit))
        for each in results
    ]
    return TextTable("Targets", ("ratio of medians", "measured", "target", "met", "limit"), rows)


def table_of_scaling(fits: Iterable[ScalingFit]) -> TextTable:
    """Make the table of scaling curves: a row each, with the power of the size that time grows as."""
    rows = [(each.benchmark, each.pass_name, f"{each.exponent:.2f}") for each in fits]
    return TextTable("Scaling", ("time grows as this power of the size", "pass", "power"), rows)


def number(value: float | None, unit: float = 1.0) -> str:
    """Write a number in multiples of `unit`, or a dash where there is none."""
    return "–" if value is None else f"{value / unit:.{1 if unit > 1 else 2}f}"


def markdown(targets: Sequence[TargetResult], fits: Sequence[ScalingFit], missing: Iterable[str]) -> str:
    """Write targets, scaling and missing peers as a page of Markdown.

    Args:
        targets: What was measured of each target.
        fits: The scaling curves.
        missing: Peers that are not installed.
    """
    parts = []
    for table in (table_of_targets(targets), table_of_scaling(fits)):
        if table.rows:
            cells = [["**no**" if cell == "no" else cell for cell in row] for row in table.rows]
            lines = [table.columns, ["---"] * len(table.columns), *cells]
            parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    if absent := ", ".join(missing):
        parts.append(f"Not installed, so not measured: {absent}.")
    return "\n\n".join(parts) + "\n"
