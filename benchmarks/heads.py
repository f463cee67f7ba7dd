"""Three segmentation heads on one body, without and with adaptive filters: DMNet's, PSPNet's and DeepLabV3's.

    python benchmarks/recipes.py train classification [--runs runs/recipes]       # once: the bodies
    python benchmarks/heads.py train [--runs runs/heads] [--bodies runs/recipes]   # goes on where it stopped
    python benchmarks/heads.py table [--runs runs/heads]                           # writes benchmarks/heads.csv

A run is the small recipe of semantic segmentation (recipes/scenes_semantic.toml) with another head: TinyResNet at
output stride 8, which starts as the classifier of the same filter and seed, with the head on its last map and an
auxiliary one on the map before. The heads have 166,000 to 219,000 parameters. A row is a head, with or without filters,
and a score: the mean over its seeds with an interval over test pictures, and the difference from PSPNet's head without
filters, paired by picture and seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import recipes
import seeds
import torch

from antialias.models import load
from antialias.surgery import inspect
from antialias.tasks import TrainConfig

HEADS = {
    "PSPNet": "antialias:TinyPSPNet",
    "DMNet": "antialias:TinyDMNet",
    "DeepLabV3": "antialias:TinyDeepLabV3",
}
FILTERS = {"": "plain", ", adaptive k3 G8": "adaptive k3 G8"}
METHODS = {f"{head}{words}": (model, filter) for head, model in HEADS.items() for words, filter in FILTERS.items()}
REFERENCE = "PSPNet"
SCORES = ("mean_iou", "pixel_accuracy", "segmentation_consistency", "segmentation_consistency_on_correct")
OUT = Path(__file__).with_suffix(".csv")


def config_of(method: str, seed: int, runs: Path, bodies: Path) -> TrainConfig:
    """Return what a run is told."""
    model, filter = METHODS[method]
    config = recipes.config_of("semantic", filter, seed, bodies)
    return replace(config, model=model, out=str(seeds.folder_of(runs, method, seed)))


def train(runs: Path, bodies: Path, count: int) -> None:
    """Train and measure what is not there yet, the first seed of every head first."""
    for seed in range(count):
        for method in METHODS:
            config = config_of(method, seed, runs, bodies)
            recipes.run(f"{method} {seed}", config)


def rows(runs: Path) -> Iterator[dict[str, object]]:
    """Yield the table's rows, one for each head and score with a finished run."""
    reference = seeds.runs_of(runs, REFERENCE)
    for method in METHODS:
        if found := seeds.runs_of(runs, method):
            config = TrainConfig.from_dict(found[0].training)
            side = config.window
            model = load(seeds.folder_of(runs, method, config.seed) / "model.safetensors").eval()
            cost = inspect(model, torch.zeros(1, 3, side, side))
            for name in SCORES:
                of, plain = ([run.scores[name] for run in each] for each in (found, reference))
                said = {"method": method, "score": name, "seeds": len(found)}
                yield said | seeds.cells(of, plain) | {"parameters": cost.parameters, "macs": cost.macs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "table"))
    parser.add_argument("--runs", type=Path, default=Path("runs/heads"))
    parser.add_argument("--bodies", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    if args.step == "train":
        train(args.runs, args.bodies, args.seeds)
    else:
        seeds.write(OUT, rows(args.runs))


if __name__ == "__main__":
    main()
