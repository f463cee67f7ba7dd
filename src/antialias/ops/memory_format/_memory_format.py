"""Maps brought from one memory format to the other, by torch's own copy or by a kernel that is many times faster."""

from __future__ import annotations

from torch import Tensor

from .._backend import Backend, pick
from .._layout import in_layout_of, memory_format_of
from . import _cpp

BACKENDS = (
    Backend("cpp", "C++ for the CPU: a clone's time", _cpp.why_not, _cpp.run),
    Backend("reference", "torch's copy: up to fifteen times that", lambda x, y: [], in_layout_of),
)


def match_memory_format(x: Tensor, y: Tensor) -> Tensor:
    """Return `y` in the memory format of `x`, as `in_layout_of` does, by the kernel where it can.

    Args:
        x: Maps `(N, C, H, W)`.
        y: Maps of any size.

    Example:
        >>> import torch
        >>> x, y = torch.zeros(1, 2, 3, 3), torch.zeros(1, 4, 5, 5).contiguous(memory_format=torch.channels_last)
        >>> match_memory_format(x, y).is_contiguous()
        True
    """
    if memory_format_of(x) == memory_format_of(y):
        return in_layout_of(x, y)
    return pick(BACKENDS, "auto", x, y).run(x, y)
