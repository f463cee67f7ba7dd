"""Local importance pooling beside fixed filters: accuracy, consistency and flips of networks trained from scratch.

    python benchmarks/importance.py train [--runs runs/importance] [--seeds 2]   # goes on where it stopped
    python benchmarks/importance.py table [--runs runs/importance]               # writes benchmarks/importance.csv

A run is the recipe of scenes_classification. A row is a score of a method: the mean over seeds, with an interval over
test images, and differences, paired by image and seed: from the plain network (`gain`) and from the fixed filter
(`over_fixed`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import recipes
import seeds

from antialias.metrics import average, difference
from antialias.nn import Average, Filter, Fixed, Importance
from antialias.tasks import TrainConfig

METHODS: dict[str, Filter | None] = {
    "plain": None,
    "fixed 3x3": Fixed(),
    "importance": Importance(),
    "importance, binomial taps": Importance(taps="binomial"),
    "average 3x3": Average(kernel_size=3),
}
OUT = Path(__file__).with_suffix(".csv")


def train(runs: Path, count: int, methods: list[str]) -> None:
    """Train and measure what is not there yet, the first seed of every method first."""
    recipe = TrainConfig.read(recipes.RECIPES[recipes.FIRST])
    for seed in range(count):
        for method in methods:
            out = str(seeds.folder_of(runs, method, seed))
            config = replace(recipe, filter=METHODS[method], seed=seed, out=out, accelerator="cpu", devices=1)
            recipes.run(f"{method} {seed}", config)


def rows(runs: Path) -> Iterator[dict[str, object]]:
    """Yield the table's rows."""
    found = {method: seeds.runs_of(runs, method) for method in METHODS}
    for method, evaluations in found.items():
        for score in ("accuracy", "consistency", "top1_change") if evaluations else ():
            of_method, plain = ([run.scores[score] for run in found[name]] for name in (method, "plain"))
            mean = average(of_method)
            row = {"method": method, "score": score, "seeds": len(of_method), "images": mean.images}
            row |= seeds.cells(of_method, plain)
            fixed = average([run.scores[score] for run in found["fixed 3x3"]][: len(of_method)])
            paired = difference(mean, fixed)
            values = map(seeds.percent, (paired.value, *paired.interval))
            row |= dict(zip(("over_fixed", "over_fixed_low", "over_fixed_high"), values, strict=True))
            yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "table"))
    parser.add_argument("--runs", type=Path, default=Path("runs/importance"))
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    args = parser.parse_args()
    if args.step == "train":
        train(args.runs, args.seeds, args.methods)
    else:
        seeds.write(OUT, rows(args.runs))


if __name__ == "__main__":
    main()
