"""Draw the trade-off curve of `aa.retrofit_`: agreement against stability, with filters and without.

    python benchmarks/retrofit.py [--quick] [--out benchmarks/retrofit.csv]

EfficientNet-Lite0 with its ImageNet weights learns on composed scenes and pieces of photographs, and is measured on
other scenes and pieces of other photographs. Each row is one state on the held-out pictures: the network as it was, the
filters just started, every measured step, the states on the way there, and the one that was kept. The control runs the
same procedure on the network without filters. About 4 minutes on two cores; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

import antialias as aa
from antialias.data import Scenes, photographs
from antialias.models import build
from antialias.retrofit import Retrofit, RetrofitConfig, ValidationStep, retrofit_

SIDE = 147  # windows of 7/8 of it are 128 pixels
LEARN = ("astronaut", "coffee", "motorcycle_left", "motorcycle_right", "hubble_deep_field", "ihc", "retina")
HELD_OUT = ("chelsea", "china", "flower", "rocket")
COLUMNS = ("network", "state", "loss", "measure", "value", "low", "high", "pictures", "seconds")


@dataclass(frozen=True)
class Case:
    """One curve: which network, and how it is taught."""

    network: str
    config: RetrofitConfig

    def build(self) -> nn.Module:
        """Return EfficientNet-Lite0, with adaptive filters unless this is the control."""
        torch.manual_seed(0)  # the predictors' start values
        model = build("antialias:EfficientNetLite0", weights="default").eval()
        if self.network == "filters":
            aa.convert_(model, example=torch.zeros(1, 3, 128, 128))
        return model


def cases(steps: int) -> list[Case]:
    """Return filters and control, taught alike."""
    config = RetrofitConfig(steps=steps, evaluate_every=max(1, steps // 2), passes=2)
    return [Case(network, config) for network in ("filters", "control")]


def pieces(names: tuple[str, ...], count: int, seed: int) -> Tensor:
    """Cut square pieces of random place and size out of photographs, half mirrored: `(count, 3, SIDE, SIDE)`."""
    generator = torch.Generator().manual_seed(seed)
    photos = [photograph.float()[None] / 255 for name, photograph in photographs().items() if name in names]
    return torch.cat([_piece(photos[i % len(photos)], generator) for i in range(count)])


def _piece(photo: Tensor, generator: torch.Generator) -> Tensor:
    scale, down, right, mirror = torch.rand(4, generator=generator).tolist()
    edge = int(min(photo.shape[-2:]) * (0.35 + 0.65 * scale))
    top, left = int(down * (photo.shape[-2] - edge)), int(right * (photo.shape[-1] - edge))
    cut = photo[..., top : top + edge, left : left + edge]
    cut = cut.flip(-1) if mirror < 0.5 else cut
    return nn.functional.interpolate(cut, (SIDE, SIDE), mode="bilinear", antialias=True).clamp(0, 1)


def pictures(split: str, count: int, seed: int) -> Tensor:
    """Return as many scenes as pieces of photographs, of one side of the split."""
    scenes = Scenes(split, size=SIDE, seed=seed, length=count // 2)
    drawn = scenes.labelled(torch.arange(count // 2))[0].float() / 255
    return torch.cat([drawn, pieces(LEARN if split == "train" else HELD_OUT, count - count // 2, seed)])


def rows(case: Case, done: Retrofit, seconds: float) -> Iterator[list[object]]:
    """Yield one row a state and measure."""
    head = [case.network]

    def step_rows(state: str, step: ValidationStep) -> Iterator[list[object]]:
        for measure in ("consistency", "agreement"):
            value = getattr(step, measure)
            yield [*head, state, f"{step.loss:.4f}", measure, f"{value:.4f}", "", "", "", ""]

    yield from step_rows("start", done.start)
    yield from itertools.chain.from_iterable(step_rows(str(step), step) for step in done.history)
    kept = "unchanged" if done.chosen is None else f"kept: {done.chosen}"
    for state, scores in (("before", done.before), (kept, done.after)):
        for measure, score in scores.rows().items():
            low, high = (f"{bound:.4f}" for bound in score.interval)
            yield [*head, state, "", measure, f"{score.value:.4f}", low, high, score.images, f"{seconds:.0f}"]


def main() -> None:
    """Run every case and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="few pictures and steps, to see that it runs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/retrofit.csv"))
    arguments = parser.parse_args()
    learn, held_out, steps = (64, 50, 3) if arguments.quick else (384, 128, 100)
    sets = pictures("train", learn, seed=0), pictures("test", held_out, seed=1)
    with arguments.out.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for case in cases(steps):
            begun = time.perf_counter()
            done = retrofit_(case.build(), sets[0], held_out=sets[1], config=case.config)
            seconds = time.perf_counter() - begun
            table.writerows(rows(case, done, seconds))
            file.flush()
            print(f"\n{case.network}: {seconds:.0f} s\n{done}", flush=True)


if __name__ == "__main__":
    main()
