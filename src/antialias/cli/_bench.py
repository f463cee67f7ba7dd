"""The verb `bench`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from antialias.bench import Result, run

from ._progress import progress_bar


def bench(*, out: Path = Path("benchmarks/results"), only: str = "", rounds: int = 7) -> None:
    """Time the filters beside what people use today, after checking that they compute the same.

    Args:
        out: Folder of the CSV files, one a device.
        only: Part of the name of the contests to run.
        rounds: Timed rounds; medians are reported.
    """
    with progress_bar("contests") as progress:
        results, path = run(out, only=only, rounds=rounds, progress=progress)
    Console().print(_table(results))
    print(f"Wrote {path}")


def _table(results: list[Result]) -> Table:
    table = Table("contest", "pass", "contender", title="Times as ratios to the first of each contest")
    for column in ("ratio", "ms (median)", "kept for backward, MB"):
        table.add_column(column, justify="right")
    for result in results:
        numbers = (f"{result.ratio:.2f}", f"{result.milliseconds:.1f}", f"{result.saved_bytes / 1e6:.1f}")
        table.add_row(result.contest, result.what, result.contender, *numbers)
    return table
