"""Three segmentation heads on one body, without and with adaptive filters: DMNet's, PSPNet's and DeepLabV3's.

    python benchmarks/heads.py train [--runs runs/heads] [--seeds 3]   # half an hour; goes on where it stopped
    python benchmarks/heads.py table [--runs runs/heads]               # writes benchmarks/heads.csv

TinyResNet at output stride 8 learns the scenes from scratch, each head on its last map and an auxiliary one on the map
before. The heads have 166,000 to 219,000 parameters. A row is a head, with or without filters, and a score: the mean
over its seeds with an interval over test pictures, and the difference from PSPNet's head without filters, paired by
picture and seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import seeds
import torch

from antialias.data import Segmented
from antialias.metrics import Score
from antialias.models import load, save
from antialias.nn import Adaptive, Filter
from antialias.surgery import inspect
from antialias.tasks import Evaluation, TrainConfig, network, task_named, train_

HEADS = {
    "PSPNet": "antialias:TinyPSPNet",
    "DMNet": "antialias:TinyDMNet",
    "DeepLabV3": "antialias:TinyDeepLabV3",
}
FILTERS: dict[str, Filter | None] = {"": None, ", adaptive k3 G8": Adaptive().from_scratch()}
METHODS = {f"{head}{words}": (model, filter) for head, model in HEADS.items() for words, filter in FILTERS.items()}
REFERENCE = "PSPNet"
BASE = TrainConfig(
    task="semantic",
    size=80,
    window=64,
    epochs=4,
    batch_size=16,
    learning_rate=0.1,
    train_length=1500,
    test_length=200,
    channels_last=True,
)
SCORES = ("mean_iou", "pixel_accuracy", "segmentation_consistency", "segmentation_consistency_on_correct")
OUT = Path(__file__).with_suffix(".csv")


def train(runs: Path, count: int) -> None:
    """Train and measure what is not there yet, the first seed of every head first."""
    task = task_named(BASE.task)
    learnt, test = task.open(BASE, "train"), task.open(BASE, "test")
    for seed in range(count):
        for method in METHODS:
            folder = seeds.folder_of(runs, method, seed)
            if not (folder / "scores.json").exists():
                scores = one(method, seed, folder, learnt, test)
                print(method, seed, *(f"{name} {100 * scores[name].value:.1f}" for name in SCORES), flush=True)


def one(method: str, seed: int, folder: Path, learnt: Segmented, test: Segmented) -> dict[str, Score]:
    """Train one network and leave it with its scores in a folder."""
    model, filter = METHODS[method]
    config, task = replace(BASE, model=model, filter=filter, seed=seed), task_named(BASE.task)
    made = network(config, task.outputs(learnt))
    train_(made, learnt, config)
    folder.mkdir(parents=True, exist_ok=True)
    save(made, folder / "model.safetensors")
    scores = task.evaluate(made, test, config)
    Evaluation(model=method, config=config, scores=scores).write(folder / "scores.json")
    return scores


def rows(runs: Path) -> Iterator[dict[str, object]]:
    """Yield the table's rows, one for each head and score with a finished run."""
    reference = seeds.runs_of(runs, REFERENCE)
    for method in METHODS:
        if found := seeds.runs_of(runs, method):
            model = load(seeds.folder_of(runs, method, found[0].config.seed) / "model.safetensors").eval()
            cost = inspect(model, torch.zeros(1, 3, BASE.window, BASE.window))
            for name in SCORES:
                of, plain = ([run.scores[name] for run in each] for each in (found, reference))
                said = {"method": method, "score": name, "seeds": len(found)}
                yield said | seeds.cells(of, plain) | {"parameters": cost.parameters, "macs": cost.macs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "table"))
    parser.add_argument("--runs", type=Path, default=Path("runs/heads"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    if args.step == "train":
        train(args.runs, args.seeds)
    else:
        seeds.write(OUT, rows(args.runs))


if __name__ == "__main__":
    main()
