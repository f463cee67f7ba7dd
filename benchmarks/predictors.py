"""Cheaper predictors of adaptive filters, tried before one of them became `Adaptive(predictor="separable")`.

    python benchmarks/predictors.py train [--runs runs/predictors] [--seeds 1]   # goes on where it stopped
    python benchmarks/predictors.py table [--runs runs/predictors]               # writes benchmarks/predictors.csv

Those for small networks of depthwise convolutions, trained later and beside the full one of that time:

    python benchmarks/predictors.py train --small --seeds 3 --runs runs/predictors_small
    python benchmarks/predictors.py table --small --runs runs/predictors_small   # benchmarks/predictors_small.csv

And those that are offered, in a small network of depthwise convolutions, a MobileNetV2 of five blocks:

    python benchmarks/predictors.py train --depthwise --seeds 4 --runs runs/predictors_depthwise
    python benchmarks/predictors.py table --depthwise --runs runs/predictors_depthwise   # predictors_depthwise.csv

The recipe is that of classification (recipes/scenes_classification.toml); another convolution stands before the
predictor's BatchNorm:

- full: C to G*k*k channels, k x k, as published;
- grouped: each channel group predicts its own filters;
- separable: k x k for each channel, then 1 x 1;
- low rank: 1 x 1 to C / 4 channels at full resolution, then k x k;
- pooled: k x k on averages of 2 x 2 samples, each prediction used for 2 x 2 kept positions;
- bottleneck: k x k for each channel, then 1 x 1 to 8 channels, then 1 x 1;
- pooled separable: k x k for each channel on averages of 2 x 2 samples, then 1 x 1, used as that of pooled;
- pointwise: 1 x 1.

A row is a predictor and a score: the mean over its seeds, an interval over test pictures, and the difference from the
full one, paired by picture and seed. `parameters` are
those of the filters.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import recipes
import seeds
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import MobileNetV2

from antialias.data import in_memory, open_data
from antialias.nn import Adaptive, AdaptiveBlurPool2d
from antialias.ops import pad
from antialias.results import Evaluation
from antialias.tasks import TrainConfig, evaluate, network, train_

SCORES = ("accuracy", "consistency", "top1_change")
SETS = {
    "predictors": ("antialias:TinyResNet", ("full", "grouped", "separable", "low rank", "pooled", "pointwise")),
    "predictors_small": ("antialias:TinyResNet", ("full", "bottleneck", "pooled separable")),
    "predictors_depthwise": ("predictors:small_mobilenet", ("full", "bottleneck")),
}
"""The network and the predictors of each table."""


class Padded(nn.Conv2d):
    """A convolution around each kept position, which continues borders as the filter does."""

    def __init__(self, layer: AdaptiveBlurPool2d, channels: int, outputs: int, size: int, **options: object) -> None:
        super().__init__(channels, outputs, size, bias=False, **options)  # type: ignore[arg-type]
        self.border, self.mode = [(size // 2, size // 2)] * 2, layer.padding_mode
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(pad(input, self.border, self.mode))


class Pooled(nn.Module):
    """A prediction for each 2 x 2 kept positions."""

    def __init__(self, layer: AdaptiveBlurPool2d, outputs: int) -> None:
        super().__init__()
        self.stride = layer.stride
        self.conv: nn.Module = Padded(layer, layer.channels, outputs, layer.kernel_size, stride=layer.stride)

    def forward(self, input: Tensor) -> Tensor:
        kept = [-(-size // step) for size, step in zip(input.shape[2:], self.stride, strict=True)]
        return F.interpolate(self.conv(F.avg_pool2d(input, 2, ceil_mode=True)), size=kept)


def _separable(layer: AdaptiveBlurPool2d, outputs: int) -> nn.Module:
    channels, k = layer.channels, layer.kernel_size
    depthwise = Padded(layer, channels, channels, k, stride=layer.stride, groups=channels)
    return nn.Sequential(depthwise, Padded(layer, channels, outputs, 1))


def _bottleneck(layer: AdaptiveBlurPool2d, outputs: int) -> nn.Module:
    channels, k, width = layer.channels, layer.kernel_size, min(layer.channels, 8)
    depthwise = Padded(layer, channels, channels, k, stride=layer.stride, groups=channels)
    return nn.Sequential(depthwise, Padded(layer, channels, width, 1), Padded(layer, width, outputs, 1))


def _pooled_separable(layer: AdaptiveBlurPool2d, outputs: int) -> nn.Module:
    pooled = Pooled(layer, outputs)
    pooled.conv = _separable(layer, outputs)
    return pooled


def _low_rank(layer: AdaptiveBlurPool2d, outputs: int) -> nn.Module:
    rank = max(layer.channels // 4, 4)
    full = Padded(layer, rank, outputs, layer.kernel_size, stride=layer.stride)
    return nn.Sequential(Padded(layer, layer.channels, rank, 1), full)


PREDICTORS: dict[str, Callable[[AdaptiveBlurPool2d, int], nn.Module]] = {
    "full": lambda layer, outputs: layer.conv,
    "grouped": lambda layer, outputs: Padded(
        layer, layer.channels, outputs, layer.kernel_size, stride=layer.stride, groups=layer.groups
    ),
    "separable": _separable,
    "low rank": _low_rank,
    "pooled": Pooled,
    "bottleneck": _bottleneck,
    "pooled separable": _pooled_separable,
    "pointwise": lambda layer, outputs: Padded(layer, layer.channels, outputs, 1, stride=layer.stride),
}


def small_mobilenet(num_classes: int = 20) -> nn.Module:
    """Return a MobileNetV2 of five blocks, of which two have a stride, behind a stem that has one."""
    blocks = [[1, 16, 1, 1], [4, 32, 2, 2], [4, 64, 2, 2]]
    return MobileNetV2(num_classes, inverted_residual_setting=blocks, dropout=0.0)


def config_of(seed: int, model: str) -> TrainConfig:
    """Return what a run is told."""
    config = TrainConfig.read(recipes.RECIPES[recipes.FIRST])
    filter = Adaptive(predictor="full").from_scratch()
    return replace(config, model=model, filter=filter, seed=seed, accelerator="cpu", devices=1)


def train(runs: Path, count: int, names: Sequence[str], model_name: str) -> None:
    """Train and measure what is not there yet, the first seed of every predictor first."""
    told = config_of(0, model_name)
    data = in_memory(open_data("scenes", "train", size=told.image_side, length=told.train_length))
    for seed in range(count):
        for name in names:
            folder, config = seeds.folder_of(runs, name, seed), config_of(seed, model_name)
            if not (folder / "scores.json").exists():
                model = swapped(network(config, len(data.classes)), name)
                train_(model, data, config)
                scores = evaluate(model, config)
                folder.mkdir(parents=True, exist_ok=True)
                Evaluation(model=name, config=config.evaluation, scores=scores, training=config.to_dict()).write(
                    folder / "scores.json"
                )
                print(name, seed, *(f"{key} {seeds.percent(scores[key].value)}" for key in SCORES), flush=True)


def swapped(model: nn.Module, name: str) -> nn.Module:
    """Give every adaptive filter of a network another predictor."""
    for layer in list(model.modules()):
        if isinstance(layer, AdaptiveBlurPool2d):
            layer.conv = PREDICTORS[name](layer, layer.groups * layer.kernel_size**2)  # type: ignore[assignment]
    return model


def rows(runs: Path, names: Sequence[str], model_name: str) -> Iterator[dict[str, object]]:
    """Yield the table's rows, one for each predictor and score."""
    full = seeds.runs_of(runs, "full")
    for name in names:
        found = seeds.runs_of(runs, name)
        model = swapped(network(config_of(0, model_name), 20), name)
        added = sum(
            parameter.numel()
            for layer in model.modules()
            if isinstance(layer, AdaptiveBlurPool2d)
            for parameter in layer.parameters()
        )
        for score in SCORES if found else ():
            of, plain = ([run.scores[score] for run in each] for each in (found, full))
            yield {"predictor": name, "score": score, "seeds": len(found), "parameters": added} | seeds.cells(of, plain)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "table"))
    parser.add_argument("--runs", type=Path, default=Path("runs/predictors"))
    parser.add_argument("--seeds", type=int, default=1)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--small", action="store_const", const="predictors_small", dest="table", default="predictors")
    which.add_argument("--depthwise", action="store_const", const="predictors_depthwise", dest="table")
    args = parser.parse_args()
    model, names = SETS[args.table]
    if args.step == "train":
        train(args.runs, args.seeds, names, model)
    else:
        seeds.write(Path(__file__).with_name(f"{args.table}.csv"), rows(args.runs, names, model))


if __name__ == "__main__":
    main()
