"""What experiments over several seeds share: where their runs lie, what a table says of them, and how it is written."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from antialias.metrics import Score, average, difference
from antialias.results import Evaluation

MOST = 100
"""No experiment has more seeds than that."""


def folder_of(runs: Path, name: str, seed: int) -> Path:
    """Return where a run lies."""
    words = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return runs / f"{words}-{seed}"


def runs_of(runs: Path, name: str) -> list[Evaluation]:
    """Read the runs of one name that are there, by seed."""
    paths = (folder_of(runs, name, seed) / "scores.json" for seed in range(MOST))
    return [Evaluation.read(path) for path in paths if path.exists()]


def cells(scores: Sequence[Score], plain: Sequence[Score]) -> dict[str, str]:
    """Return a score's mean, interval, value of each seed and difference from the plain network, paired by seed."""
    mean = average(scores)
    paired = difference(mean, average(plain[: len(scores)]))
    return {
        "mean": percent(mean.value),
        "low": percent(mean.interval[0]),
        "high": percent(mean.interval[1]),
        "of_seeds": " ".join(percent(score.value) for score in scores),
        "gain": percent(paired.value),
        "gain_low": percent(paired.interval[0]),
        "gain_high": percent(paired.interval[1]),
    }


def percent(value: float) -> str:
    """Return a share in percent, with two decimals."""
    return f"{100 * value:.2f}"


def write(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a table whose columns are those of its first row."""
    lines = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
