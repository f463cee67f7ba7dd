"""Memory formats: what comes in channels_last goes out channels_last."""

from __future__ import annotations

import torch
from torch import Tensor

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def in_layout_of(x: Tensor, y: Tensor) -> Tensor:
    """Return `y` in the memory format of `x`."""
    channels_last = _CHANNELS_LAST.get(x.dim())
    if channels_last is None or x.is_contiguous() or not x.is_contiguous(memory_format=channels_last):
        return y.contiguous()
    return y.contiguous(memory_format=channels_last)
