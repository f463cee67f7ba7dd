"""The adaptive filter as C++ kernels for the CPU (`csrc/`), forward and backward, fused from the logits.

Only `x` and the logits are kept for the backward pass, which computes the weights again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ._layout import memory_format_of
from ._pad import PaddingMode
from ._reference import Normalize
from ._reference import adaptive_blur2d as _reference

LIBRARY = Path(__file__).with_name("libantialias.so")
DTYPES = (torch.float32, torch.bfloat16, torch.float64)

# How far results may be from the reference in float64, for inputs of unit variance: this many `eps` of the value plus
# one. Sums are taken in float32 at least.
TOLERANCE = {torch.float64: 16.0, torch.float32: 16.0, torch.bfloat16: 2.0}

_REMEDY = (
    "Install a C++ compiler (Debian: apt-get install g++) and torch, then run `make` in the source tree, "
    "or `pip install --no-build-isolation --force-reinstall --no-deps` on it"
)


def _load(library: Path) -> str:
    """Load the kernels; return why they cannot be used, or nothing."""
    if not library.exists():
        note = library.with_suffix(".txt")
        reason = note.read_text().strip() if note.exists() else "the C++ kernel was not built when this was installed"
        return f"{reason}. {_REMEDY}"
    try:
        torch.ops.load_library(str(library))
    except OSError as error:
        return f"{library.name} does not load: {error}. {_REMEDY}"
    return ""


def why_not(x: Tensor) -> list[str]:
    """Say why the kernels cannot run on an input like `x`; an empty list means that they can."""
    reasons = [_MISSING] if _MISSING else []
    if x.device.type != "cpu":
        reasons.append(f"x is on {x.device.type}, not on the CPU")
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        reasons.append("a transform of torch.func is active, which plain torch operations support best")
    if x.dtype not in DTYPES:
        reasons.append(f"x is {x.dtype}, not one of {', '.join(map(str, DTYPES))}")
    return reasons


def adaptive_blur2d(
    x: Tensor, logits: Tensor, kernel_size: int, stride: tuple[int, int], normalize: Normalize, mode: PaddingMode
) -> Tensor:
    precise = torch.promote_types(x.dtype, torch.float32)
    if logits.dtype != precise and (precise == torch.float64 or logits.dtype != torch.bfloat16):
        logits = logits.to(precise)
    return torch.ops.antialias.adaptive_blur2d(x, logits, kernel_size, *stride, normalize == "joint", mode)


def describe() -> str:
    """Say what the kernels are, with the instruction set that was chosen for this processor."""
    return "C++ for the CPU" if _MISSING else f"C++ for the CPU, {torch.ops.antialias.instruction_set()}"


def _empty(like: Tensor, size: torch.Size | tuple[int, ...], x: Tensor) -> Tensor:
    return torch.empty(size, dtype=like.dtype, device=like.device, memory_format=memory_format_of(x))


def _fake(x: Tensor, logits: Tensor, *arguments: Any) -> Tensor:
    return _empty(x, (*x.shape[:2], *logits.shape[2:]), x)


def _fake_backward(grad_y: Tensor, x: Tensor, logits: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
    return _empty(x, x.shape, x), _empty(logits, logits.shape, x)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    tensors = tuple(value for value in inputs if isinstance(value, Tensor))
    ctx.save_for_backward(*tensors)
    ctx.arguments = inputs[len(tensors) :]


def _backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
    grads = torch.ops.antialias.adaptive_blur2d_backward(grad_y, *ctx.saved_tensors, *ctx.arguments)
    return (*grads, *(None for _ in ctx.arguments))


def _double_backward(ctx: Any, grad_grad_x: Tensor, grad_grad_logits: Tensor) -> tuple[Tensor | None, ...]:
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


def _register() -> None:
    forward, backward = torch.ops.antialias.adaptive_blur2d, torch.ops.antialias.adaptive_blur2d_backward
    for operation, fake, gradient in ((forward, _fake, _backward), (backward, _fake_backward, _double_backward)):
        name = operation.default.name()
        torch.library.register_fake(name, fake)
        torch.library.register_autograd(name, gradient, setup_context=_keep)


_MISSING = _load(LIBRARY)
if not _MISSING:
    _register()
