"""Every circular shift of a picture through whole networks: how many keep the answer, untrained.

    python benchmarks/circular.py [--size 64] [--shifts 4096]

writes `benchmarks/circular.csv`. Classifiers: the share of shifts whose top-1 is that of the picture itself. The U-Net:
the share of pixels, over all shifts, whose class moves with the picture. Error: the largest relative distance of an
output from that of the unmoved picture, moved along.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from antialias.data import photographs
from antialias.models import build
from antialias.nn import Adaptive, Filter, Fixed, Polyphase
from antialias.surgery import convert_

NETWORKS = ("torchvision:resnet18", "torchvision:mobilenet_v2", "smp:Unet:resnet18")
FILTERS: tuple[Filter | None, ...] = (
    None,
    Fixed(),
    Adaptive(init="paper"),
    Polyphase(),
    Polyphase(phase="learned"),
    Fixed(phase="norm", padding_mode="circular"),
    Adaptive(phase="norm", padding_mode="circular", init="paper"),
)
OUT = Path(__file__).with_suffix(".csv")


def pictures(size: int) -> Tensor:
    """Return crops of photographs `(N, 3, size, size)`."""
    crops = [photo[:, 100 : 100 + size, 100 : 100 + size] for photo in photographs().values()]
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


def shifts(size: int, count: int) -> list[tuple[int, int]]:
    """Return `count` different shifts of a square picture, all of them if `count` is their number."""
    order = torch.randperm(size**2, generator=torch.Generator().manual_seed(0))[:count].tolist()
    return [divmod(number, size) for number in order]


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--shifts", type=int, default=4096)
    args = parser.parse_args()
    x, moves = pictures(args.size), shifts(args.size, args.shifts)
    with OUT.open("w", newline="") as file, torch.no_grad():
        writer = csv.writer(file)
        writer.writerow(["network", "filter", "size", "shifts", "kept", "largest_error"])
        for name in NETWORKS:
            for filter in FILTERS:
                kept, errors = zip(*compare(network(name, filter, x), x[:1], moves), strict=True)
                row = [name, filter or "none", args.size, len(moves), sum(kept) / len(kept), f"{max(errors):.2e}"]
                writer.writerow(row)
                file.flush()
                print(*row)


if __name__ == "__main__":
    main()
