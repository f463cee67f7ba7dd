"""Fixed low-pass filters with subsampling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ._layout import in_layout_of
from ._pad import PaddingMode, pad

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def binomial(kernel_size: int, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Tensor:
    """Return the binomial low-pass filter: row `kernel_size - 1` of Pascal's triangle, scaled to sum to one.

    Args:
        kernel_size: Number of taps, at least 1.
        dtype: Type of the result; torch's default if `None`.
        device: Device of the result.

    Returns:
        Taps of shape `(kernel_size,)`.

    Raises:
        ValueError: `kernel_size` is less than 1.

    Example:
        >>> binomial(3).tolist()
        [0.25, 0.5, 0.25]
    """
    if kernel_size < 1:
        raise ValueError(f"kernel_size={kernel_size} has no taps. Use 1 or more.")
    row = [math.comb(kernel_size - 1, tap) / 2 ** (kernel_size - 1) for tap in range(kernel_size)]
    return torch.tensor(row, dtype=dtype, device=device)


def blur(x: Tensor, taps: Tensor, stride: int | Sequence[int] = 1, padding_mode: PaddingMode = "reflect") -> Tensor:
    """Filter every channel of `x` with `taps` and keep every `stride`-th sample, phase 0.

    The border is padded by `(k - 1) // 2` before and `k // 2` after, so an odd filter is centred on the samples that
    a strided convolution or pool with "half" padding looks at, and an even one lies half a sample after them.

    Args:
        x: Maps of shape `(N, C, *spatial)` with one to three spatial dimensions.
        taps: Filter of shape `(k,) * len(spatial)`, or with a size of its own for each dimension.
        stride: Samples per kept sample, one number or one for each dimension.
        padding_mode: How the border is continued, see `pad`.

    Returns:
        Maps of shape `(N, C, *ceil(size / stride))` in the type and memory format of `x`.

    Raises:
        ValueError: The number of dimensions of `x` and `taps` do not fit.

    Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, section 3.

    Example:
        >>> blur(torch.eye(4)[None, None], torch.full((3, 3), 1 / 9), stride=2).shape
        torch.Size([1, 1, 2, 2])
    """
    x_pad = pad(x, [((k - 1) // 2, k // 2) for k in taps.shape], padding_mode)
    channels = x.shape[1]
    weight = taps.to(x.dtype).expand(channels, 1, *taps.shape)
    return in_layout_of(x, _CONV[taps.dim()](x_pad, weight, stride=stride, groups=channels))  # type: ignore[operator]
