"""The verb `bench`."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Table

from antialias.bench import Growth, Result, Verdict, run

from ._progress import progress_bar


def bench(*, out: Path = Path("benchmarks/results"), only: str = "", rounds: int = 7) -> None:
    """Time the filters beside what people use today, after checking that they compute the same.

    Args:
        out: Folder of the results: a CSV, a table of bars and two figures for each device.
        only: Part of the name of the contests to run; prints their times, too.
        rounds: Timed rounds; medians are reported.
    """
    with progress_bar("contests") as progress:
        outcome = run(out, only=only, rounds=rounds, progress=progress)
    console = Console()
    for table in (_times(outcome.results) if only else None, _bars(outcome.verdicts), _growth(outcome.growths)):
        if table is not None and table.row_count:
            console.print(table)
    if outcome.missing:
        print(f"Not installed, so not measured: {', '.join(outcome.missing)}. `make bench` installs them.")
    print("Wrote", *outcome.figures, outcome.path.with_suffix(".md"), outcome.path)


def _times(results: list[Result]) -> Table:
    table = _table("Times as ratios to the first of each contest", "contest", "pass", "contender")
    for column in ("ratio", "ms (median)", "quartiles", "limit ms", "kept MB", "peak MB"):
        table.add_column(column, justify="right")
    for _, passes in groupby(results, key=lambda result: result.contest):
        firsts: dict[str, float] = {}
        for result in passes:
            first = firsts.setdefault(result.what, result.milliseconds)
            table.add_row(result.contest, result.what, result.contender, *_numbers(result, first))
    return table


def _numbers(result: Result, first: float) -> tuple[str, ...]:
    return (
        f"{result.milliseconds / first:.2f}",
        f"{result.milliseconds:.2f}",
        f"{result.lower_quartile:.2f} to {result.upper_quartile:.2f}",
        "–" if result.limit_milliseconds is None else f"{result.limit_milliseconds:.2f}",
        *("–" if count is None else f"{count / 1e6:.1f}" for count in (result.saved_bytes, result.peak_bytes)),
    )


def _bars(verdicts: Iterable[Verdict]) -> Table:
    table = _table("Ratios of medians", "what", "measured", "bar", "met", "limit")
    for each in verdicts:
        limit = "–" if each.limit is None else f"{each.limit:.2f}"
        table.add_row(each.bar.title, f"{each.ratio:.2f}", each.bar.wanted, "yes" if each.met else "no", limit)
    return table


def _growth(growths: Iterable[Growth]) -> Table:
    table = _table("Time grows as this power of the size", "curve", "pass", "power")
    for each in growths:
        table.add_row(each.contest, each.what, f"{each.exponent:.2f}")
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column)
    return table
