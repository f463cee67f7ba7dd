"""The fixed filter as C++ kernels for the CPU (`csrc/blur/`), forward and backward, a row and a column of taps.

The backward pass keeps the taps alone. Each pass is the gradient of the other; the taps get none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .. import _library
from .._layout import memory_format_of
from .._pad import PaddingMode
from .._registration import Gradients, empty, register

MOST_TAPS = 7  # of one row


def why_not(x: Tensor, taps: Sequence[Tensor] | Tensor) -> list[str]:
    """Say why the kernels cannot filter `x` with `taps`; an empty list means that they can."""
    reasons = _library.why_not(x)
    if isinstance(taps, Tensor) or len(taps) != 2:
        return [*reasons, "the taps are not two rows of them, one for each dimension of a filter that is their product"]
    if any(len(row) > MOST_TAPS for row in taps):
        reasons.append(f"a row has {max(map(len, taps))} taps, more than {MOST_TAPS}")
    if any(row.device.type != "cpu" for row in taps):
        reasons.append("the taps are not on the CPU")
    if torch.is_grad_enabled() and any(row.requires_grad for row in taps):
        reasons.append("the taps need a gradient")
    return reasons


def run(x: Tensor, taps: Sequence[Tensor], stride: tuple[int, int], mode: PaddingMode) -> Tensor:
    """Filter maps with the product of two rows of taps.

    Args:
        x: Maps `(N, C, H, W)`.
        taps: The two rows.
        stride: Samples per kept sample, one number a dimension.
        mode: How the border is continued.
    """
    rows, columns = (row if row.dtype in _library.DTYPES else row.to(x.dtype) for row in taps)
    return torch.ops.antialias.blur2d(x, rows, columns, *stride, mode)


def _save_taps(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, *taps = inputs[:3]
    ctx.save_for_backward(*taps)
    ctx.size, ctx.channels_last, ctx.arguments = x.shape[2:], memory_format_of(x) == torch.channels_last, inputs[3:]


def _gradient(ctx: Any, grad_y: Tensor) -> Gradients:
    backward = torch.ops.antialias.blur2d_backward
    grad_x = backward(grad_y, *ctx.saved_tensors, *ctx.size, *ctx.arguments, ctx.channels_last)
    return (grad_x, *[None] * 5)


def _double_backward(ctx: Any, grad_grad_x: Tensor) -> Gradients:
    grad_grad_y = torch.ops.antialias.blur2d(grad_grad_x, *ctx.saved_tensors, *ctx.arguments[2:5])
    return (grad_grad_y, *[None] * 8)


def _empty_output(x: Tensor, row_taps: Tensor, column_taps: Tensor, stride_h: int, stride_w: int, mode: str) -> Tensor:
    return empty(x, (*x.shape[:2], -(-x.shape[2] // stride_h), -(-x.shape[3] // stride_w)), x)


def _empty_gradient(
    grad_y: Tensor, row_taps: Tensor, column_taps: Tensor, height: int, width: int, *arguments: Any
) -> Tensor:
    layout = torch.channels_last if arguments[-1] else torch.contiguous_format
    size = (*grad_y.shape[:2], height, width)
    return torch.empty(size, dtype=grad_y.dtype, device=grad_y.device, memory_format=layout)


if not _library.MISSING:
    register("antialias::blur2d", _empty_output, _gradient, _save_taps)
    register("antialias::blur2d_backward", _empty_gradient, _double_backward, _save_taps)
