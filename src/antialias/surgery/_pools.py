"""Pools whose window slides by one while the map keeps the size that a strided pool with `ceil_mode` gives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from antialias.ops import max_pool2d

from ._sites import both


def sliding_max_pool2d(
    x: Tensor, kernel_size: Any, stride: Any, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """Max pool at stride 1; keeping every `stride`-th position gives the pool with `stride`."""
    _, columns, _, rows = _overhang(x, kernel_size, stride, padding, dilation) if ceil_mode else [0] * 4
    return max_pool2d(x, both(kernel_size), both(padding), both(dilation), (rows, columns))


def sliding_avg_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Average pool at stride 1; keeping every `stride`-th position gives the pool with `stride`.

    A window that hangs over the end, as `ceil_mode` allows, divides by the positions it has.
    """
    if not ceil_mode:
        return F.avg_pool2d(x, kernel_size, 1, padding, False, count_include_pad, divisor_override)
    (rows, columns), overhang = both(padding), _overhang(x, kernel_size, stride, padding, 1)
    border = [columns, columns, rows, rows]
    total = F.avg_pool2d(F.pad(F.pad(x, border), overhang), kernel_size, 1, divisor_override=divisor_override or 1)
    if divisor_override is not None:
        return total
    here = F.pad(torch.ones_like(x[:1, :1]), border, value=float(count_include_pad))
    return total / F.avg_pool2d(F.pad(here, overhang), kernel_size, 1, divisor_override=1)


def _overhang(x: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> list[int]:
    sizes = zip(x.shape[2:], both(kernel_size), both(stride or kernel_size), both(padding), both(dilation), strict=True)
    rows, columns = (_overhang_1d(*size) for size in sizes)
    return [0, columns, 0, rows]


def _overhang_1d(size: int, kernel_size: int, stride: int, padding: int, dilation: int) -> int:
    windows = size + 2 * padding - dilation * (kernel_size - 1)
    last = -(-(windows - 1) // stride) * stride
    if last >= size + padding:
        last -= stride
    return max(last + 1 - windows, 0)


class SlidingMaxPool2d(nn.MaxPool2d):
    """A `MaxPool2d` at stride 1 that keeps nothing but its input, with the extent of the strided pool it was.

    Attributes:
        kept_stride: The former stride.
    """

    kept_stride: Any

    def forward(self, input: Tensor) -> Tensor:
        """Pool maps of shape `(N, C, H, W)`."""
        return sliding_max_pool2d(
            input, self.kernel_size, self.kept_stride, self.padding, self.dilation, self.ceil_mode
        )


class SlidingAvgPool2d(nn.AvgPool2d):
    """An `AvgPool2d` at stride 1 with the extent of the strided `ceil_mode` pool it was.

    Attributes:
        kept_stride: The former stride.
    """

    kept_stride: Any

    def forward(self, input: Tensor) -> Tensor:
        """Pool maps of shape `(N, C, H, W)`."""
        rest = (self.count_include_pad, self.divisor_override)
        return sliding_avg_pool2d(input, self.kernel_size, self.kept_stride, self.padding, True, *rest)
