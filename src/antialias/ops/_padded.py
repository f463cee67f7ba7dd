"""Convolutions of maps whose border is continued, which keep the map and not its padded copy."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._pad import PaddingMode, pad, pad_adjoint

_Pair = tuple[int, int]


def padded_conv2d(x: Tensor, weight: Tensor, stride: _Pair, border: _Pair, padding_mode: PaddingMode) -> Tensor:
    """Convolve `x` with its border continued.

    Equal to torch's convolution of `pad(x, ...)`, derivatives included. Torch keeps the padded copy for the gradient
    of the weight; here the backward pass pads again, so that a map that is kept anyway is kept once.

    Args:
        x: Maps `(N, C, H, W)`.
        weight: Kernels `(D, C, k_h, k_w)`.
        stride: Samples per kept sample.
        border: Rows and columns to add on each side.
        padding_mode: How the border is continued, see `pad`.

    Returns:
        Maps `(N, D, floor((H + 2 * border - k_h) / s_h) + 1, ...)`.

    Example:
        >>> padded_conv2d(torch.eye(3)[None, None], torch.ones(1, 1, 3, 3), (2, 2), (1, 1), "replicate")[0, 0].tolist()
        [[5.0, 1.0], [1.0, 5.0]]
    """
    if padding_mode == "zeros":
        return F.conv2d(x, weight, stride=stride, padding=border)
    if not (torch.is_grad_enabled() and weight.requires_grad and max(border)) or _watched():
        return F.conv2d(_padded(x, border, padding_mode), weight, stride=stride)
    return _PaddedConv2d.apply(x, weight, stride, border, padding_mode, _autocast_dtype(x))


class _PaddedConv2d(torch.autograd.Function):
    """Every step of the backward pass is differentiable, so torch derives second derivatives itself."""

    @staticmethod
    def forward(
        x: Tensor, weight: Tensor, stride: _Pair, border: _Pair, mode: PaddingMode, dtype: torch.dtype | None
    ) -> Tensor:
        # Cast by hand: some releases of torch remember autocast's cast of a weight, here without its history.
        x_pad = _padded(x if dtype is None else x.to(dtype), border, mode)
        return F.conv2d(x_pad, weight if dtype is None else weight.to(dtype), stride=stride)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, *ctx.arguments = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad_y,), (x, weight), (stride, border, mode, _) = grad_outputs, ctx.saved_tensors, ctx.arguments
        needs_x, needs_weight = ctx.needs_input_grad[:2]
        maps, kernels = x.to(grad_y.dtype), weight.to(grad_y.dtype)
        # No bias; stride, padding, dilation; not transposed, no output padding, one group.
        how = (None, stride, (0, 0), (1, 1), False, (0, 0), 1)
        grad_pad, grad_weight, _ = torch.ops.aten.convolution_backward(
            grad_y, _padded(maps, border, mode), kernels, *how, (needs_x, needs_weight, False)
        )
        grad_x = pad_adjoint(grad_pad, maps, _sides(border), mode).to(x.dtype) if needs_x else None
        return grad_x, grad_weight.to(weight.dtype) if needs_weight else None, None, None, None, None


def _watched() -> bool:
    """Whether who looks on wants plain torch operations: an export, or a transform of `torch.func`."""
    if torch.compiler.is_compiling():
        return torch.compiler.is_exporting()
    return torch._C._are_functorch_transforms_active()


def _padded(x: Tensor, border: _Pair, mode: PaddingMode) -> Tensor:
    return pad(x, _sides(border), mode)


def _sides(border: _Pair) -> list[_Pair]:
    return [(rows, rows) for rows in border]


def _autocast_dtype(x: Tensor) -> torch.dtype | None:
    """Return the type that autocast convolves in; it leaves float64 alone."""
    kind = x.device.type
    if x.dtype == torch.float64 or not torch.is_autocast_enabled(kind):
        return None
    return torch.get_autocast_dtype(kind)
