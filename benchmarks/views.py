"""Several windows of an image a step, and their agreement, when training from scratch.

    python benchmarks/views.py train [--runs runs/views] [--seeds 5]   # goes on where it stopped
    python benchmarks/views.py table [--runs runs/views]               # writes benchmarks/views.csv

A run is the recipe of scenes_classification: one window of each picture a step for sixteen epochs, beside two windows
for eight epochs, which are as many passes of the network, with and without the Jensen-Shannon term. A row is a score of
an arm and a filter: the mean over seeds, with an interval over test pictures, and the difference from one window with
the same filter, paired by picture and seed. Rows of a method without runs in the folder stay in the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import recipes
import seeds
from pages import replace_rows

from antialias.metrics import average
from antialias.nn import Adaptive, Filter, Fixed
from antialias.tasks import TrainConfig

EPOCHS = 8
METHODS: dict[str, Filter | None] = {"fixed 3x3": Fixed(), "adaptive k3 G8": Adaptive(), "plain": None}
ONE = "one window"
ARMS: dict[str, dict[str, Any]] = {
    ONE: {"epochs": 2 * EPOCHS},
    "two windows": {"epochs": EPOCHS, "views": 2},
    "two windows, agreement 5": {"epochs": EPOCHS, "views": 2, "agreement": 5.0},
}
OUT = Path(__file__).parent / "views.csv"


def train(runs: Path, count: int, methods: list[str]) -> None:
    """Train and measure what is not there yet, the first seed of every arm first."""
    recipe = TrainConfig.read(recipes.RECIPES[recipes.FIRST])
    for seed in range(count):
        for method in methods:
            for arm, settings in ARMS.items():
                name = f"{method} {arm}"
                said = {"filter": METHODS[method], "seed": seed, "out": str(seeds.folder_of(runs, name, seed))}
                config = replace(recipe, accelerator="cpu", devices=1, **said, **settings)
                recipes.run(f"{name} {seed}", config)


def rows(runs: Path, method: str) -> Iterator[dict[str, object]]:
    """Yield a method's rows, from the seeds that every arm has."""
    found = {arm: seeds.runs_of(runs, f"{method} {arm}") for arm in ARMS}
    common = min(map(len, found.values()))
    for score in ("accuracy", "consistency", "top1_change") if common else ():
        scores = {arm: [run.scores[score] for run in evaluations[:common]] for arm, evaluations in found.items()}
        for arm, of_arm in scores.items():
            said = {"method": method, "arm": arm, "score": score, "seeds": common}
            yield said | {"pictures": average(of_arm).images} | seeds.cells(of_arm, scores[ONE])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "table"))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--runs", type=Path, default=Path("runs/views"))
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    if args.step == "table":
        for method in args.methods:
            if fresh := list(rows(args.runs, method)):
                replace_rows(OUT, method, fresh, column="method")
    else:
        train(args.runs, args.seeds, args.methods)


if __name__ == "__main__":
    main()
