"""The max pool in plain torch, which the kernels must agree with."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

_Pair = tuple[int, int]


def reference(x: Tensor, kernel_size: _Pair, padding: _Pair, dilation: _Pair, overhang: _Pair) -> Tensor:
    """Pool as torch does, with the border that `ceil_mode` adds at the end written out.

    Args:
        x: Maps `(N, C, H, W)`.
        kernel_size: Rows and columns of the window.
        padding: Rows and columns on each side that never win.
        dilation: Distance of the window's samples.
        overhang: Further rows and columns at the end that never win.
    """
    if max(overhang):
        x = F.pad(x, [0, overhang[1], 0, overhang[0]], value=float("-inf"))
    return F.max_pool2d(x, kernel_size, 1, padding, dilation)
