"""Convolutions of maps whose border is continued, which keep the map and not its padded copy."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from antialias._torch import is_in_forward_mode, is_in_functorch

from .._layout import memory_format_of
from .._pad import PaddingMode, check_samples, pad, pad_adjoint, source_place
from ..memory_format import match_memory_format

_Pair = tuple[int, int]

_WIDE = 32  # channels


def padded_conv2d(
    x: Tensor, weight: Tensor, stride: _Pair, border: _Pair, padding_mode: PaddingMode, bias: Tensor | None = None
) -> Tensor:
    """Convolve `x` with its border continued.

    Equal to torch's convolution of `pad(x, ...)`, derivatives included. Torch keeps the padded copy for the gradient
    of the weight; here the backward pass pads again, so that a map that is kept anyway is kept once.

    Args:
        x: Maps `(N, C, H, W)`.
        weight: Kernels `(D, C / groups, k_h, k_w)`.
        stride: Samples per kept sample.
        border: Rows and columns to add on each side.
        padding_mode: How the border is continued, see `pad`.
        bias: Added to every output, `(D,)`.

    Returns:
        Maps `(N, D, floor((H + 2 * border - k_h) / s_h) + 1, ...)` in the memory format of `x`.

    Raises:
        ValueError: `x` has no samples.

    Example:
        >>> padded_conv2d(torch.eye(3)[None, None], torch.ones(1, 1, 3, 3), (2, 2), (1, 1), "replicate")[0, 0].tolist()
        [[5.0, 1.0], [1.0, 5.0]]
    """
    check_samples(x)
    groups = x.shape[1] // weight.shape[1]
    if padding_mode == "zeros":
        beyond = (
            weight.requires_grad and not _wants_plain_torch() and (stride[0] > x.shape[2] or stride[1] > x.shape[3])
        )
        if beyond:  # torch then leaves gradients of bfloat16 kernels unwritten, unless the border is there
            x, border = pad(x, [(amount, amount) for amount in border], "zeros"), (0, 0)
        return F.conv2d(x, weight, bias, stride, border, groups=groups)
    if not (torch.is_grad_enabled() and weight.requires_grad and max(border)) or _wants_plain_torch():
        return match_memory_format(x, F.conv2d(_padded(x, border, padding_mode), weight, bias, stride, groups=groups))
    device, dtype = x.device.type, None
    if torch.is_autocast_enabled(device) and x.dtype != torch.float64:  # autocast leaves float64 alone
        dtype = torch.get_autocast_dtype(device)
    return _PaddedConv2d.apply(x, weight, bias, stride, border, padding_mode, groups, dtype)


class _PaddedConv2d(torch.autograd.Function):
    """Every step of the backward pass is differentiable, so torch derives second derivatives itself."""

    @staticmethod
    def forward(
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: _Pair,
        border: _Pair,
        mode: PaddingMode,
        groups: int,
        dtype: torch.dtype | None,
    ) -> Tensor:
        # Cast by hand: some releases of torch remember autocast's cast of a weight, here without its history.
        maps, kernels = (tensor.to(dtype or tensor.dtype) for tensor in (x, weight))
        offsets = None if bias is None else bias.to(dtype or bias.dtype)
        return match_memory_format(x, F.conv2d(_padded(maps, border, mode), kernels, offsets, stride, groups=groups))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, bias, *ctx.arguments = inputs
        ctx.save_for_backward(x, weight)
        ctx.bias_dtype = None if bias is None else bias.dtype

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad_y,), (x, weight), (stride, border, mode, groups, _) = grad_outputs, ctx.saved_tensors, ctx.arguments
        needs_x, needs_weight, needs_bias = needs = ctx.needs_input_grad[:3]
        maps, kernels = x.to(grad_y.dtype), weight.to(grad_y.dtype)
        x_pad = _padded(maps, border, mode)
        # Size of the bias; stride, padding, dilation; not transposed, no output padding.
        how = ([len(weight)], stride, (0, 0), (1, 1), False, (0, 0), groups)
        grad_pad, grad_weight, grad_bias = torch.ops.aten.convolution_backward(
            match_memory_format(x_pad, grad_y), x_pad, kernels, *how, needs
        )
        sides = [(amount, amount) for amount in border]
        grad_x = pad_adjoint(grad_pad, maps, sides, mode).to(x.dtype) if needs_x else None
        return (
            None if grad_x is None else match_memory_format(x, grad_x),
            grad_weight.to(weight.dtype) if needs_weight else None,
            grad_bias.to(ctx.bias_dtype) if needs_bias else None,
            *[None] * 5,
        )


def _wants_plain_torch() -> bool:
    """Whether who looks on wants plain torch operations: an export, or derivatives other than backward ones."""
    if torch.compiler.is_compiling():
        return torch.compiler.is_exporting()
    return is_in_functorch() or is_in_forward_mode()


def _padded(x: Tensor, border: _Pair, mode: PaddingMode) -> Tensor:
    """Return a padded copy; on the CPU in channels_last where, as measured on x86-64, that gives back what it costs."""
    wide = x.device.type == "cpu" and x.shape[1] >= _WIDE and memory_format_of(x) == torch.contiguous_format
    plain = torch.is_grad_enabled() or torch.compiler.is_compiling() or torch.jit.is_tracing() or _wants_plain_torch()
    if not wide or plain or not max(border):
        return pad(x, [(amount, amount) for amount in border], mode)
    (height, width), (rows, columns) = x.shape[2:], border
    size = (*x.shape[:2], height + 2 * rows, width + 2 * columns)
    x_pad = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
    x_pad[:, :, rows : rows + height, columns : columns + width] = x
    for dim, amount in ((2, rows), (3, columns)):
        inside = x.shape[dim]
        for place in (*range(-amount, 0), *range(inside, inside + amount)):
            source = source_place(place, inside, mode)
            x_pad.select(dim, amount + place).copy_(x_pad.select(dim, amount + source))
    return x_pad
