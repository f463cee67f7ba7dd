"""The verb `bench`."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from antialias.bench import run, table_of_scaling, table_of_targets, tables_of_times

from ._progress import progress_bar


def bench(*, out: Path = Path("benchmarks/results"), only: str = "", rounds: int = 7) -> None:
    """Time the filters beside what people use today, after checking that they compute the same.

    Args:
        out: Folder of the results: a CSV, a table of targets and two figures for each device.
        only: Part of the name of the benchmarks to run; prints their times, too.
        rounds: Timed rounds; medians are reported.
    """
    with progress_bar("benchmarks") as progress:
        outcome = run(out, only=only, rounds=rounds, progress=progress)
    console = Console()
    times = tables_of_times(outcome.results) if only else []
    for table in (*times, table_of_targets(outcome.targets), table_of_scaling(outcome.scaling)):
        if table.rows:
            drawn = Table(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
            for number, column in enumerate(table.columns):
                if number < table.texts:  # words may be broken into lines, but not be cut; numbers neither
                    longest = max(len(word) for row in table.rows for word in row[number].split())
                    drawn.add_column(column, min_width=longest)
                else:
                    drawn.add_column(column, justify="right", no_wrap=True)
            for row in table.rows:
                drawn.add_row(*row)
            console.print(drawn)
    if outcome.missing:
        print(f"Not installed, so not measured: {', '.join(outcome.missing)}. `make bench` installs them.")
    print("Wrote", *outcome.figures, outcome.path.with_suffix(".md"), outcome.path)
