"""Padding that works on maps of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ._backend import is_exporting
from ._layout import memory_format_of

PaddingMode = Literal["reflect", "replicate", "zeros", "circular"]
PADDING_MODES: tuple[str, ...] = get_args(PaddingMode)

_TORCH_MODES = {"reflect": "reflect", "replicate": "replicate", "zeros": "constant", "circular": "circular"}


def pad(x: Tensor, amounts: Sequence[tuple[int, int]], mode: PaddingMode = "reflect") -> Tensor:
    """Pad the trailing dimensions of `x`, also where the border is wider than the map.

    `torch.nn.functional.pad` refuses to reflect by as much as the map's size and to wrap more than once. The last
    maps of a network on a small picture are that small, so here a reflection folds as often as it must, a single
    sample is replicated, and a circle winds as often as it must.

    Args:
        x: Maps of shape `(N, C, *spatial)`.
        amounts: `(before, after)` in samples for each spatial dimension, first dimension first.
        mode: `"reflect"` (border sample not repeated), `"replicate"`, `"zeros"` or `"circular"`.

    Returns:
        Maps of shape `(N, C, *(before + size + after))`.

    Raises:
        ValueError: `mode` is unknown, `x` has not one spatial dimension for each of `amounts`, or no samples to go on
            with.

    Example:
        >>> pad(torch.tensor([[[1.0, 2.0]]]), [(3, 3)]).tolist()
        [[[2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0]]]
    """
    check_maps(x, len(amounts), mode)
    if not any(before or after for before, after in amounts):
        return x
    if mode != "zeros":
        check_samples(x)
    if _torch_can(x.shape[2:], amounts, mode):
        if mode != "zeros" and is_exporting() and all(type(side) is int for pair in amounts for side in pair):
            return _pad_by_slices(x, amounts, mode)
        return F.pad(x, [side for pair in reversed(amounts) for side in pair], mode=_TORCH_MODES[mode])
    for dim, (before, after) in enumerate(amounts, start=2):
        places = torch.arange(-before, x.shape[dim] + after, device=x.device)
        x = x.index_select(dim, source_place(places, x.shape[dim], mode))
    return x


def _pad_by_slices(x: Tensor, amounts: Sequence[tuple[int, int]], mode: PaddingMode) -> Tensor:
    """Pad by slices and concatenation, which runtimes have that cannot reflect or wrap, or do it slowly."""
    for dim, (before, after) in enumerate(amounts, start=2):
        if mode == "circular":
            parts = [*([x.narrow(dim, -before, before)] if before else []), x, x.narrow(dim, 0, after)]
        else:
            # Places from the end are negative constants: a place computed from a size would be another for each size.
            inward = 1 if mode == "reflect" else 0
            ahead = [x.narrow(dim, place * inward, 1) for place in range(before, 0, -1)]
            behind = [x.narrow(dim, -1 - place * inward, 1) for place in range(1, after + 1)]
            parts = [*ahead, x, *behind]
        x = torch.cat(parts, dim)
    return x


def pad_adjoint(grad_y: Tensor, x: Tensor, amounts: Sequence[tuple[int, int]], mode: PaddingMode) -> Tensor:
    """Add the border of `grad_y` to the samples of `x` it came from: the gradient of `pad`, itself differentiable.

    Args:
        grad_y: Gradient of the padded maps.
        x: The maps that were padded.
        amounts: `(before, after)` in samples for each spatial dimension, as in `pad`.
        mode: How the border was continued.
    """
    if mode == "reflect" and len(amounts) == 2 and _torch_can(x.shape[2:], amounts, mode):
        sides = [side for pair in reversed(amounts) for side in pair]
        like = torch.empty_like(x, memory_format=memory_format_of(grad_y))  # or grad_y would be turned, at length
        return torch.ops.aten.reflection_pad2d_backward(grad_y, like, sides)
    for dim, (before, after) in enumerate(amounts, start=2):
        size = x.shape[dim]
        grad_x = grad_y.narrow(dim, before, size)
        if mode != "zeros":
            index = source_place(torch.arange(-before, size + after, device=x.device), size, mode)
            for start, length in ((0, before), (before + size, after)):
                grad_x = grad_x.index_add(dim, index.narrow(0, start, length), grad_y.narrow(dim, start, length))
        grad_y = grad_x
    return grad_y


def check_maps(x: Tensor, dims: int, mode: str) -> None:
    """Check that `x` has `dims` spatial dimensions and that `mode` is a padding mode.

    Raises:
        ValueError: One of them is not so.
    """
    check_padding_mode(mode)
    if x.dim() != dims + 2:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but {dims} spatial dimension(s) are filtered. "
            f"Pass x with {dims + 2} dimensions: (N, C, {', '.join('DHW'[-dims:])})."
        )


def check_fractions(x: Tensor) -> None:
    """Check that maps to be filtered have a type that holds the averages of their samples.

    Raises:
        ValueError: They are whole numbers.
    """
    if not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"x has type {x.dtype}, which holds no fractions. Pass floating-point maps, x.float().")


def check_samples(x: Tensor) -> None:
    """Check that there are channels, with samples on each side; torch's own pools, too, let the batch alone be empty.

    Raises:
        ValueError: There are no channels, or a side is 0.
    """
    if any(size < 1 for size in x.shape[1:]):
        raise ValueError(
            f"x has shape {tuple(x.shape)} and no samples. Pass maps of one channel and one sample a side at least."
        )


# Longer than a side of a map. Torch's own products of a tensor's strides and a step overflow at 2^63.
_LONGEST_STRIDE = 2**31


def bounded_strides(stride: Sequence[int]) -> tuple[int, ...]:
    """Return strides that keep the same samples, and with which 64-bit integers can calculate.

    A stride beyond the map keeps its first sample, whatever it is.

    Args:
        stride: Samples per kept sample, one number a dimension, of any size.
    """
    return tuple(min(step, _LONGEST_STRIDE) for step in stride)


def check_padding_mode(mode: str) -> None:
    """Check that `mode` is a padding mode.

    Raises:
        ValueError: It is none.
    """
    if mode not in PADDING_MODES:
        raise ValueError(f"padding_mode={mode!r} is unknown. Use one of {', '.join(map(repr, PADDING_MODES))}.")


def _torch_can(sizes: Sequence[int], amounts: Sequence[tuple[int, int]], mode: PaddingMode) -> bool:
    if mode in ("zeros", "replicate"):
        return True
    slack = 0 if mode == "circular" else 1
    return all(max(pair) + slack <= size for size, pair in zip(sizes, amounts, strict=True))


def source_place(place: Any, size: int, mode: PaddingMode) -> Any:
    """Return which of `size` samples stands at a place before, among or after them, for every mode but zeros.

    Places are a number or a tensor of them.

    Example:
        >>> [source_place(place, 3, "reflect") for place in range(-3, 6)]
        [1, 2, 1, 0, 1, 2, 1, 0, 1]
    """
    last = size - 1
    if mode == "replicate":
        return (abs(place) - abs(place - last) + last) // 2  # clamped to 0 .. last, for numbers and tensors alike
    if mode == "circular" or size == 1:
        return place % size
    return last - abs(place % (2 * last) - last)
