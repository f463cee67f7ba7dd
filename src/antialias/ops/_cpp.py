"""The filters as C++ kernels for the CPU (`csrc/`), forward and backward; the adaptive one is fused from the logits.

For the backward pass, the adaptive filter keeps only `x` and the logits, and computes the weights again; the fixed blur
keeps only its taps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ._operation import register_adaptive, register_blur
from ._pad import PaddingMode
from ._reference import Normalize

LIBRARY = Path(__file__).with_name("libantialias.so")
DTYPES = (torch.float32, torch.bfloat16, torch.float64)
MOST_TAPS = 7  # of one row of a fixed filter

# How far results may be from the reference in float64, for inputs of unit variance: this many `eps` of the value plus
# one. Sums are taken in float32 at least.
TOLERANCE = {torch.float64: 16.0, torch.float32: 16.0, torch.bfloat16: 2.0}

_OPERATIONS = (
    *("adaptive_blur2d", "adaptive_blur2d_backward", "blur2d", "blur2d_backward"),
    *("max_pool2d", "max_pool2d_backward", "turned", "instruction_set"),
)

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
    if missing := [name for name in _OPERATIONS if not hasattr(torch.ops.antialias, name)]:
        return f"{library.name} has no {missing[0]}: it was built from an older source. {_REMEDY}"
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
    return torch.ops.antialias.adaptive_blur2d(
        x, _readable(logits, x), kernel_size, *stride, normalize == "joint", mode
    )


def adaptive_gradients(
    grad_y: Tensor,
    x: Tensor,
    logits: Tensor,
    kernel_size: int,
    stride: tuple[int, int],
    normalize: Normalize,
    mode: PaddingMode,
) -> tuple[Tensor, Tensor]:
    joint, readable = normalize == "joint", _readable(logits, x)
    grad_x, grad_logits = torch.ops.antialias.adaptive_blur2d_backward(
        grad_y, x, readable, kernel_size, *stride, joint, mode
    )
    return grad_x, grad_logits.to(logits.dtype)


def _readable(logits: Tensor, x: Tensor) -> Tensor:
    precise = torch.promote_types(x.dtype, torch.float32)
    if logits.dtype == torch.bfloat16 and precise == torch.float32:
        return logits
    return logits.to(precise)


def blur_why_not(x: Tensor, taps: Sequence[Tensor] | Tensor) -> list[str]:
    """Say why the kernels cannot filter `x` with `taps`; an empty list means that they can."""
    reasons = why_not(x)
    if isinstance(taps, Tensor) or len(taps) != 2:
        return [*reasons, "the taps are not two rows of them, one for each dimension of a filter that is their product"]
    if any(len(row) > MOST_TAPS for row in taps):
        reasons.append(f"a row has {max(map(len, taps))} taps, more than {MOST_TAPS}")
    if any(row.device.type != "cpu" for row in taps):
        reasons.append("the taps are not on the CPU")
    if torch.is_grad_enabled() and any(row.requires_grad for row in taps):
        reasons.append("the taps need a gradient")
    return reasons


def blur2d(x: Tensor, taps: Sequence[Tensor], stride: tuple[int, int], mode: PaddingMode) -> Tensor:
    rows, columns = (row if row.dtype in DTYPES else row.to(x.dtype) for row in taps)
    return torch.ops.antialias.blur2d(x, rows, columns, *stride, mode)


def describe() -> str:
    """Say what the kernels are, with the instruction set that was chosen for this processor."""
    which = "" if _MISSING else f", {torch.ops.antialias.instruction_set()}"
    return f"C++ for the CPU{which}: adaptive filter and fixed blur"


_MISSING = _load(LIBRARY)
if not _MISSING:
    register_adaptive("antialias::adaptive_blur2d", "antialias::adaptive_blur2d_backward")
    register_blur("antialias::blur2d", "antialias::blur2d_backward")
