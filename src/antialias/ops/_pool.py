"""Max pools whose window slides by one, as they stand in front of a filter that subsamples."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import _cpp
from ._layout import memory_format_of
from ._operation import register

_DTYPES = (torch.float32, torch.float64)


def max_pool2d(
    x: Tensor,
    kernel_size: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    overhang: tuple[int, int] = (0, 0),
) -> Tensor:
    """Max pool at stride 1.

    Equal to torch's, gradients, equal samples and NaN included. Torch keeps where it found each maximum, in eight
    bytes, which at stride 1 is twice the map; here the backward pass looks again.

    Args:
        x: Maps of shape `(N, C, H, W)`.
        kernel_size: Rows and columns of the window.
        padding: Rows and columns on each side that never win, at most half of the window.
        dilation: Distance of the window's samples.
        overhang: Further rows and columns at the end that never win, as `ceil_mode` allows.

    Returns:
        Maps of shape `(N, C, H + 2 * padding + overhang - dilation * (kernel_size - 1), ...)`.

    Example:
        >>> max_pool2d(torch.eye(3)[None, None], (2, 2))[0, 0].tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    if _why_not(x, kernel_size, padding):
        return _plain(x, kernel_size, padding, dilation, overhang)
    sizes = zip(x.shape[2:], kernel_size, padding, dilation, overhang, strict=True)
    height, width = (size + 2 * p + more - d * (k - 1) for size, k, p, d, more in sizes)
    return torch.ops.antialias.max_pool2d(x, height, width, *kernel_size, *padding, *dilation)


def _why_not(x: Tensor, kernel_size: tuple[int, int], padding: tuple[int, int]) -> bool:
    """Whether torch's own pool has to run: it also knows what to say where arguments do not fit."""
    odd = x.dim() != 4 or x.dtype not in _DTYPES or any(2 * p > k for p, k in zip(padding, kernel_size, strict=True))
    return odd or torch.compiler.is_exporting() or bool(_cpp.why_not(x))


def _plain(x: Tensor, kernel_size: Any, padding: Any, dilation: Any, overhang: tuple[int, int]) -> Tensor:
    if max(overhang):
        x = F.pad(x, [0, overhang[1], 0, overhang[0]], value=float("-inf"))
    return F.max_pool2d(x, kernel_size, 1, padding, dilation)


def _empty(like: Tensor, size: tuple[int, ...]) -> Tensor:
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=memory_format_of(like))


def _fake(x: Tensor, height: int, width: int, *window: int) -> Tensor:
    return _empty(x, (*x.shape[:2], height, width))


def _fake_backward(grad_y: Tensor, x: Tensor, *window: int) -> Tensor:
    return _empty(x, tuple(x.shape))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])
    ctx.window = inputs[3:]


def _backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
    grad_x = torch.ops.antialias.max_pool2d_backward(grad_y, *ctx.saved_tensors, *ctx.window)
    return (grad_x, None, None, *(None for _ in ctx.window))


def _keep_both(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:2])
    ctx.window = inputs[2:]


def _double_backward(ctx: Any, grad_grad_x: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the backward pass through torch's: what was chosen does not depend on the gradient."""
    grad_y, x = ctx.saved_tensors
    kernel_h, kernel_w, padding_h, padding_w, dilation_h, dilation_w = ctx.window
    kernel, padding, dilation = (kernel_h, kernel_w), (padding_h, padding_w), (dilation_h, dilation_w)
    sizes = zip(grad_y.shape[2:], x.shape[2:], kernel, padding, dilation, strict=True)
    overhang = tuple(out - size - 2 * p + d * (k - 1) for out, size, k, p, d in sizes)
    with torch.enable_grad():
        x, gradient = x.detach().requires_grad_(), grad_y.detach().requires_grad_()
        (grad_x,) = torch.autograd.grad(_plain(x, kernel, padding, dilation, overhang), x, gradient, create_graph=True)
    (grad_grad_y,) = torch.autograd.grad(grad_x, gradient, grad_grad_x)
    return (grad_grad_y, None, *(None for _ in ctx.window))


if not _cpp.why_not(torch.empty(0)):
    register("antialias::max_pool2d", _fake, _backward, _keep)
    register("antialias::max_pool2d_backward", _fake_backward, _double_backward, _keep_both)
