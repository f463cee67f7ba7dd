"""Benchmarks of single layers and filters, and of what the machine itself can do."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn

from antialias.nn import AdaptiveBlurPool2d, BlurPool2d
from antialias.ops import PaddingMode

from .._benchmark import Implementation, Implementations, Shape
from ._modules import (
    AdaptiveFilter,
    Clone,
    Copy,
    CopySameBytes,
    Exponential,
    FullResolution,
    MatrixProduct,
    PredictorOnly,
    StridedReference,
)
from ._peers import peer_blurs

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
GROUPS = 8
BOTH_PASSES = ("forward", "forward+backward")


def noise(*shape: int, layout: str = "contiguous", seed: int = 0) -> Tensor:
    """Draw a tensor of any shape; `layout`, one of `LAYOUTS`, is that of maps `(N, C, H, W)`."""
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return values.contiguous(memory_format=LAYOUTS[layout]) if len(shape) == 4 else values


def maps_and_logits(
    shape: Shape, groups: int = GROUPS, kernel_size: int = 3, layout: str = "contiguous"
) -> tuple[Tensor, Tensor]:
    """Draw what the adaptive filter takes at stride 2.

    Args:
        shape: Shape of the maps.
        groups: Groups of channels that share a filter.
        kernel_size: Side of the filters.
        layout: One of `LAYOUTS`.

    Returns:
        Maps `(N, C, H, W)` and logits `(N, G*k*k, H/2, W/2)`.
    """
    kept = (-(-shape.height // 2), -(-shape.width // 2))
    return noise(*shape, layout=layout), noise(shape.n, groups * kernel_size**2, *kept, layout=layout, seed=1)


def compiled(eager: Implementation) -> Implementation:
    """Compile an implementation whole: a graph break is an error."""
    layer = cast("nn.Module", torch.compile(copy.deepcopy(eager.layer), fullgraph=True))
    return Implementation(layer, eager.inputs, eager.passes, eager.computes, compiled=True)


def machine(shape: Shape) -> Implementations:
    """What memory and arithmetic can do here: a copy, exponentials, a matrix product and a convolution."""
    x, y, side = noise(*shape), torch.empty(shape), 16 * shape.channels
    convolution = nn.Conv2d(shape.channels, shape.channels, 3, padding=1, bias=False)
    return {
        "copy": Implementation(Copy(), (x, y)),
        "exponential": Implementation(Exponential(), (-x[0, :8].abs(), torch.empty_like(x[0, :8]))),
        "matrix product": Implementation(MatrixProduct(), (noise(side, side), noise(side, side, seed=1))),
        "3x3 convolution": Implementation(
            convolution.to(memory_format=torch.channels_last), (noise(*shape, layout="channels last"),)
        ),
    }


def adaptive_layer(shape: Shape, *, compilers: bool = False) -> Implementations:
    """The adaptive layer as published, at kept positions in plain torch, and ours; with `compilers`, compiled too."""
    layer = AdaptiveBlurPool2d(shape.channels, groups=GROUPS)
    generator, norm = torch.Generator().manual_seed(2), cast("Any", layer.bn)
    with torch.no_grad():  # statistics that a trained norm could have, or an error in them would not show
        for tensor in (norm.running_mean, norm.bias):
            tensor.normal_(0, 0.1, generator=generator)
        for tensor in (norm.running_var, norm.weight):
            tensor.uniform_(0.5, 1.5, generator=generator)
    forms = {"full resolution": FullResolution(layer), "strided reference": StridedReference(layer), "antialias": layer}
    x, x_last = noise(*shape), noise(*shape, layout="channels last")
    implementations = {name: Implementation(form, (x,), BOTH_PASSES, "filter") for name, form in forms.items()}
    implementations["predictor alone"] = Implementation(PredictorOnly(layer), (x,), BOTH_PASSES)
    implementations["antialias, channels last"] = Implementation(layer, (x_last,), BOTH_PASSES, "filter")
    if compilers:
        implementations |= {
            f"{name}, compiled": compiled(implementations[name]) for name in ("full resolution", "strided reference")
        }
    return implementations


def adaptive_filter(shape: Shape, *, layout: str) -> Implementations:
    """The adaptive filter from logits: plain torch and ours, and a clone of the maps."""
    inputs, passes = maps_and_logits(shape, layout=layout), ("forward", "backward")
    return {
        "clone": Implementation(Clone(), inputs[:1]),
        "plain torch": Implementation(AdaptiveFilter(backend="reference"), inputs, passes, "filter"),
        "antialias": Implementation(AdaptiveFilter(), inputs, passes, "filter"),
    }


def fixed_blur(shape: Shape, *, layout: str, mode: PaddingMode) -> Implementations:
    """The fixed 3x3 blur of stride 2: the installed peers' and ours, and a copy of as many bytes."""
    blurs = {**peer_blurs(shape.channels, mode), "antialias": BlurPool2d(shape.channels, padding_mode=mode)}
    x = noise(*shape, layout=layout)
    implementations = {name: Implementation(blur, (x,), BOTH_PASSES, "blur") for name, blur in blurs.items()}
    return {**implementations, "same bytes copied": Implementation(CopySameBytes((2, 2)), (x,), BOTH_PASSES)}


# What changes along each scaling curve, by the size that is drawn: sizes of the maps, or options of the filter.
SCALED: dict[str, dict[int, dict[str, int]]] = {
    "batch": {n: {"n": n} for n in (1, 2, 4, 8, 16)},
    "channels": {channels: {"channels": channels} for channels in (32, 64, 128, 256, 512)},
    "pixels": {side**2: {"height": side, "width": side} for side in (14, 28, 56, 112)},
    "groups": {groups: {"groups": groups} for groups in (1, 2, 4, 8, 16, 32)},
    "taps": {k * k: {"kernel_size": k} for k in (1, 3, 5, 7, 9)},
}


def adaptive_filter_scaled(shape: Shape, *, variable: str) -> Implementations:
    """Our adaptive filter at several sizes of one `variable`, a key of `SCALED`."""
    implementations = {}
    for size, changes in SCALED[variable].items():
        options = {"groups": GROUPS, "kernel_size": 3, **shape._asdict(), **changes}
        groups, kernel_size = options.pop("groups"), options.pop("kernel_size")
        inputs = maps_and_logits(Shape(**options), groups, kernel_size)
        implementations[str(size)] = Implementation(AdaptiveFilter(kernel_size), inputs, BOTH_PASSES)
    return implementations
