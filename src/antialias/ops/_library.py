"""The C++ kernels for the CPU (`csrc/`), one library for all operations: whether it is there, and what it can take."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ._backend import why_not_maps

LIBRARY = Path(__file__).with_name("libantialias.so")
LONGEST_SIDE = 2**28  # as in csrc/shared/border.h
DTYPES = (torch.float32, torch.bfloat16, torch.float64)

# How far results may be from the reference in float64, for inputs of unit variance: this many `eps` of the value plus
# one. Sums are taken in float32 at least.
TOLERANCE = {torch.float64: 16.0, torch.float32: 16.0, torch.bfloat16: 2.0}

_OPERATIONS = (
    *("adaptive_blur2d", "adaptive_blur2d_backward", "blur2d", "blur2d_backward"),
    *("max_pool2d", "max_pool2d_backward", "switch_memory_format", "instruction_set"),
)

_REMEDY = (
    "Install a C++ compiler (Debian: apt-get install g++) and torch, then run `make` in the source tree, "
    "or `pip install --no-build-isolation --force-reinstall --no-deps` on it"
)


def load(library: Path) -> str:
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
    reasons = [*([MISSING] if MISSING else []), *why_not_maps(x, "cpu", "the CPU", DTYPES)]
    if not torch.compiler.is_compiling() and any(side > LONGEST_SIDE for side in x.shape[2:]):
        reasons.append(f"a side of x has {max(x.shape[2:])} samples, more than {LONGEST_SIDE}")
    return reasons


MISSING = load(LIBRARY)
