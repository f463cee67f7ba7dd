"""The other memory format as a C++ kernel for the CPU (`csrc/layout/`), which goes by squares of samples."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import _library
from .._layout import memory_format_of

_DTYPES = (torch.float32, torch.float64)


def why_not(x: Tensor, y: Tensor) -> list[str]:
    """Say why the kernel cannot bring `y` to the memory format of `x`; an empty list means that it can."""
    if torch.compiler.is_compiling() or (torch.is_grad_enabled() and y.requires_grad):
        return ["it is compiled, or a gradient is wanted, which the kernel has not"]
    reasons = _library.why_not(y)
    dense = y.is_contiguous() or y.is_contiguous(memory_format=torch.channels_last)
    if y.dim() != 4 or not dense or y.dtype not in _DTYPES:
        reasons.append("the maps are not dense ones of four dimensions in float32 or float64")
    return reasons


def run(x: Tensor, y: Tensor) -> Tensor:
    """Copy `y` to the one of the two memory formats that it has not."""
    return torch.ops.antialias.switch_memory_format(y)


def _empty_output(x: Tensor) -> Tensor:
    channels_last = memory_format_of(x) == torch.channels_last
    return torch.empty_like(x, memory_format=torch.contiguous_format if channels_last else torch.channels_last)


if not _library.MISSING:
    torch.library.register_fake("antialias::switch_memory_format")(_empty_output)
