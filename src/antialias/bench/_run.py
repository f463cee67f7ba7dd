"""The verb: run the contests and write one CSV for this device."""

from __future__ import annotations

import csv
import platform
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from antialias._version import __version__

from ._contests import CONTESTS
from ._measure import Result, measure


def run(
    folder: str | Path = "benchmarks/results",
    *,
    only: str = "",
    rounds: int = 7,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Result], Path]:
    """Run the contests and write their results, with versions, to one CSV for this device.

    Args:
        folder: Folder of the CSV files.
        only: Part of the name of the contests to run; all if empty.
        rounds: Timed rounds of each contest.
        progress: Called with the number of contests done and of all.

    Returns:
        The results, and the file that holds them.

    Raises:
        ValueError: No contest has `only` in its name.
        RuntimeError: Contenders disagree.
    """
    contests = [contest for contest in CONTESTS if only in contest.name]
    if not contests:
        raise ValueError(f"only={only!r} names no contest. Use a part of: {'; '.join(c.name for c in CONTESTS)}.")
    results: list[Result] = []
    for done, contest in enumerate(contests):
        if progress is not None:
            progress(done, len(contests))
        results += measure(contest, rounds)
    path = Path(folder) / f"{_device()}.csv"
    _write(results, path)
    return results, path


def _device() -> str:
    words = f"{platform.machine()} {_processor()} {torch.get_num_threads()} threads"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file() and (found := re.search(r"model name\s*:\s*(.+)", info.read_text())):
        return found[1]
    return platform.processor()


def _write(results: Iterable[Result], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    versions = {"antialias": __version__, "torch": torch.__version__, "python": platform.python_version()}
    rows = [{**_row(result), **versions} for result in results]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _row(result: Result) -> dict[str, object]:
    low, high = result.quartiles
    times = {"milliseconds": result.milliseconds, "lower_quartile": low, "upper_quartile": high, "ratio": result.ratio}
    named = {"contest": result.contest, "contender": result.contender, "what": result.what}
    rounded = {name: round(value, 3) for name, value in times.items()}
    return {**named, **rounded, "saved_bytes": result.saved_bytes}
