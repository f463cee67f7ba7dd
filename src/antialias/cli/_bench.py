"""The verb `bench`."""

from __future__ import annotations

from pathlib import Path

from antialias._terminal import table_text
from antialias.bench import run, table_of_scaling, table_of_targets, tables_of_times

from ._progress import progress_bar


def bench(*, out: Path = Path("benchmarks/results"), only: str = "", rounds: int = 7, device: str = "cpu") -> None:
    """Time the filters beside what people use today, after checking that they compute the same.

    Args:
        out: Folder of the results: a CSV, a table of targets and two figures for each device.
        only: Part of the name of the benchmarks to run; prints their times, too.
        rounds: Timed rounds; medians are reported.
        device: Where they run, such as cpu or cuda.
    """
    with progress_bar("benchmarks") as progress:
        outcome = run(out, only=only, rounds=rounds, device=device, progress=progress)
    times = tables_of_times(outcome.results) if only else []
    for table in (*times, table_of_targets(outcome.targets), table_of_scaling(outcome.scaling)):
        if table.rows:
            print(table_text(table.columns, table.rows, title=table.title), end="\n\n")
    if outcome.missing:
        print(f"Not installed, so not measured: {', '.join(outcome.missing)}. `make bench` installs them.")
    print("Wrote", *outcome.figures, outcome.path.with_suffix(".md"), outcome.path)
