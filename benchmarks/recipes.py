"""Plain, fixed and adaptive on the small recipes of every task, with several seeds.

    python benchmarks/recipes.py train [TASK ...] [--runs runs/recipes] [--seeds 3]   # goes on where it stopped
    python benchmarks/recipes.py table [--runs runs/recipes]                          # writes benchmarks/recipes.csv

A run is `antialias train --config recipes/scenes_TASK.toml --filter FILTER --seed SEED` on the CPU; segmenters and
detectors start from the body of the classifier of the same filter and seed (`--backbone`). A row is a score of a
method: the mean over its seeds, with an interval over test pictures, and the difference from the plain network, paired
by picture and seed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import seeds

from antialias.metrics import average
from antialias.nn import Adaptive, Filter, Fixed
from antialias.tasks import TrainConfig, fit

METHODS: dict[str, Filter | None] = {"plain": None, "fixed 3x3": Fixed(), "adaptive k3 G8": Adaptive()}
HERE = Path(__file__).parent
RECIPES = {path.stem.removeprefix("scenes_"): path for path in sorted((HERE.parent / "recipes").glob("scenes_*.toml"))}
FIRST = "classification"
OUT = HERE / "recipes.csv"


def config_of(task: str, method: str, seed: int, runs: Path) -> TrainConfig:
    """Return what a run is told."""
    out, classifier = (seeds.folder_of(runs / name, method, seed) for name in (task, FIRST))
    backbone = None if task == FIRST else str(classifier / "model.safetensors")
    device = {"accelerator": "cpu", "devices": 1}
    return replace(
        TrainConfig.read(RECIPES[task]), filter=METHODS[method], seed=seed, backbone=backbone, out=str(out), **device
    )


def train(task: str, runs: Path, count: int) -> None:
    """Train and measure what is not there yet, the first seed of every method first."""
    for seed in range(count):
        for method in METHODS:
            run(f"{task} {method} {seed}", config_of(task, method, seed, runs))


def run(title: str, config: TrainConfig) -> None:
    """Train and measure one network, from where it stopped, if it is not there yet."""
    out = Path(config.out)
    if not (out / "scores.json").exists():
        start = time.process_time()
        scores = fit(config, resume=(out / "last.ckpt").exists()).scores
        shares = (f"{name} {seeds.percent(score.value)}" for name, score in scores.items())
        print(title, *shares, f"in {time.process_time() - start:.0f} CPU seconds", flush=True)


def rows(runs: Path) -> Iterator[dict[str, object]]:
    """Yield the table's rows; a score is in it if every run of its task has it, on pictures that count in every run."""
    for task in RECIPES:
        found = {method: seeds.runs_of(runs / task, method) for method in METHODS}
        every = [run for evaluations in found.values() for run in evaluations]
        for name in every[0].scores if every else ():
            if not all(name in run.scores for run in every):
                print(f"{task}: {name} is left out, since not every run has it")
                continue
            scores = {method: [run.scores[name] for run in evaluations] for method, evaluations in found.items()}
            for method, of_method in scores.items():
                if of_method:
                    said = {"task": task, "method": method, "score": name, "seeds": len(of_method)}
                    yield said | {"pictures": average(of_method).images} | seeds.cells(of_method, scores["plain"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "table"))
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(RECIPES)}; all if none is given")
    parser.add_argument("--runs", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    if unknown := sorted(set(args.tasks) - set(RECIPES)):
        parser.error(f"there is no recipe for {unknown[0]}. Use some of: {', '.join(RECIPES)}.")
    if args.step == "table":
        seeds.write(OUT, rows(args.runs))
    else:
        for task in args.tasks or RECIPES:
            train(task, args.runs, args.seeds)


if __name__ == "__main__":
    main()
