"""Write how steady trained networks become without labels, by least squares and by learning: mend_retrofit.csv.

    python benchmarks/mend_retrofit.py NETWORK --photos FILE [--composed FILE] [--weights FILE] [--variants ...]

NETWORK is `mobilenet` (torchvision's MobileNetV2; `--weights` names its ImageNet weights) or `lite0` (EfficientNet-
Lite0 with the weights of its package). The files of images are what `torch.save` wrote of `{"images": uint8 (N, 3, 256,
256), "source": (N,)}`. Sources are split into half to learn from, a quarter to choose by and a quarter to report on, so
that no photograph is on two sides; `--elsewhere` names a file of images of other sources, all of which report. A row is
one variant on one part of one kind of images; rows that the table holds are not measured again. Intervals are of the
paired difference to the network as it is, and resample sources. About seven minutes a variant on one core.
"""

from __future__ import annotations

import argparse
import copy
import csv
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import antialias as aa
from antialias.metrics import ClassScores, measure_classifier, shift_averaged_answers, windows
from antialias.models import build
from antialias.nn import Filter
from antialias.retrofit import RetrofitConfig, fit_pointwise_

COLUMNS = (
    *("network", "variant", "images", "part", "seed", "fitted_on", "views", "radius", "ridge", "share", "cost"),
    *("measure", "before", "after", "difference", "low", "high", "count", "sources", "fit_seconds"),
)
MEASURES = ("flips", "consistency", "mean_absolute_change", "confidence", "agreement")
Rows = dict[str, Tensor]


@dataclass(frozen=True)
class Variant:
    """One remedy: filters or none, then least squares or learning or both, then part of the way."""

    filters: Filter | None = None
    learn: str = "both"
    images: int = 480
    views: int = 4
    radius: int | None = 8
    ridge: float | None = None
    fit: bool = True
    learning: RetrofitConfig | None = None
    shares: tuple[float, ...] = (1.0,)


LEARNING = RetrofitConfig(
    steps=80,
    batch_size=12,
    learning_rate=5e-5,
    temperature=2.0,
    views=2,
    radius=8,
    evaluate_every=80,
    passes=1,
    choose_by="flips",
    margin=1.0,
    shares=(),
)
"""What a student learns: the mean of the original's answers over the windows of an update."""

ADAPTIVE, FIXED = aa.Adaptive(), aa.Fixed(kernel_size=3)
VARIANTS = {
    "as it is": Variant(fit=False),
    "least squares": Variant(shares=(0.75, 1.0)),
    "least squares, 8 views": Variant(views=8, images=240),
    "least squares, photographs": Variant(learn="photos"),
    "least squares, ridge 0.01": Variant(ridge=0.01),
    "least squares, fixed filters": Variant(FIXED),
    "learned": Variant(fit=False, images=640, learning=LEARNING),
    "learned, 4 views": Variant(fit=False, images=640, learning=replace(LEARNING, views=4)),
    "learned, 4 views, 240 steps": Variant(
        fit=False, images=1600, learning=replace(LEARNING, views=4, steps=240, evaluate_every=240)
    ),
    "least squares, learned, 4 views": Variant(images=640, learning=replace(LEARNING, views=4)),
    "learned, agreement 2": Variant(fit=False, images=640, learning=replace(LEARNING, agreement=2.0)),
    "learned, teacher over the image": Variant(
        fit=False, images=640, radius=None, learning=replace(LEARNING, radius=None)
    ),
    "learned, back half": Variant(fit=False, images=640, learning=replace(LEARNING, frozen=0.5)),
    "learned, norms": Variant(fit=False, images=640, learning=replace(LEARNING, learn="norms", learning_rate=1e-3)),
    "learned, rate 2e-4": Variant(fit=False, images=640, learning=replace(LEARNING, learning_rate=2e-4)),
    "learned, fixed filters": Variant(FIXED, fit=False, images=640, learning=LEARNING),
    "learned, adaptive filters": Variant(ADAPTIVE, fit=False, images=640, learning=LEARNING),
    "learned, bottleneck filters": Variant(
        aa.Adaptive(predictor="bottleneck"), fit=False, images=640, learning=LEARNING
    ),
    "least squares, learned": Variant(images=640, learning=LEARNING),
    "least squares, learned, fixed filters": Variant(FIXED, images=640, learning=LEARNING),
}
PHASES = {"mobilenet": "features.4.conv.1.0", "lite0": "blocks.2.0.conv_dw"}
"""From where on two phases are averaged: the sites that other photographs chose (benchmarks/mend.csv)."""


@dataclass(frozen=True)
class Pool:
    """Images `(N, 3, H, W)` of one kind, and the source of each."""

    images: Tensor
    source: Tensor

    @classmethod
    def read(cls, path: Path) -> Pool:
        """Read a file of images."""
        held = torch.load(path, weights_only=True)
        return cls(held["images"], held["source"])

    def part(self, name: str) -> Pool:
        """Return the images to `"learn"` from, to `"choose"` by or to `"report"` on."""
        sources = self.source.unique()
        order = sources[torch.randperm(len(sources), generator=torch.Generator().manual_seed(1))]
        place = torch.empty(int(sources.max()) + 1, dtype=torch.long)
        place[order] = torch.arange(len(order)) % 4
        quarters = {"learn": (0, 1), "choose": (2,), "report": (3,)}[name]
        inside = torch.isin(place[self.source], torch.tensor(quarters))
        return Pool(self.images[inside], self.source[inside])

    def some(self, count: int, seed: int) -> Tensor:
        """Return random images as floats in [0, 1]."""
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(seed))
        return self.images[order[:count]].float() / 255


def network_of(name: str, weights: Path | None) -> nn.Module:
    """Return a network with its ImageNet weights."""
    if name == "lite0":
        return build("antialias:EfficientNetLite0", weights="default").eval()
    model = build("antialias:MobileNetV2", weights=None if weights is None else str(weights)).eval()
    return model.to(memory_format=torch.channels_last)


def local_views(images: Tensor, variant: Variant, seed: int) -> Iterator[Tensor]:
    """Yield batches of windows, the views of an image one after the other and within `radius` pixels."""
    for first in range(0, len(images), 4):
        some = images[first : first + 4]
        outer = 7 * some.shape[-1] // 8 + variant.radius
        around = windows(some, 1, window=outer, seed=seed + 2, first=first)[:, 0]
        yield windows(around, variant.views, window=outer - variant.radius, seed=seed + 1, first=first).flatten(0, 1)


def fitted(original: nn.Module, variant: Variant, kinds: dict[str, Pool], seed: int) -> nn.Module:
    """Return the network with a variant's remedy, at the end of the way."""
    pools = [pool for kind, pool in kinds.items() if variant.learn in ("both", kind)]
    each = variant.images // len(pools)
    images = torch.cat([pool.part("learn").some(each, seed) for pool in pools])
    network = copy.deepcopy(original)
    if variant.filters is not None:
        aa.convert_(network, variant.filters, example=images[:1])
    inputs = ClassScores(original).inputs
    if variant.fit and variant.radius is not None:
        fit_pointwise_(
            network,
            original,
            lambda: (inputs(views) for views in local_views(images[:480], variant, seed)),
            views=variant.views,
            radius=variant.radius,
            ridge=variant.ridge,
        )
    if variant.learning is not None:
        held_out = torch.cat([pool.part("choose").some(16, 0) for pool in pools])
        config = replace(variant.learning, seed=seed)
        aa.retrofit_(network, images, held_out=held_out, original=original, config=config)
    return network


def measured(network: nn.Module, pool: Pool, reference: Tensor) -> Rows:
    """Return the rows of every measure, one an image."""
    scores = measure_classifier(network, pool.images.float() / 255, passes=1)
    rows = {name: scores[name].rows.flatten(0).float() for name in MEASURES[:-1]}
    return rows | {"agreement": (scores["answers"].rows.flatten() == reference.argmax(1)).float()}


def interval(difference: Tensor, source: Tensor) -> tuple[float, float]:
    """Return the 95 % interval of a mean difference under resampling of the sources."""
    _, of_source = source.unique(return_inverse=True)
    sums = torch.zeros(int(of_source.max()) + 1).index_add(0, of_source, difference)
    counts = torch.bincount(of_source).float()
    drawn = torch.randint(len(sums), (2000, len(sums)), generator=torch.Generator().manual_seed(0))
    low, high = (sums[drawn].sum(1) / counts[drawn].sum(1)).quantile(torch.tensor([0.025, 0.975])).tolist()
    return low, high


def multiply_adds(network: nn.Module) -> int:
    """Count the multiply-adds of a forward pass on one image of 224 pixels."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, 224, 224))
    return counter.get_total_flops() // 2


@dataclass
class Table:
    """The rows on disk, and the baselines in memory."""

    path: Path
    network: str
    original: nn.Module
    parts: dict[tuple[str, str], Pool]
    seed: int

    def __post_init__(self) -> None:
        self.baselines: dict[tuple[str, str], tuple[Tensor, Rows]] = {}
        with self.path.open("a+", newline="") as file:
            file.seek(0)
            self.done = {(*(row[name] for name in COLUMNS[:5]), row["share"]) for row in csv.DictReader(file)}
            if file.tell() == 0:
                csv.writer(file).writerow(COLUMNS)

    def baseline(self, at: tuple[str, str]) -> tuple[Tensor, Rows]:
        """Return the reference answers and the rows of the network as it is."""
        if at not in self.baselines:
            pixels = self.parts[at].images.float() / 255
            reference = shift_averaged_answers(self.original, pixels, shifts=8)
            self.baselines[at] = reference, measured(self.original, self.parts[at], reference)
        return self.baselines[at]

    def add(self, name: str, variant: Variant, share: float, network: nn.Module, seconds: float) -> None:
        """Measure a network on every part whose row is lacking, and write the rows."""
        cost = multiply_adds(network) / multiply_adds(self.original)
        for (kind, part), pool in self.parts.items():
            if (self.network, name, kind, part, str(self.seed), str(share)) in self.done:
                continue
            reference, before = self.baseline((kind, part))
            after = measured(network, pool, reference)
            options = (variant.learn, variant.views, variant.radius, variant.ridge, share, f"{cost:.3f}")
            with self.path.open("a", newline="") as file:
                for measure in MEASURES:
                    difference = after[measure] - before[measure]
                    was, now = (f"{rows[measure].mean().item():.4f}" for rows in (before, after))
                    bounds = (f"{bound:+.4f}" for bound in interval(difference, pool.source))
                    row = (was, now, f"{difference.mean().item():+.4f}", *bounds, len(pool.images))
                    head = (self.network, name, kind, part, self.seed, *options, measure)
                    csv.writer(file).writerow((*head, *row, len(pool.source.unique()), f"{seconds:.0f}"))
                    print(*head, *row[:5], flush=True)


def main() -> None:
    """Run every variant and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("network", choices=("mobilenet", "lite0"))
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--composed", type=Path)
    parser.add_argument("--elsewhere", type=Path, help="images of other sources, all of which report")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--variants", nargs="+", choices=tuple(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--parts", nargs="+", choices=("choose", "report"), default=["choose"])
    parser.add_argument("--count", type=int, default=160, help="images of a part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shares", type=float, nargs="+")
    parser.add_argument("--phases", action="store_true", help="measure each variant with two phases averaged too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/mend_retrofit.csv"))
    arguments = parser.parse_args()
    files = {"photos": arguments.photos, "composed": arguments.composed}
    kinds = {kind: Pool.read(path) for kind, path in files.items() if path is not None}
    original = network_of(arguments.network, arguments.weights)
    parts = {}
    for part in arguments.parts:
        for kind, pool in kinds.items():
            whole = pool.part(part)
            even = torch.linspace(0, len(whole.images) - 1, min(arguments.count, len(whole.images))).long()
            parts[kind, part] = Pool(whole.images[even], whole.source[even])
    if arguments.elsewhere is not None:
        parts["elsewhere", "report"] = Pool.read(arguments.elsewhere)
    table = Table(arguments.out, arguments.network, original, parts, arguments.seed)
    start = original.state_dict()
    for name in arguments.variants:
        variant, begun = VARIANTS[name], time.perf_counter()
        network = fitted(original, variant, kinds, arguments.seed)
        seconds = time.perf_counter() - begun
        end = copy.deepcopy(network.state_dict())
        for share in arguments.shares or variant.shares:
            if share != 1:
                network.load_state_dict(
                    {
                        key: torch.lerp(start[key], value, share)
                        for key, value in end.items()
                        if value.is_floating_point()
                    },
                    strict=False,
                )
            else:
                network.load_state_dict(end)
            table.add(name, variant, share, network, seconds)
            if arguments.phases and share == 1:
                averaged = copy.deepcopy(network)
                example = torch.zeros(1, 3, 224, 224)
                aa.convert_(averaged, aa.PhaseAverage(phases=2), where=PHASES[arguments.network], example=example)
                table.add(f"{name}, 2 phases", variant, share, averaged, seconds)


if __name__ == "__main__":
    main()
