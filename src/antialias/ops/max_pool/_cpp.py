"""The max pool as C++ kernels for the CPU (`csrc/max_pool/`), which keep no indices for the backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import _library
from .._registration import Gradients, differentiable, empty, register
from ._reference import reference

_Pair = tuple[int, int]
_DTYPES = (torch.float32, torch.float64)


def why_not(x: Tensor, kernel_size: _Pair, padding: _Pair) -> list[str]:
    """Say why the kernels cannot run; an empty list means that they can."""
    reasons = _library.why_not(x)
    if x.dim() != 4 or x.dtype not in _DTYPES:
        reasons.append(f"x has {x.dim()} dimensions and is {x.dtype}, not four and float32 or float64")
    if any(2 * p > k for p, k in zip(padding, kernel_size, strict=True)):
        reasons.append("the padding is more than half of the window, of which torch says what it thinks")
    return reasons


def run(x: Tensor, kernel_size: _Pair, padding: _Pair, dilation: _Pair, overhang: _Pair) -> Tensor:
    """Pool maps.

    Args:
        x: Maps `(N, C, H, W)`.
        kernel_size: Rows and columns of the window.
        padding: Rows and columns on each side that never win.
        dilation: Distance of the window's samples.
        overhang: Further rows and columns at the end that never win.
    """
    sizes = zip(x.shape[2:], kernel_size, padding, dilation, overhang, strict=True)
    height, width = (size + 2 * p + more - d * (k - 1) for size, k, p, d, more in sizes)
    return torch.ops.antialias.max_pool2d(x, height, width, *kernel_size, *padding, *dilation)


def _gradient(ctx: Any, grad_y: Tensor) -> Gradients:
    _, _, *window = ctx.arguments  # height and width of the output, which has them
    grad_x = torch.ops.antialias.max_pool2d_backward(grad_y, *ctx.saved_tensors, *window)
    return (grad_x, *(None for _ in ctx.arguments))


def _double_backward(ctx: Any, grad_grad_x: Tensor) -> Gradients:
    """Differentiate the backward pass through torch's: what was chosen does not depend on the gradient."""
    grad_y, x = ctx.saved_tensors
    kernel_h, kernel_w, padding_h, padding_w, dilation_h, dilation_w = ctx.arguments
    kernel, padding, dilation = (kernel_h, kernel_w), (padding_h, padding_w), (dilation_h, dilation_w)
    sizes = zip(grad_y.shape[2:], x.shape[2:], kernel, padding, dilation, strict=True)
    overhang_h, overhang_w = (out - size - 2 * p + d * (k - 1) for out, size, k, p, d in sizes)
    further = torch.is_grad_enabled()
    with torch.enable_grad():
        x, gradient = x.detach().requires_grad_(), differentiable(grad_y, further)
        y = reference(x, kernel, padding, dilation, (overhang_h, overhang_w))
        (grad_x,) = torch.autograd.grad(y, x, gradient, create_graph=True)
        (grad_grad_y,) = torch.autograd.grad(grad_x, gradient, grad_grad_x, create_graph=further)
    return (grad_grad_y, None, *(None for _ in ctx.arguments))


if not _library.MISSING:
    register(
        "antialias::max_pool2d", lambda x, height, width, *window: empty(x, (*x.shape[:2], height, width), x), _gradient
    )
    register("antialias::max_pool2d_backward", lambda grad_y, x, *window: empty(x, tuple(x.shape), x), _double_backward)
