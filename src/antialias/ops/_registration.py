"""What torch must know of an operation in a library: results without values, and gradients.

Operations take tensors first and then plain arguments. Each comes with its backward pass as an operation of its own,
which takes the gradient of the output first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ._layout import memory_format_of

Gradients = tuple[Tensor | None, ...]


def register(
    name: str,
    fake: Callable[..., Any],
    gradient: Callable[..., Gradients],
    save: Callable[[Any, tuple[Any, ...], Any], None] | None = None,
) -> None:
    """Tell torch about an operation.

    Args:
        name: Its name with its namespace, such as `"antialias::blur2d"`.
        fake: Makes its results without values.
        gradient: Its gradient, from what `save` saves.
        save: Puts what the gradient needs in the context; by default all tensors, and the other inputs as
            `arguments`.
    """
    torch.library.register_fake(name, fake)
    torch.library.register_autograd(name, gradient, setup_context=save or save_inputs)


def save_inputs(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    """Save the tensors, which come first, and the plain arguments after them."""
    tensors = tuple(value for value in inputs if isinstance(value, Tensor))
    ctx.save_for_backward(*tensors)
    ctx.arguments = inputs[len(tensors) :]


def differentiable(tensor: Tensor, further: bool) -> Tensor:
    """Return a tensor that a gradient can be taken of: itself with its history for further derivatives, or one without.

    Args:
        tensor: A tensor that was saved.
        further: Whether derivatives of that gradient will be wanted.
    """
    return tensor.view_as(tensor) if further and tensor.requires_grad else tensor.detach().requires_grad_()


def operation(name: str) -> Callable[..., Any]:
    """Return the operation of a name such as `"antialias::blur2d"`."""
    namespace, _, name = name.partition("::")
    return getattr(getattr(torch.ops, namespace), name)


def empty(like: Tensor, size: tuple[int, ...], x: Tensor) -> Tensor:
    """Make room of this size with the type and device of `like`, in the memory format of `x`."""
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=memory_format_of(x))
