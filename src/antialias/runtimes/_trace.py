"""A network as a program of `torch.export`, for images of any number and size that it takes."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from antialias._torch import dimension_ranges

SIDES = {3: ("length",), 4: ("height", "width"), 5: ("depth", "height", "width")}
"""Sides of signals `(N, C, L)`, images `(N, C, H, W)` and clips `(N, C, D, H, W)`, by the number of dimensions."""

_LARGER = {"batch": 1, "length": 64, "depth": 8, "height": 64, "width": 96}
_INTERPOLATION = {3: "linear", 4: "bilinear", 5: "trilinear"}


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A network as a program.

    Attributes:
        program: What `torch.export` made of it.
        ranges: The least and the most of each dimension that varies; `None` is no limit.
        fixed: Why the others do not vary.
        example: Images that the network takes.
    """

    program: torch.export.ExportedProgram
    ranges: Mapping[str, tuple[int, int | None]]
    fixed: Mapping[str, str]
    example: Tensor


@contextmanager
def quiet() -> Iterator[None]:
    """Let no exporter warn or log about itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)


def brief(error: BaseException) -> str:
    """Return an error in one line: what came first, where one was raised from another."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'without a message'}"[:200]


@contextmanager
def short_sizes() -> Iterator[None]:
    """Let timm's "same" padding say what it adds in terms that torch.export simplifies, wherever that is as much.

    Its own have a maximum, and round a quotient up: each layer's size repeats the one before it several times, and the
    program of EfficientNet-Lite0 took minutes.
    """
    padding: Any = sys.modules.get("timm.layers.padding")
    if padding is None:
        yield
        return
    theirs = padding.get_same_padding

    def same_padding(size: Any, kernel_size: int, stride: int, dilation: int) -> Any:
        span = (kernel_size - 1) * dilation + 1
        if isinstance(size, Tensor) or span < stride:
            return theirs(size, kernel_size, stride, dilation)
        return (size - 1) // stride * stride + span - size

    padding.get_same_padding = same_padding
    try:
        yield
    finally:
        padding.get_same_padding = theirs


def dimensions_of(images: Tensor) -> dict[str, int]:
    """Name what can vary of images, clips or signals, and which dimension it is."""
    return {"batch": 0} | {name: place for place, name in enumerate(SIDES[images.dim()], 2)}


def resized(images: Tensor, batch: int, *sides: int) -> Tensor:
    """Return images, clips or signals of another number and size, each rolled by a sample more than the one before.

    Args:
        images: The images `(N, C, H, W)`, clips or signals.
        batch: How many are wanted.
        sides: Of each.
    """
    if images.shape[2:] != sides:
        images = F.interpolate(images, sides, mode=_INTERPOLATION[images.dim()], align_corners=False)
    places = tuple(range(1, images.dim() - 1))
    return torch.cat([images[n % len(images)].roll((n,) * len(places), places)[None] for n in range(batch)])


def takes(model: nn.Module, images: Tensor) -> str | None:
    """Return why a network does not take images; `None` if it does."""
    try:
        with torch.no_grad():
            model(images)
    except Exception as error:
        return brief(error)
    return None


def trace(model: nn.Module, example: Tensor, fixed: Mapping[str, str], *, larger: bool = True) -> Traced:
    """Trace a network, with each dimension free that it takes a larger one of.

    Where no program is found for all that could be free, the sides are fixed, then everything.

    Args:
        model: The network, in evaluation mode.
        example: Images `(N, C, H, W)`, clips or signals.
        fixed: Dimensions that are not to be free, each with the reason.
        larger: Trace with larger images than the example: what is one row in a trace is traced as always being one.

    Raises:
        ValueError: No program can be made of it.
    """
    dimensions, reasons = dimensions_of(example), dict(fixed)
    own = [example.shape[dim] for dim in dimensions.values()]
    shape = list(own)
    for place, name in enumerate(dimensions):
        other = [size + _LARGER[name] * (n == place) for n, size in enumerate(shape)]
        if name in reasons:
            continue
        if (error := takes(model, resized(example, *other))) is None:
            shape = other
        else:
            reasons[name] = f"the network does not take {other[place]}: {error}"
    while True:
        grows = [name not in reasons and (larger or name == "batch") for name in dimensions]
        sizes = [more if grow else size for grow, size, more in zip(grows, own, shape, strict=True)]
        images = resized(example, *sizes)
        free = [name for name in dimensions if name not in reasons]
        shapes = {dimensions[name]: torch.export.Dim.AUTO for name in free}
        try:
            with quiet(), short_sizes(), torch.no_grad():
                program = torch.export.export(model, (images,), dynamic_shapes=(shapes,), strict=False)
        except Exception as error:
            if not free:
                raise ValueError(f"torch.export makes no program of {type(model).__name__}: {brief(error)}") from error
            kept = [name for name in free if name != "batch"] or free
            reasons |= dict.fromkeys(kept, f"torch.export makes no program for any: {brief(error)}")
            continue
        found = dimension_ranges(program)
        ranges = {name: size for name in free if not isinstance(size := found[dimensions[name]], int)}
        never = {name: "the network computes with it as with a constant" for name in free if name not in ranges}
        return Traced(program=program, ranges=ranges, fixed=reasons | never, example=example)
