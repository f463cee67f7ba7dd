"""Memory formats: what comes in channels_last goes out channels_last."""

from __future__ import annotations

import torch
from torch import Tensor

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def memory_format_of(x: Tensor) -> torch.memory_format:
    """Return channels_last (2d or 3d) if `x` is in that format only, else contiguous."""
    channels_last = _CHANNELS_LAST.get(x.dim())
    if channels_last is None or x.is_contiguous() or not x.is_contiguous(memory_format=channels_last):
        return torch.contiguous_format
    return channels_last


def in_layout_of(x: Tensor, y: Tensor) -> Tensor:
    """Return `y` in the memory format of `x`."""
    return y.contiguous(memory_format=memory_format_of(x))
