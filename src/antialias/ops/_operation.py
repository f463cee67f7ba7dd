"""What torch must know of a backend's operations: results without values, and gradients.

Operations take tensors first and then plain arguments. Each comes with its backward pass as an operation of its own:
`adaptive(x, logits, ...)` with `adaptive_backward(grad_y, x, logits, ...)` for the gradients of `x` and of the logits;
`blur(x, row_taps, column_taps, ...)` with `blur_backward(grad_y, row_taps, column_taps, height, width, ...,
channels_last)` for that of `x`, whose size and layout it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ._layout import memory_format_of
from ._reference import adaptive_blur2d as _reference

_Gradients = tuple[Tensor | None, ...]


def register_adaptive(forward: str, backward: str) -> None:
    """Give the operations of these names, such as `"antialias::adaptive_blur2d"`, their shapes and gradients.

    Their arguments are `(kernel_size, stride_h, stride_w, joint, padding_mode)`.
    """
    run_backward = _operation(backward)

    def gradient(ctx: Any, grad_y: Tensor) -> _Gradients:
        grads = run_backward(grad_y, *ctx.saved_tensors, *ctx.arguments)
        return (*grads, *(None for _ in ctx.arguments))

    register(forward, empty_output, gradient)
    register(backward, empty_gradients, _double_backward)


def register_blur(forward: str, backward: str) -> None:
    """Give a separable filter and its backward pass, each the gradient of the other, their shapes and gradients.

    The arguments are `(stride_h, stride_w, padding_mode)`. The taps get no gradient.
    """
    run, run_backward = _operation(forward), _operation(backward)

    def gradient(ctx: Any, grad_y: Tensor) -> _Gradients:
        grad_x = run_backward(grad_y, *ctx.saved_tensors, *ctx.size, *ctx.arguments, ctx.channels_last)
        return (grad_x, *[None] * 5)

    def double_backward(ctx: Any, grad_grad_x: Tensor) -> _Gradients:
        return (run(grad_grad_x, *ctx.saved_tensors, *ctx.arguments[2:5]), *[None] * 8)

    register(forward, _empty_blur, gradient, _keep_taps)
    register(backward, _empty_blur_gradient, double_backward, _keep_taps)


def register(
    name: str,
    fake: Callable[..., Any],
    gradient: Callable[..., _Gradients],
    keep: Callable[[Any, tuple[Any, ...], Any], None] | None = None,
) -> None:
    """Give an operation its results without values, and its gradient from what `keep` keeps: by default, everything."""
    torch.library.register_fake(name, fake)
    torch.library.register_autograd(name, gradient, setup_context=keep or _keep)


def _operation(name: str) -> Callable[..., Any]:
    namespace, _, name = name.partition("::")
    return getattr(getattr(torch.ops, namespace), name)


def empty_output(x: Tensor, logits: Tensor, *arguments: Any) -> Tensor:
    """Make room for `y`, in the layout of `x`."""
    return _empty(x, (*x.shape[:2], *logits.shape[2:]), x)


def empty_gradients(grad_y: Tensor, x: Tensor, logits: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    """Make room for the gradients of `x` and of the logits, both in the layout of `x`."""
    return _empty(x, x.shape, x), _empty(logits, logits.shape, x)


def _empty(like: Tensor, size: torch.Size | tuple[int, ...], x: Tensor) -> Tensor:
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=memory_format_of(x))


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    tensors = tuple(value for value in inputs if isinstance(value, Tensor))
    ctx.save_for_backward(*tensors)
    ctx.arguments = inputs[len(tensors) :]


def _keep_taps(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, *taps = (value for value in inputs if isinstance(value, Tensor))
    ctx.save_for_backward(*taps)
    ctx.size, ctx.channels_last, ctx.arguments = x.shape[2:], memory_format_of(x) == torch.channels_last, inputs[3:]


def _empty_blur(x: Tensor, row_taps: Tensor, column_taps: Tensor, stride_h: int, stride_w: int, mode: str) -> Tensor:
    return _empty(x, (*x.shape[:2], -(-x.shape[2] // stride_h), -(-x.shape[3] // stride_w)), x)


def _empty_blur_gradient(
    grad_y: Tensor, row_taps: Tensor, column_taps: Tensor, height: int, width: int, *arguments: Any
) -> Tensor:
    layout = torch.channels_last if arguments[-1] else torch.contiguous_format
    size = (*grad_y.shape[:2], height, width)
    return torch.empty(size, dtype=grad_y.dtype, device=grad_y.device, memory_format=layout)


def _double_backward(ctx: Any, grad_grad_x: Tensor, grad_grad_logits: Tensor) -> _Gradients:
    """Differentiate the backward pass through the reference: second derivatives are rare, and need not be fast."""
    kernel_size, rows, columns, joint, mode = ctx.arguments
    with torch.enable_grad():
        grad_y, x, logits = (tensor.detach().requires_grad_() for tensor in ctx.saved_tensors)
        y = _reference(x, logits, kernel_size, (rows, columns), "joint" if joint else "group", mode)
        grads = torch.autograd.grad(y, (x, logits), grad_y, create_graph=True)
    return (
        *torch.autograd.grad(grads, (grad_y, x, logits), (grad_grad_x, grad_grad_logits)),
        *(None for _ in ctx.arguments),
    )
