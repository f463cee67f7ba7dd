"""What torch must know of a backend's adaptive filter and of its backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._registration import Gradients, differentiable, empty, operation, register
from ._reference import reference


def register_adaptive(forward: str, backward: str) -> None:
    """Give the operations of these names, such as `"antialias::adaptive_blur2d"`, their shapes and gradients.

    They take `(x, logits, *settings)` and `(grad_y, x, logits, *settings)`; the second returns both gradients.
    """
    run_backward = operation(backward)

    def gradient(ctx: Any, grad_y: Tensor) -> Gradients:
        grads = run_backward(grad_y, *ctx.saved_tensors, *ctx.arguments)
        return (*grads, *(None for _ in ctx.arguments))

    register(forward, empty_output, gradient)
    register(backward, empty_gradients, _double_backward)


def empty_output(x: Tensor, logits: Tensor, *settings: Any) -> Tensor:
    """Make room for `y`, in the layout of `x`."""
    return empty(x, (*x.shape[:2], *logits.shape[2:]), x)


def empty_gradients(grad_y: Tensor, x: Tensor, logits: Tensor, *settings: Any) -> tuple[Tensor, Tensor]:
    """Make room for the gradients of `x` and of the logits, both in the layout of `x`."""
    return empty(x, x.shape, x), empty(logits, logits.shape, x)


def _double_backward(ctx: Any, grad_grad_x: Tensor, grad_grad_logits: Tensor) -> Gradients:
    """Differentiate the backward pass through the reference: second derivatives are rare, and need not be fast.

    For further ones the graph is kept, as far as the tensors had one.
    """
    further = torch.is_grad_enabled()
    with torch.enable_grad():
        grad_y, x, logits = inputs = [differentiable(tensor, further) for tensor in ctx.saved_tensors]
        grads = torch.autograd.grad(reference(x, logits, *ctx.arguments), (x, logits), grad_y, create_graph=True)
        grad_grads = torch.autograd.grad(grads, inputs, (grad_grad_x, grad_grad_logits), create_graph=further)
    return (*grad_grads, *(None for _ in ctx.arguments))
