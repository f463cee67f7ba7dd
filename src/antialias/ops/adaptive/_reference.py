"""The adaptive low-pass filter, defined in plain differentiable torch. Every other backend must agree with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from .._pad import PaddingMode, pad

Normalize = Literal["group", "joint"]
NORMALIZATIONS: tuple[str, ...] = get_args(Normalize)


class Settings(NamedTuple):
    """What every backend takes beside tensors, in this order.

    Attributes:
        kernel_size: Side of the filters.
        stride_h: Rows per kept row.
        stride_w: Columns per kept column.
        joint: The taps of all groups sum to one, not those of each.
        padding_mode: How the border is continued.
    """

    kernel_size: int
    stride_h: int
    stride_w: int
    joint: bool
    padding_mode: PaddingMode


def check_normalize(normalize: str) -> None:
    """Check that `normalize` is a normalisation.

    Raises:
        ValueError: It is none.
    """
    if normalize not in NORMALIZATIONS:
        raise ValueError(f"normalize={normalize!r} is unknown. Use 'group' or 'joint'.")


def filter_weights(logits: Tensor, kernel_size: int | Sequence[int], normalize: Normalize = "group") -> Tensor:
    """Turn logits `(N, G*k*k, H, W)` into positive weights `(N, G, k*k, H, W)`, taps in row-major order.

    Of one or three dimensions, `kernel_size` has a number for each, and a filter as many taps as their product.

    With `"group"` the `k*k` taps of each group sum to one, so each filter is a low-pass filter; with `"joint"` all
    `G*k*k` do, which is the released form: each group's taps then sum to `1/G` on average.

    Raises:
        ValueError: `normalize` is unknown.

    Source: Zou et al., "Delving Deeper into Anti-aliasing in ConvNets", BMVC 2020, section 3.1.
    """
    check_normalize(normalize)
    taps = kernel_size**2 if isinstance(kernel_size, int) else math.prod(kernel_size)
    if normalize == "joint":
        return logits.softmax(1).unflatten(1, (-1, taps))
    return logits.unflatten(1, (-1, taps)).softmax(2)


def reference(
    x: Tensor, logits: Tensor, kernel_size: int, stride_h: int, stride_w: int, joint: bool, padding_mode: PaddingMode
) -> Tensor:
    """Filter as `adaptive_blur2d` says: a weighted sum of shifted maps, a tap at a time.

    Args:
        x: Maps `(N, C, H, W)`.
        logits: Filter logits `(N, G*k*k, H', W')`.
        kernel_size: The first of `Settings`, as are the others.
        stride_h: Rows per kept row.
        stride_w: Columns per kept column.
        joint: The taps of all groups sum to one, not those of each.
        padding_mode: How the border is continued.
    """
    precise = torch.promote_types(x.dtype, torch.float32)
    weights = filter_weights(logits.to(precise), kernel_size, "joint" if joint else "group")
    x_pad = pad(x, [(kernel_size // 2, kernel_size // 2)] * 2, padding_mode).to(precise)
    groups, (channels, height, width) = weights.shape[1], x.shape[1:]
    y = x_pad.new_zeros(())
    for tap in range(kernel_size**2):
        row, column = divmod(tap, kernel_size)
        shifted = x_pad[:, :, row : row + height : stride_h, column : column + width : stride_w]
        shifted = shifted.unflatten(1, (groups, channels // groups))
        y = torch.addcmul(y, shifted, weights[:, :, tap].unsqueeze(2))
    return y.flatten(1, 2).to(x.dtype)
