"""Pools whose window slides by one while the map keeps the size that a strided pool with `ceil_mode` gives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn import functional as F

from antialias.ops import max_pool2d

from ..dataflow import pair
from ._hooks import TracedAsLeaf, run


def stride1_max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """Max pool at stride 1; keeping every `stride`-th position gives the pool with `stride`.

    Args:
        input: Maps `(N, C, H, W)`.
        kernel_size: Sides of the window.
        stride: That of the pool, which says where its last window lies; the window's sides if `None`.
        padding: Rows and columns added on each side.
        dilation: Samples from one of the window to the next.
        ceil_mode: Let the last window hang over the end.
    """
    over = _overhang(input, kernel_size, stride, padding, dilation) if ceil_mode else (0, 0)
    return max_pool2d(input, pair(kernel_size), pair(padding), pair(dilation), over)


def stride1_avg_pool2d(
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Average pool at stride 1; keeping every `stride`-th position gives the pool with `stride`.

    A window that hangs over the end, as `ceil_mode` allows, divides by the positions it has.

    Args:
        input: Maps `(N, C, H, W)`.
        kernel_size: Sides of the window.
        stride: That of the pool, which says where its last window lies; the window's sides if `None`.
        padding: Rows and columns added on each side.
        ceil_mode: Let the last window hang over the end.
        count_include_pad: Divide by the window's samples, those of the border included.
        divisor_override: Divide by this.
    """
    if not ceil_mode:
        return F.avg_pool2d(input, kernel_size, 1, padding, False, count_include_pad, divisor_override)
    (rows, columns), (below, right) = pair(padding), _overhang(input, kernel_size, stride, padding, 1)
    border, overhang = [columns, columns, rows, rows], [0, right, 0, below]
    total = F.avg_pool2d(F.pad(F.pad(input, border), overhang), kernel_size, 1, divisor_override=divisor_override or 1)
    if divisor_override is not None:
        return total
    here = F.pad(torch.ones_like(input[:1, :1]), border, value=float(count_include_pad))
    return total / F.avg_pool2d(F.pad(here, overhang), kernel_size, 1, divisor_override=1)


def _overhang(x: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> tuple[int, int]:
    """Return how many rows and columns the last windows of a strided pool with `ceil_mode` hang over the end."""
    over = [0, 0]
    for i, size in enumerate(x.shape[2:]):
        kernel, step, pad = pair(kernel_size)[i], pair(stride or kernel_size)[i], pair(padding)[i]
        windows = size + 2 * pad - pair(dilation)[i] * (kernel - 1)
        last = (windows + step - 2) // step * step
        if last >= size + pad:
            last -= step
        over[i] = max(last + 1 - windows, 0)
    return over[0], over[1]


class Stride1MaxPool2d(TracedAsLeaf, nn.MaxPool2d):
    """A `MaxPool2d` at stride 1 that keeps nothing but its input, with the extent of the strided pool it was.

    Attributes:
        kept_stride: The former stride.
    """

    kept_stride: Any

    def forward(self, input: Tensor) -> Tensor:
        """Pool maps of shape `(N, C, H, W)`."""
        if isinstance(input, Proxy):
            return run(self, input)
        return stride1_max_pool2d(
            input, self.kernel_size, self.kept_stride, self.padding, self.dilation, self.ceil_mode
        )


class Stride1AvgPool2d(TracedAsLeaf, nn.AvgPool2d):
    """An `AvgPool2d` at stride 1 with the extent of the strided `ceil_mode` pool it was.

    Attributes:
        kept_stride: The former stride.
    """

    kept_stride: Any

    def forward(self, input: Tensor) -> Tensor:
        """Pool maps of shape `(N, C, H, W)`."""
        if isinstance(input, Proxy):
            return run(self, input)
        rest = (self.count_include_pad, self.divisor_override)
        return stride1_avg_pool2d(input, self.kernel_size, self.kept_stride, self.padding, True, *rest)
