"""Every method in one harness: the same network, pictures and recipe, another filter after each downsampling.

    python benchmarks/methods.py train [--runs runs/methods] [--seeds 3]   # hours; goes on where it stopped
    python benchmarks/methods.py time [--runs runs/methods]                # minutes; on an idle machine
    python benchmarks/methods.py table [--runs runs/methods]               # writes benchmarks/methods.csv

TinyResNet learns composed scenes from scratch. A row is a method; scores are means over its seeds, with intervals over
test pictures, and differences from the plain network are paired by picture and seed. Time and memory are those of a
forward pass, over the plain network's.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import seeds
from torch import Tensor

from antialias.data import Pictures, materialize, open_data
from antialias.metrics import Score, circular_consistency, consistency
from antialias.models import load, save
from antialias.nn import Adaptive, Attention, Average, Filter, Fixed, Gaussian, Ideal, Polyphase
from antialias.tasks import Evaluation, TrainConfig, cost_of, evaluate, network, train_

METHODS: dict[str, Filter | None] = {
    "plain": None,
    "fixed 3x3": Fixed(),
    "adaptive k3 G8": Adaptive(),
    "polyphase, norm": Polyphase(),
    "adaptive k3 G8, polyphase": Adaptive(phase="norm", padding_mode="circular"),
    "spatial only (adaptive k3 G1)": Adaptive(groups=1),
    "adaptive k3 G2": Adaptive(groups=2),
    "adaptive k3 G4": Adaptive(groups=4),
    "average": Average(),
    "Gaussian, one learned": Gaussian(width="learned"),
    "Gaussian, one a channel": Gaussian(width="channel"),
    "Gaussian, one a picture": Gaussian(width="image"),
    "Gaussian, one a location": Gaussian(width="location"),
    "attention over none, 3, 5": Attention(),
    "ideal": Ideal(),
    "fixed 5x5": Fixed(kernel_size=5),
    "adaptive k5 G8": Adaptive(kernel_size=5),
    "adaptive k5 G1": Adaptive(kernel_size=5, groups=1),
    "adaptive k5 G2": Adaptive(kernel_size=5, groups=2),
    "adaptive k5 G4": Adaptive(kernel_size=5, groups=4),
    "polyphase, learned": Polyphase(phase="learned"),
    "fixed 3x3, polyphase": Fixed(phase="norm", padding_mode="circular"),
}
BASE = TrainConfig(epochs=6, train_length=3000, test_length=600, devices=1)
OUT = Path(__file__).with_suffix(".csv")
SCORES = ("accuracy", "consistency", "consistency_on_correct", "circular_consistency", "top1_change")


def config_of(method: str, seed: int) -> TrainConfig:
    """Return what a run is told."""
    filter = METHODS[method]
    return replace(BASE, filter=filter and filter.from_scratch(), seed=seed)


def train(runs: Path, count: int) -> None:
    """Train and measure what is not there yet, the first seed of every method first."""
    train_data, test_data = (
        materialize(open_data("scenes", split, size=BASE.picture_side, length=length))
        for split, length in (("train", BASE.train_length), ("test", BASE.test_length))
    )
    for seed in range(count):
        for method in METHODS:
            folder = seeds.folder_of(runs, method, seed)
            if not (folder / "scores.json").exists():
                scores = one(method, seed, folder, train_data, test_data)
                print(method, seed, *(f"{name} {100 * scores[name].value:.1f}" for name in SCORES), flush=True)


def one(method: str, seed: int, folder: Path, train_data: Pictures, test_data: Pictures) -> dict[str, Score]:
    """Train one network and leave it with its scores in a folder."""
    config = config_of(method, seed)
    model = network(config, len(train_data.classes))
    train_(model, train_data, config)
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / "model.safetensors")
    images = test_data.images.float() / 255
    scores = evaluate(model, config)
    scores["consistency_on_correct"] = consistency(
        model, images, window=config.window, labels=test_data.labels, only_correct=True
    )
    scores["circular_consistency"] = circular_consistency(model, centre(images, config.window), limit=config.window)
    Evaluation(model=method, config=config, scores=scores).write(folder / "scores.json")
    return scores


def centre(images: Tensor, side: int) -> Tensor:
    """Return the central squares of pictures."""
    start = (images.shape[-1] - side) // 2
    return images[..., start : start + side, start : start + side]


def measure(runs: Path) -> None:
    """Time each method's first network beside the plain one."""
    with (runs / "costs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "parameters", "macs", "time", "memory"])
        for method in METHODS:
            cost = cost_of(load(seeds.folder_of(runs, method, 0) / "model.safetensors"), BASE.window, batch_size=64)
            writer.writerow([method, *asdict(cost).values()])
            print(method, cost, flush=True)


def rows(runs: Path) -> Iterator[dict[str, object]]:
    """Yield the table's rows."""
    with (runs / "costs.csv").open(newline="") as file:
        costs = {row.pop("method"): row for row in csv.DictReader(file)}
    found = {method: seeds.runs_of(runs, method) for method in METHODS}
    for method, evaluations in found.items():
        row: dict[str, object] = {"method": method, "seeds": len(evaluations)}
        for name in SCORES:
            scores = [each.scores[name] for each in evaluations]
            row |= cells(name, scores, [each.scores[name] for each in found["plain"]])
        yield row | costs[method]


def cells(name: str, scores: list[Score], plain: list[Score]) -> dict[str, str]:
    """Return the columns of one score: `name` for its mean, the others behind its name."""
    found = seeds.cells(scores, plain)
    return {name: found.pop("mean")} | {f"{name}_{column}": value for column, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "time", "table"))
    parser.add_argument("--runs", type=Path, default=Path("runs/methods"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    if args.step == "train":
        train(args.runs, args.seeds)
    elif args.step == "time":
        measure(args.runs)
    else:
        seeds.write(OUT, rows(args.runs))


if __name__ == "__main__":
    main()
