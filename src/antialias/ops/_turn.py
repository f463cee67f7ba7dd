"""Maps turned from one memory format to the other by a kernel: torch's own copy takes up to fifteen times a clone."""

from __future__ import annotations

import torch
from torch import Tensor

from . import _cpp
from ._layout import in_layout_of, memory_format_of

_DTYPES = (torch.float32, torch.float64)


def turned_like(x: Tensor, y: Tensor) -> Tensor:
    """Return `y` in the memory format of `x`, as `in_layout_of` does, by the kernel where it can.

    Args:
        x: Maps `(N, C, H, W)`.
        y: Maps of any size.

    Example:
        >>> x, y = torch.zeros(1, 2, 3, 3), torch.zeros(1, 4, 5, 5).contiguous(memory_format=torch.channels_last)
        >>> turned_like(x, y).is_contiguous()
        True
    """
    if memory_format_of(x) == memory_format_of(y) or not _can_turn(y):
        return in_layout_of(x, y)
    return torch.ops.antialias.turned(y)


def _can_turn(y: Tensor) -> bool:
    if torch.compiler.is_compiling() or (torch.is_grad_enabled() and y.requires_grad):
        return False
    dense = y.is_contiguous() or y.is_contiguous(memory_format=torch.channels_last)
    return y.dim() == 4 and dense and y.dtype in _DTYPES and not _cpp.why_not(y)


def _fake_turned(x: Tensor) -> Tensor:
    was = memory_format_of(x)
    wanted = torch.channels_last if was == torch.contiguous_format else torch.contiguous_format
    return torch.empty_like(x, memory_format=wanted)


if not _cpp.why_not(torch.empty(0)):
    torch.library.register_fake("antialias::turned")(_fake_turned)
