"""Circular shifts of a picture through whole untrained networks: how many keep the answer.

    python benchmarks/circular.py [--sample 256] [--out benchmarks/circular.csv]   # goes on where it stopped

Every shift of a 64x64 picture for polyphase by norm, and a sample of them for other filters, sizes and borders.
Classifiers: the share of shifts whose top-1 is that of the picture itself. The U-Net: the share of pixels, over all
shifts, whose class moves with the picture. Error: the largest relative distance of an output from that of the unmoved
picture, moved along. All in float32; shifts go through in batches, so that each picture chooses for itself.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from antialias.data import photographs
from antialias.models import build
from antialias.nn import Adaptive, Filter, Fixed, Polyphase
from antialias.surgery import convert_

RESNET, NETWORKS = "torchvision:resnet18", ("torchvision:resnet18", "torchvision:mobilenet_v2", "smp:Unet:resnet18")
OTHERS: tuple[Filter | None, ...] = (
    Fixed(phase="norm", padding_mode="circular"),
    Polyphase(phase="learned"),
    Adaptive(phase="norm", padding_mode="circular", init="paper"),
    None,
    Fixed(),
    Adaptive(init="paper"),
    Polyphase(padding_mode="reflect"),
)
SIDE, SIZES = 64, ((64, 96), (96, 96), (60, 60), (65, 65), (72, 80))
COLUMNS = ("network", "filter", "size", "shifts", "kept", "largest_error")


class Case(NamedTuple):
    """One row: a network with a filter, a picture's size in pixels, and how many of its shifts are tried."""

    network: str
    filter: Filter | None
    size: tuple[int, int]
    shifts: int

    def key(self) -> tuple[str, ...]:
        """Return the columns that name the row."""
        return self.network, str(self.filter or "none"), "x".join(map(str, self.size)), str(self.shifts)


def cases(sample: int) -> Iterator[Case]:
    """Yield what is tried, with `sample` shifts where not all are."""
    for name in NETWORKS:
        yield Case(name, Polyphase(), (SIDE, SIDE), SIDE**2)
    for filter, name in product(OTHERS, NETWORKS):
        yield Case(name, filter, (SIDE, SIDE), sample)
    for size in SIZES:
        yield Case(RESNET, Polyphase(), size, sample)


def pictures(height: int, width: int) -> Tensor:
    """Return crops of photographs `(4, 3, height, width)`."""
    crops = [photo[:, 100 : 100 + height, 100 : 100 + width] for photo in photographs().values()]
    return torch.stack(crops[:4]).float() / 255 - 0.5


def network(name: str, filter: Filter | None, x: Tensor) -> nn.Module:
    """Build an untrained network whose norms hold the statistics of `x`, with a filter."""
    torch.manual_seed(0)
    model = build(name, 20)
    if filter is not None:
        convert_(model, filter, example=x[:1], placement="paper")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(x)
    return model.eval()


def shifts(height: int, width: int, count: int) -> list[tuple[int, int]]:
    """Return `count` different shifts of a picture, all of them if `count` is their number."""
    order = torch.randperm(height * width, generator=torch.Generator().manual_seed(0))[:count].tolist()
    return [divmod(number, width) for number in order]


def compare(model: nn.Module, x: Tensor, moves: list[tuple[int, int]]) -> Iterator[tuple[float, float]]:
    """Yield, for each shift of the picture `x`, the share of answers that is kept and the relative error."""
    y = model(x)
    for start in range(0, len(moves), 32):
        part = moves[start : start + 32]
        answers = model(torch.cat([x.roll(move, (2, 3)) for move in part]))
        for answer, (rows, columns) in zip(answers, part, strict=True):
            back = answer.roll((-rows, -columns), (1, 2)) if y.dim() == 4 else answer
            kept = (back.argmax(0) == y[0].argmax(0)).float().mean()
            yield float(kept), float((back - y[0]).norm() / y.norm())


@torch.no_grad()
def row_of(case: Case) -> list[str]:
    """Measure a case."""
    x = pictures(*case.size)
    compared = compare(network(case.network, case.filter, x), x[:1], shifts(*case.size, case.shifts))
    kept, errors = zip(*compared, strict=True)
    return [*case.key(), f"{sum(kept) / len(kept):.6f}", f"{max(errors):.2e}"]


def done(out: Path) -> set[tuple[str, ...]]:
    """Return the rows that are there already."""
    if not out.exists():
        return set()
    with out.open(newline="") as file:
        return {tuple(row[:4]) for row in csv.reader(file)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    args = parser.parse_args()
    there = done(args.out)
    with args.out.open("a", newline="") as file:
        writer = csv.writer(file)
        if not there:
            writer.writerow(COLUMNS)
        for case in cases(args.sample):
            if case.key() not in there:
                writer.writerow(row := row_of(case))
                file.flush()
                print(*row, flush=True)


if __name__ == "__main__":
    main()
