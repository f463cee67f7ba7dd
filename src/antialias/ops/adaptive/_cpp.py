"""The adaptive filter as C++ kernels for the CPU (`csrc/adaptive/`), fused from the logits, forward and backward.

For the backward pass it keeps only `x` and the logits, and computes the weights again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .. import _library
from ._operation import register_adaptive


def run(x: Tensor, logits: Tensor, *settings: Any) -> Tensor:
    """Filter maps; `settings` are those of `Settings`."""
    return torch.ops.antialias.adaptive_blur2d(x, _readable(logits, x), *settings)


def gradients(grad_y: Tensor, x: Tensor, logits: Tensor, *settings: Any) -> tuple[Tensor, Tensor]:
    """Return the gradients of maps and logits."""
    backward = torch.ops.antialias.adaptive_blur2d_backward
    grad_x, grad_logits = backward(grad_y, x, _readable(logits, x), *settings)
    return grad_x, grad_logits.to(logits.dtype)


def _readable(logits: Tensor, x: Tensor) -> Tensor:
    """Return the logits in a type that the kernels take beside that of `x`."""
    precise = torch.promote_types(x.dtype, torch.float32)
    if logits.dtype == torch.bfloat16 and precise == torch.float32:
        return logits
    return logits.to(precise)


def describe() -> str:
    """Say what the kernels are, with the instruction set that was chosen for this processor."""
    which = "" if _library.MISSING else f", {torch.ops.antialias.instruction_set()}"
    return f"C++ for the CPU{which}: adaptive filter and fixed blur"


if not _library.MISSING:
    register_adaptive("antialias::adaptive_blur2d", "antialias::adaptive_blur2d_backward")
