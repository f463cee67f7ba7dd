"""How many pictures a second the loader gives, beside how many a training step takes.

    python benchmarks/loading.py [--out benchmarks/loading.csv]      # two minutes; on an idle machine

JPEGs of 500 x 375 pixels, ImageNet's usual size, are written to a temporary folder: windows of photographs. Each row is
a way to read with the network that learns from it: pictures a second of the loader with 0, 1 and 2 worker processes and
of the training step on this CPU: medians of rounds that are interleaved, so that a drift of the machine meets all.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import seeds
import torch
from torchvision.transforms.v2.functional import to_pil_image

from antialias.data import photographs
from antialias.tasks import TrainConfig, network, task_named
from antialias.tasks.batches import batch_loader

SIDES, PICTURES = (375, 500), 48
OUT = Path(__file__).with_suffix(".csv")


@dataclass(frozen=True)
class Case:
    """A way to read pictures and the network that learns from them."""

    name: str
    config: TrainConfig


def cases(folder: Path) -> list[Case]:
    """Return what is measured."""
    imagenet = TrainConfig(
        model="torchvision:resnet18", data=f"images:{folder}", size=256, window=224, batch_size=8, crop="resized"
    )
    scenes = TrainConfig(train_length=256, batch_size=64)
    return [
        Case("JPEG, random part of the whole picture", imagenet),
        Case("JPEG, central squares of 256, in memory", replace(imagenet, crop="window")),
        Case("scenes, in memory", scenes),
        Case("scenes with masks, in memory", replace(scenes, task="semantic", size=80, batch_size=16)),
        Case("scenes with instances, in memory", replace(scenes, task="instance", size=80, batch_size=8)),
    ]


def write_pictures(folder: Path) -> None:
    """Write windows of photographs, two classes in both splits."""
    sources = [image for image in photographs().values() if image.shape[1] >= SIDES[0] and image.shape[2] >= SIDES[1]]
    for split, count in (("train", PICTURES), ("val", 2)):
        for number in range(count):
            image = sources[number % len(sources)]
            top, left = (number * 7 % (side - want + 1) for side, want in zip(image.shape[1:], SIDES, strict=True))
            file = folder / split / f"class{number % 2}" / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            to_pil_image(image[:, top : top + SIDES[0], left : left + SIDES[1]]).save(file, quality=90)


def loading(case: Case, workers: int) -> Callable[[], float]:
    """Return what reads one epoch and says how many pictures a second that gave."""
    task = task_named(case.config.task)
    data = task.open(case.config, "train")

    def measured() -> float:
        batches = task.training_batches(data, case.config, 0)
        start = time.perf_counter()
        count = sum(
            len(images) for images, _ in batch_loader(batches, case.config, range(len(batches)), workers=workers)
        )
        return count / (time.perf_counter() - start)

    return measured


def learning(case: Case) -> Callable[[], float]:
    """Return what takes one step on the CPU and says how many pictures a second that was."""
    task, config = task_named(case.config.task), case.config
    data = task.open(config, "train")
    model = network(config, task.outputs(data)).train()
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    batch = task.training_batches(data, config, 0)[0]

    def measured() -> float:
        start = time.perf_counter()
        task.training_loss(model, *batch, config).backward()
        optimizer.step()
        optimizer.zero_grad()
        return len(batch[0]) / (time.perf_counter() - start)

    return measured


def rows(folder: Path, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield the table's rows, a line printed for each."""
    for case in cases(folder):
        loops = {f"{workers} workers": loading(case, workers) for workers in (0, 1, 2)} | {"step": learning(case)}
        times: dict[str, list[float]] = {name: [] for name in loops}
        for _ in range(rounds):
            for name, measured in loops.items():
                times[name].append(measured())
        medians = {name: round(statistics.median(values), 1) for name, values in times.items()}
        model = case.config.model or task_named(case.config.task).default_model
        row = {"data": case.name, "model": model, "window": case.config.window, "batch_size": case.config.batch_size}
        print(row, medians, flush=True)
        yield row | medians | {"threads": torch.get_num_threads(), "rounds": rounds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder))
        table: list[dict[str, Any]] = []
        for row in rows(Path(folder), args.rounds):
            table.append(row)
            seeds.write(args.out, table)


if __name__ == "__main__":
    main()
