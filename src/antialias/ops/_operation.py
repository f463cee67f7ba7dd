"""What torch must know of a backend's two operations: results without values, and gradients.

Both take tensors first and then `(kernel_size, stride_h, stride_w, joint, padding_mode)`:
`forward(x, logits, ...)` gives `y`, `backward(grad_y, x, logits, ...)` the gradients of `x` and of the logits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ._layout import memory_format_of
from ._reference import adaptive_blur2d as _reference

_Gradients = tuple[Tensor | None, ...]


def register(forward: str, backward: str) -> None:
    """Give the operations of these names, such as `"antialias::adaptive_blur2d"`, their shapes and gradients."""
    namespace, _, name = backward.partition("::")
    run_backward = getattr(getattr(torch.ops, namespace), name)

    def gradient(ctx: Any, grad_y: Tensor) -> _Gradients:
        grads = run_backward(grad_y, *ctx.saved_tensors, *ctx.arguments)
        return (*grads, *(None for _ in ctx.arguments))

    _register(forward, empty_output, gradient)
    _register(backward, empty_gradients, _double_backward)


def _register(name: str, fake: Callable[..., Any], gradient: Callable[..., _Gradients]) -> None:
    torch.library.register_fake(name, fake)
    torch.library.register_autograd(name, gradient, setup_context=_keep)


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
