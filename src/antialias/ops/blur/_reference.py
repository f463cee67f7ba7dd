"""The fixed filter in plain torch, which every other backend must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch.nn.functional as F
from torch import Tensor

from .._pad import PaddingMode, pad

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def reference(x: Tensor, taps: Tensor | Sequence[Tensor], stride: tuple[int, ...], mode: PaddingMode) -> Tensor:
    """Filter with one depthwise convolution.

    Args:
        x: Maps `(N, C, *spatial)`.
        taps: The filter, or a row of taps for each dimension.
        stride: Samples per kept sample, one number a dimension.
        mode: How the border is continued.
    """
    kernel = taps if isinstance(taps, Tensor) else reduce(lambda kernel, row: kernel[..., None] * row, taps)
    x_pad = pad(x, [((k - 1) // 2, k // 2) for k in kernel.shape], mode)
    channels = x.shape[1]
    weight = kernel.to(x.dtype).expand(channels, 1, *kernel.shape)
    return _CONV[kernel.dim()](x_pad, weight, stride=stride, groups=channels).to(x.dtype)  # type: ignore[operator]
