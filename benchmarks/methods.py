"""Every method in one harness: the same network, pictures and recipe, another filter after each downsampling.

    python benchmarks/methods.py train [--runs runs/methods] [--seeds 3]   # hours; goes on where it stopped
    python benchmarks/methods.py time [--most 4]        # seconds a method, on an idle machine; goes on, too
    python benchmarks/methods.py table                  # writes benchmarks/methods.csv and methods.md of what is there

A run is the small recipe of classification (recipes/scenes_classification.toml): TinyResNet, from scratch, on the CPU.
A row is a method; scores are means over its seeds, with intervals over test pictures. Differences from the plain
network are paired by picture and seed, over the seeds that both have. Time and memory are those of a forward pass, over
the plain network's. Cells of what was not measured yet stay empty.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import recipes
import seeds
from torch import Tensor

from antialias.data import LabelledImages, in_memory, open_data
from antialias.metrics import Score, circular_consistency
from antialias.models import load, save
from antialias.nn import Adaptive, Attention, Average, Filter, Fixed, Gaussian, Ideal, Polyphase
from antialias.results import Evaluation, cost_of
from antialias.tasks import TrainConfig, evaluate, network, train_

METHODS: dict[str, Filter | None] = {
    "plain": None,
    "fixed 3x3": Fixed(),
    "adaptive k3 G8": Adaptive(),
    "adaptive k3 G8, separable predictor": Adaptive(predictor="separable"),
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
BASE = replace(TrainConfig.read(recipes.RECIPES[recipes.FIRST]), filter=None, accelerator="cpu", devices=1)
OUT = Path(__file__).with_suffix(".csv")
SCORES = ("accuracy", "consistency", "consistency_on_correct", "circular_consistency", "top1_change")
COSTS = ("parameters", "macs", "time", "memory")


def config_of(method: str, seed: int) -> TrainConfig:
    """Return what a run is told."""
    filter = METHODS[method]
    return replace(BASE, filter=filter and filter.from_scratch(), seed=seed)


def train(runs: Path, count: int) -> None:
    """Train and measure what is not there yet, the first seed of every method first."""
    train_data, test_data = (
        in_memory(open_data("scenes", split, size=BASE.image_side, length=length))
        for split, length in (("train", BASE.train_length), ("test", BASE.test_length))
    )
    for seed in range(count):
        for method in METHODS:
            folder = seeds.folder_of(runs, method, seed)
            if not (folder / "scores.json").exists():
                scores = one(method, seed, folder, train_data, test_data)
                print(method, seed, *(f"{name} {100 * scores[name].value:.1f}" for name in SCORES), flush=True)


def one(
    method: str, seed: int, folder: Path, train_data: LabelledImages, test_data: LabelledImages
) -> dict[str, Score]:
    """Train one network and leave it with its scores in a folder."""
    config = config_of(method, seed)
    model = network(config, len(train_data.classes))
    train_(model, train_data, config)
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / "model.safetensors")
    scores = evaluate(model, config)
    images = centre(test_data.images, config.window).float() / 255
    scores["circular_consistency"] = circular_consistency(model, images, limit=config.window)
    Evaluation(model=method, config=config.evaluation, scores=scores, training=config.to_dict()).write(
        folder / "scores.json"
    )
    return scores


def centre(images: Tensor, side: int) -> Tensor:
    """Return the central squares of pictures."""
    start = (images.shape[-1] - side) // 2
    return images[..., start : start + side, start : start + side]


def measure(runs: Path, most: int) -> None:
    """Time up to `most` methods that were not timed yet, each one's first network beside the plain one."""
    path, there = runs / "costs.csv", costs_of(runs)
    ready = [method for method in METHODS if method not in there and seeds.runs_of(runs, method)]
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if not there:
            writer.writerow(["method", *COSTS])
        for method in ready[:most]:
            first = seeds.folder_of(runs, method, 0)
            cost = cost_of(load(first / "model.safetensors"), BASE.window, batch_size=64)
            writer.writerow([method, *asdict(cost).values()])
            file.flush()
            print(method, cost, flush=True)


def costs_of(runs: Path) -> dict[str, dict[str, str]]:
    """Read what was timed, by method."""
    path = runs / "costs.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row.pop("method"): row for row in csv.DictReader(file)}


def rows(runs: Path) -> Iterator[dict[str, object]]:
    """Yield the table's rows, one for each method with a finished run."""
    costs, plain = costs_of(runs), seeds.runs_of(runs, "plain")
    for method in METHODS:
        if evaluations := seeds.runs_of(runs, method):
            row: dict[str, object] = {"method": method, "filter": METHODS[method] or "none", "seeds": len(evaluations)}
            for name in SCORES:
                row |= cells(name, *([run.scores[name] for run in each] for each in (evaluations, plain)))
            yield row | costs.get(method, dict.fromkeys(COSTS, ""))


def cells(name: str, scores: list[Score], plain: list[Score]) -> dict[str, str]:
    """Return the columns of one score: `name` for its mean, the others behind its name."""
    found = seeds.cells(scores, plain)
    return {name: found.pop("mean")} | {f"{name}_{column}": value for column, value in found.items()}


def table(runs: Path) -> None:
    """Write the table, and from the file alone what people read."""
    seeds.write(OUT, rows(runs))
    OUT.with_suffix(".md").write_text(readable(OUT))


def readable(path: Path) -> str:
    """Return the table of a CSV in Markdown: scores in percent with the difference from plain and its interval."""
    with path.open(newline="") as file:
        found = list(csv.DictReader(file))
    heads = ["method", "seeds", *SCORES, *COSTS]
    lines = [[shown(row, head) for head in heads] for row in found]
    titles = [head.replace("_", " ") for head in heads]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (titles, ["---"] * len(heads), *lines))


def shown(row: Mapping[str, str], head: str) -> str:
    """Return one cell of the table that people read."""
    if head in SCORES:
        gain, low, high = (row[f"{head}_{of}"] for of in ("gain", "gain_low", "gain_high"))
        compared = f" ({float(gain):+.1f}: {float(low):+.1f} to {float(high):+.1f})" if gain else ""
        return f"{float(row[head]):.1f}{compared if row['method'] != 'plain' else ''}"
    return f"{float(row[head]):.2f}" if head in ("time", "memory") and row[head] else row[head]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "time", "table"))
    parser.add_argument("--runs", type=Path, default=Path("runs/methods"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=len(METHODS))
    args = parser.parse_args()
    if args.step == "train":
        train(args.runs, args.seeds)
    elif args.step == "time":
        measure(args.runs, args.most)
    else:
        table(args.runs)


if __name__ == "__main__":
    main()
