"""The adaptive filter as Triton kernels for CUDA, forward and backward, fused from the logits.

Only `x` and the logits are kept for the backward pass, which computes the weights again. This module says when the
kernels can run, tries them once, and tells torch about them.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from antialias._torch import without_modes

from .._backend import why_not_maps
from ._operation import empty_gradients, empty_output, register_adaptive
from ._reference import Settings, reference

if TYPE_CHECKING:
    from ._triton_launch import Launch

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
DESCRIPTION = "Triton for CUDA: adaptive filter"

# How far results may be from the reference in float64, for inputs of unit variance: this many `eps` of the value plus
# one. Sums are taken in float32 at least.
TOLERANCE = {torch.float64: 16.0, torch.float32: 16.0, torch.bfloat16: 2.0, torch.float16: 2.0}

_MISSING = "" if importlib.util.find_spec("triton") else "triton is not installed. Run: pip install triton"


def why_not(x: Tensor) -> list[str]:
    """Say why the kernels cannot run on an input like `x`; an empty list means that they can."""
    reasons = why_not_maps(x, x.device.type if interpreted() else "cuda", "a CUDA device", DTYPES)
    if _MISSING:
        reasons.append(_MISSING)
    # What is compiled has Triton at work already, and cannot be interrupted for a trial.
    if not reasons and not torch.compiler.is_compiling() and (failure := _failure()):
        reasons.append(failure)
    return reasons


def interpreted() -> bool:
    """Say whether Triton's interpreter runs the kernels, in Python and on any device."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def run(x: Tensor, logits: Tensor, *settings: Any) -> Tensor:
    """Filter maps; `settings` are those of `Settings`."""
    return torch.ops.antialias.triton_adaptive_blur2d(x, logits, *settings)


def gradients(grad_y: Tensor, x: Tensor, logits: Tensor, *settings: Any) -> tuple[Tensor, Tensor]:
    """Return the gradients of maps and logits."""
    return torch.ops.antialias.triton_adaptive_blur2d_backward(grad_y, x, logits, *settings)


_tried: list[str] = []


def _failure() -> str:
    """Try the kernels, once in a process; return why they cannot be used, or nothing."""
    if not _tried:
        try:
            with without_modes():  # also where shapes alone are being traced
                _try("cpu" if interpreted() else "cuda")
            _tried.append("")
        except Exception as error:
            # Whatever goes wrong in somebody's compiler or driver, the reference still runs.
            _tried.append(f"its kernels do not run: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return _tried[0]


def _try(device: str) -> None:
    """Raise unless a small filter and its gradients come out as the reference's: no GPU is like another."""
    generator = torch.Generator().manual_seed(0)
    settings, shapes = Settings(3, 2, 2, False, "reflect"), ((1, 2, 3, 4), (1, 9, 2, 2), (1, 2, 2, 2))
    with torch.inference_mode(False), torch.enable_grad():
        drawn = (torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu") for shape in shapes)
        x, logits, grad_y = (tensor.to(device).requires_grad_() for tensor in drawn)
        y = reference(x, logits, *settings)
        expected = (y, *torch.autograd.grad(y, (x, logits), grad_y))
    with torch.no_grad():
        results = (_forward(x, logits, *settings), *_gradients(grad_y, x, logits, *settings))
        for name, ours, theirs in zip(("y", "grad_x", "grad_logits"), results, expected, strict=True):
            if not torch.allclose(ours, theirs, atol=1e-4):
                raise RuntimeError(f"{name} differs from the reference's by {(ours - theirs).abs().max():.1e}")


def _run(launch: Launch) -> None:
    from . import _triton_kernels as kernels  # imports Triton, which may be missing
    from ._triton_launch import WARPS

    with torch.cuda.device_of(launch.arguments["logits"]):  # Triton launches on the current device
        getattr(kernels, launch.kernel)[launch.grid](**launch.arguments, num_warps=WARPS)


def _forward(
    x: Tensor, logits: Tensor, kernel_size: int, stride_h: int, stride_w: int, joint: bool, padding_mode: str
) -> Tensor:
    from ._triton_launch import forward_launch

    y = empty_output(x, logits)
    if y.numel():
        _run(forward_launch(x, logits, y, Settings(kernel_size, stride_h, stride_w, joint, padding_mode)))  # type: ignore[arg-type]
    return y


def _gradients(
    grad_y: Tensor,
    x: Tensor,
    logits: Tensor,
    kernel_size: int,
    stride_h: int,
    stride_w: int,
    joint: bool,
    padding_mode: str,
) -> tuple[Tensor, Tensor]:
    from ._triton_launch import backward_launches

    grad_x, grad_logits = empty_gradients(grad_y, x, logits)
    if not grad_y.numel():
        return grad_x.zero_(), grad_logits.zero_()
    settings = Settings(kernel_size, stride_h, stride_w, joint, padding_mode)  # type: ignore[arg-type]
    for launch in backward_launches(grad_y, x, logits, grad_x, grad_logits, settings):
        _run(launch)
    return grad_x, grad_logits


# Opaque to torch.compile: there is nothing to fuse them with.
_OPERATIONS = (
    torch.library.custom_op("antialias::triton_adaptive_blur2d", _forward, mutates_args=()),
    torch.library.custom_op("antialias::triton_adaptive_blur2d_backward", _gradients, mutates_args=()),
)
register_adaptive("antialias::triton_adaptive_blur2d", "antialias::triton_adaptive_blur2d_backward")
