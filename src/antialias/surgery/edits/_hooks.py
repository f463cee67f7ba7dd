"""Hooks that surgery leaves on modules: plain values, so that networks stay copyable and picklable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.fx import Proxy

from antialias._torch import DisableTorchFunction, own_children
from antialias.nn import PhaseSplit2d
from antialias.ops import is_exporting, pad

from ..dataflow import each

CHILD = "antialias"


def run(layer: nn.Module, x: Any) -> Any:
    """Run a layer of this package; a symbolic trace gets one node for it and does not look inside.

    Raises:
        RuntimeError: A tool has quantised the maps.
    """
    if isinstance(x, Proxy):
        tracer: Any = x.tracer
        return tracer.create_proxy("call_module", tracer.path_of_module(layer), (x,), {})
    if isinstance(x, Tensor) and x.is_quantized:
        raise RuntimeError(
            f"{getattr(layer, 'site', type(layer).__name__)} gave its stride to a filter, which takes no quantised "
            f"maps ({x.dtype}). Quantise an export of the network, where filters are plain operations, or undo the "
            "conversion first: conversion_of(model).revert_()."
        )
    if isinstance(layer, PhaseSplit2d):
        with DisableTorchFunction():  # what is counted are the network's own functions (`_functional`)
            return layer(x)
    return layer(x)


class TracedAsLeaf:
    """A class that surgery gives a module; a symbolic trace gets one node for it, hooks and filter included."""


@dataclass(frozen=True)
class FilterInput:
    """Filter the first argument of a module with its child `antialias`.

    Attributes:
        had_stride: The module itself had the stride.
        name: Of the module in the network.
    """

    had_stride: bool = False
    name: str = ""

    def __call__(self, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if (layer := _layer_at(module, "input", args[0])) is not None:
            return (run(layer, args[0]), *args[1:])
        if self.had_stride and CHILD not in own_children(module):
            raise RuntimeError(
                f"{self.name or 'this'} lost its stride to a filter, and a tool has made it anew as "
                f"{type(module).__name__} without the filter, as quantisation does. Let that tool work on the network "
                "before convert_, or on an export, where filters are plain operations."
            )
        return None


@dataclass(frozen=True)
class FilterOutput:
    """Filter what a module returns with its child `antialias`."""

    def __call__(self, module: Any, args: tuple[Any, ...], output: Tensor) -> Tensor:
        layer = _layer_at(module, "output", output)
        return output if layer is None else run(layer, output)


def _layer_at(module: nn.Module, side: str, x: Any) -> nn.Module | None:
    """Return the filter of a module where it sits at this side; tools move hooks to modules that have none."""
    layer = own_children(module).get(CHILD)
    if layer is None or getattr(layer, "attachment", (side,))[0] != side:
        return None
    return None if isinstance(module, TracedAsLeaf) and isinstance(x, Proxy) else layer


@dataclass(frozen=True)
class ReturnOutput:
    """Put what a module upsampled back in phase with its child `antialias_return`."""

    def __call__(self, module: Any, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return run(module.antialias_return, output)


@dataclass(frozen=True)
class WrapInput:
    """Continue the first argument of a module in a circle.

    Attributes:
        before: Rows and columns added in front.
        after: Rows and columns added behind.
    """

    before: tuple[int, int]
    after: tuple[int, int]

    def __call__(self, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (pad(args[0], list(zip(self.before, self.after, strict=True)), "circular"), *args[1:])


@dataclass(frozen=True)
class CropToPhase:
    """Make a "same"-padded layer at stride 1 start where it started when it had `stride`.

    "Same" padding depends on stride and size: at stride 2 an even map is padded by less on the left, so that the
    kept positions are the odd ones. At stride 1 they would be the even ones; dropping the first rows and columns
    brings the old phase back.

    Attributes:
        stride: The former stride, one number for each dimension, such as `(s_h, s_w)`.
    """

    stride: tuple[int, ...]

    def __call__(self, module: Any, args: tuple[Any, ...], output: Tensor) -> Tensor:
        dims = len(self.stride)
        kernel, dilation = each(module.kernel_size, dims), each(getattr(module, "dilation", 1), dims)
        starts = [later_start(size, kernel[i], self.stride[i], dilation[i]) for i, size in enumerate(args[0].shape[2:])]
        if is_exporting():  # whether a slice is the whole map differs from size to size, and a program would settle it
            return nn.functional.pad(output, [side for start in reversed(starts) for side in (-start, 0)])
        return output[(..., *(slice(start, None) for start in starts))]


def later_start(size: int, kernel_size: int, stride: int, dilation: int) -> int:
    """Return by how many samples a map with TensorFlow's "same" padding starts later at a stride than at stride 1.

    At stride 1 the padding is one sample less than the layer spans, half of it in front, and at another stride less by
    what lies behind the last kept sample.

    Args:
        size: Number of samples.
        kernel_size: Number of taps.
        stride: Samples per kept sample.
        dilation: Samples from one tap to the next.

    Example:
        >>> later_start(7, 3, 2, 1), later_start(8, 3, 2, 1)
        (0, 1)
    """
    span = (kernel_size - 1) * dilation + 1
    if span == 1 or (stride == 2 and span % 2 == 0):
        return 0
    behind = size - 1 - (size - 1) // stride * stride
    if stride == 2:  # as below, in whose terms torch.export cannot simplify a size: five layers on they take minutes
        return behind
    return (min(behind, span - 1) + span % 2) // 2
