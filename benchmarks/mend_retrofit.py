"""Write how steady trained networks become without labels, by least squares and by learning: mend_retrofit.csv.

    python benchmarks/mend_retrofit.py NETWORK --photos FILE [--composed FILE] [--weights FILE] [--variants ...]

NETWORK is `mobilenet` (torchvision's MobileNetV2; `--weights` names its ImageNet weights) or `lite0` (EfficientNet-
Lite0 with the weights of its package). The files of images are what `torch.save` wrote of `{"images": uint8 (N, 3, 256,
256), "source": (N,)}`. A quarter of the sources teaches, a quarter chooses and half report, so that no photograph is on
two sides (for rows fitted on `both`, half taught and a quarter reported); `--elsewhere` names a file of images of other
sources, all of which report, and `--scenes` says how many composed scenes do. A row is one variant on one part of one
kind of images; rows that the table holds are not measured again. What is learned is measured after its last step,
whether it helped or not. Intervals are of the paired difference to the network as it is, and resample sources. With
`--onnx` networks are measured in ONNX Runtime, whose answers are those of torch, in a quarter of the time. Three to
seven minutes a variant on one core.
"""

from __future__ import annotations

import argparse
import copy
import csv
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from curve import SCORES as MEASURES
from curve import Rows, in_onnx_runtime, measured
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import antialias as aa
from antialias._tensors import read_archive
from antialias._torch import BatchNorm
from antialias.data import Scenes
from antialias.metrics import ClassScores, normalization_of, shift_averaged_answers, windows
from antialias.models import build
from antialias.nn import Filter
from antialias.retrofit import RetrofitConfig, fit_pointwise_
from antialias.retrofit._student import Student

COLUMNS = (
    *("network", "variant", "images", "part", "seed", "fitted_on", "views", "radius", "ridge", "share", "cost"),
    *("measure", "before", "after", "difference", "low", "high", "count", "sources", "fit_seconds"),
)


@dataclass(frozen=True)
class Variant:
    """One remedy: filters or none, then least squares or learning or both, then part of the way.

    Learning is with norms as in training where they are `live`, and from the original averaged over `phases`.
    """

    filters: Filter | None = None
    learn: str = "both"
    images: int = 480
    views: int = 4
    radius: int | None = 8
    ridge: float | None = None
    fit: bool = True
    learning: RetrofitConfig | None = None
    live: bool = False
    phases: int = 0
    shares: tuple[float, ...] = (1.0,)


LEARNING = RetrofitConfig(
    steps=60,
    batch_size=8,
    learning_rate=5e-5,
    temperature=2.0,
    views=2,
    radius=8,
    passes=1,
    margin=1.0,
    shares=(),
)
"""What a student learns: the original's answers to the other windows of an update."""

ADAPTIVE, BOTTLENECK = aa.Adaptive(predictor="full"), aa.Adaptive(predictor="bottleneck")
FIXED = aa.Fixed(kernel_size=3)


def learned(filters: Filter | None = None, **options: Any) -> Variant:
    """Return a variant that learns, with options other than those of `LEARNING`."""
    config = replace(LEARNING, **options)
    return Variant(filters, fit=False, images=600, views=config.views, radius=config.radius, learning=config)


VARIANTS = {
    "as it is": Variant(fit=False),
    "least squares": Variant(shares=(0.75, 1.0)),
    "least squares, 8 views": Variant(views=8, images=240),
    "least squares, photographs": Variant(learn="photos"),
    "least squares, ridge 0.01": Variant(ridge=0.01),
    "least squares, fixed filters": Variant(FIXED),
    "least squares, learned": Variant(learning=LEARNING),
    "learned": learned(),
    "learned, teacher over the image": learned(radius=None),
    "learned, teacher over 4 phases": replace(learned(), phases=4),
    "learned, 4 views": learned(views=4, batch_size=4),
    "learned, agreement 2": learned(agreement=2.0),
    "learned, live norms": replace(learned(), live=True),
    "learned, norms": learned(learn="norms", learning_rate=1e-3),
    "learned, back half": learned(frozen=0.5),
    "learned, rate 2e-4": learned(learning_rate=2e-4),
    "learned, 120 steps": learned(steps=120),
    "learned, 240 steps": learned(steps=240),
    "learned, 480 steps": learned(steps=480),
    "learned, fixed filters": learned(FIXED),
    "learned, fixed filters, 480 steps": learned(FIXED, steps=480),
    "learned, adaptive filters": learned(ADAPTIVE),
    "learned, bottleneck filters": learned(BOTTLENECK),
    "learned, adaptive filters, agreement 2": learned(ADAPTIVE, agreement=2.0),
    "learned, bottleneck filters, 240 steps": learned(BOTTLENECK, steps=240),
    "learned, adaptive filters alone": learned(ADAPTIVE, learn="filters"),
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
        quarters = {"learn": (0,), "choose": (1,), "report": (2, 3)}[name]
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


class LiveStudent(Student):
    """A student whose norms normalize by the batch and keep running statistics, as in training."""

    def __init__(self, network: nn.Module, config: RetrofitConfig) -> None:
        super().__init__(network, config)
        for module in self.network.modules():
            module.train(isinstance(module, BatchNorm))

    def learn(self, step: int, images: Tensor, targets: Tensor) -> float:
        """Take one step, and hand the statistics on to the average."""
        loss = super().learn(step, images, targets)
        for mean, now in zip(self.average.buffers(), self.network.buffers(), strict=True):
            mean.copy_(now)
        return loss


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
        learn_(network, original, variant, images, held_out=pools[0].part("choose").some(8, 0), seed=seed)
    return network


def learn_(
    network: nn.Module, original: nn.Module, variant: Variant, images: Tensor, *, held_out: Tensor, seed: int
) -> None:
    """Teach a network, and leave it as it is after the last step, whether that is steadier or not."""
    teacher = copy.deepcopy(original)
    if variant.phases:
        aa.convert_(teacher, aa.PhaseAverage(phases=variant.phases), example=images[:1, :, :224, :224])
    config = replace(variant.learning, evaluate_every=variant.learning.steps, seed=seed)
    student = LiveStudent if variant.live else Student
    with tempfile.TemporaryDirectory() as folder, mock.patch("antialias.retrofit._retrofit.Student", student):
        path = Path(folder) / "state"
        aa.retrofit_(network, images, held_out=held_out, original=teacher, config=config, checkpoint=path)
        network.load_state_dict(read_archive(path, "")["student"]["average"])


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
    onnx: bool

    def __post_init__(self) -> None:
        self.baselines: dict[tuple[str, str], tuple[Tensor, Rows]] = {}
        with self.path.open("a+", newline="") as file:
            file.seek(0)
            self.done = {(*(row[name] for name in COLUMNS[:6]), row["share"]) for row in csv.DictReader(file)}
            if file.tell() == 0:
                csv.writer(file).writerow(COLUMNS)

    def baseline(self, at: tuple[str, str]) -> tuple[Tensor, Rows]:
        """Return the reference answers and the rows of the network as it is."""
        if at not in self.baselines:
            pixels = self.parts[at].images.float() / 255
            network = self.running(self.original)
            reference = shift_averaged_answers(network, pixels, shifts=8)
            self.baselines[at] = reference, measured(network, pixels, reference)
        return self.baselines[at]

    def running(self, network: nn.Module) -> nn.Module:
        """Return a network as it is measured."""
        if not self.onnx:
            return network
        return in_onnx_runtime(network.eval(), torch.rand(1, 3, 224, 224), normalization_of(self.original))

    def lacks(self, name: str, variant: Variant, share: float) -> list[tuple[str, str]]:
        """Return the parts whose row is lacking."""
        last = (str(self.seed), variant.learn, str(share))
        return [at for at in self.parts if (self.network, name, *at, *last) not in self.done]

    def add(self, name: str, variant: Variant, share: float, network: nn.Module, seconds: float) -> None:
        """Measure a network on every part whose row is lacking, and write the rows."""
        cost = multiply_adds(network) / multiply_adds(self.original)
        running = self.running(network)
        for kind, part in self.lacks(name, variant, share):
            pool = self.parts[kind, part]
            reference, before = self.baseline((kind, part))
            after = measured(running, pool.images.float() / 255, reference)
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
    parser.add_argument("--learn", choices=("photos", "composed"), help="learn from one kind, and choose by that alone")
    parser.add_argument("--elsewhere", type=Path, help="images of other sources, all of which report")
    parser.add_argument("--scenes", type=int, help="report on so many composed scenes, too")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--variants", nargs="+", choices=tuple(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--parts", nargs="+", choices=("choose", "report"), default=["choose"])
    parser.add_argument("--count", type=int, default=160, help="images of a part")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shares", type=float, nargs="+")
    parser.add_argument("--onnx", action="store_true", help="measure in ONNX Runtime")
    parser.add_argument("--phases", action="store_true", help="measure each variant with two phases averaged too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/mend_retrofit.csv"))
    arguments = parser.parse_args()
    files = {"photos": arguments.photos, "composed": arguments.composed}
    kinds = {kind: Pool.read(path) for kind, path in files.items() if path is not None}
    original = network_of(arguments.network, arguments.weights)
    parts = {}
    for part in arguments.parts:
        for kind, pool in kinds.items():
            if part == "choose" and arguments.learn not in (None, kind):
                continue
            whole = pool.part(part)
            even = torch.linspace(0, len(whole.images) - 1, min(arguments.count, len(whole.images))).long()
            parts[kind, part] = Pool(whole.images[even], whole.source[even])
    if arguments.elsewhere is not None:
        parts["elsewhere", "report"] = Pool.read(arguments.elsewhere)
    if arguments.scenes is not None:
        numbers = torch.arange(arguments.scenes)
        parts["scenes", "report"] = Pool(Scenes("test", size=256).labelled(numbers)[0], numbers)
    table = Table(arguments.out, arguments.network, original, parts, arguments.seed, arguments.onnx)
    start = original.state_dict()
    for name in arguments.variants:
        variant, begun = VARIANTS[name], time.perf_counter()
        if arguments.learn is not None:
            variant = replace(variant, learn=arguments.learn)
        shares = arguments.shares or variant.shares
        if not arguments.phases and not any(table.lacks(name, variant, share) for share in shares):
            continue
        network = fitted(original, variant, kinds, arguments.seed)
        seconds = time.perf_counter() - begun
        end = copy.deepcopy(network.state_dict())
        for share in shares:
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
