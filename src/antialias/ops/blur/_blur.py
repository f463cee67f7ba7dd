"""Fixed low-pass filters with subsampling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .._backend import Backend, pick
from .._layout import in_layout_of
from .._pad import PaddingMode, bounded_strides, check_fractions, check_maps, check_samples
from . import _cpp
from ._reference import reference

BACKENDS = (
    Backend("cpp", "C++ for the CPU: rows of up to seven taps", _cpp.why_not, _cpp.run),
    Backend("reference", "plain torch operations, any device and type", lambda x, taps: [], reference),
)


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


def blur(
    x: Tensor,
    taps: Tensor | Sequence[Tensor],
    stride: int | Sequence[int] = 1,
    padding_mode: PaddingMode = "reflect",
    backend: str = "auto",
) -> Tensor:
    """Filter every channel of `x` with `taps` and keep every `stride`-th sample, phase 0.

    The border is padded by `(k - 1) // 2` before and `k // 2` after, so an odd filter is centred on the samples that
    a strided convolution or pool with "half" padding looks at, and an even one lies half a sample after them.
    A filter that is a product of rows of taps is faster given as these rows.

    Args:
        x: Maps of shape `(N, C, *spatial)` with one to three spatial dimensions.
        taps: Filter of shape `(k,) * len(spatial)`, or with a size of its own for each dimension; or one row of taps
            for each dimension, whose outer product is the filter.
        stride: Samples per kept sample, one number or one for each dimension.
        padding_mode: How the border is continued, see `pad`.
        backend: `"auto"`, `"cpp"` (two-dimensional maps on the CPU, rows of up to seven taps) or `"reference"`.

    Returns:
        Maps of shape `(N, C, *ceil(size / stride))` in the type and memory format of `x`.

    Raises:
        ValueError: An argument is unknown, the number of dimensions of `x` and `taps` do not fit, `x` has no samples,
            or its type cannot hold the result.
        RuntimeError: The named backend cannot run this input; the message has its reasons.

    Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, section 3.

    Example:
        >>> blur(torch.eye(4)[None, None], torch.full((3, 3), 1 / 9), stride=2).shape
        torch.Size([1, 1, 2, 2])
        >>> blur(torch.eye(4)[None, None], (binomial(3), binomial(3)), stride=2)[0, 0].tolist()
        [[0.5, 0.125], [0.125, 0.375]]
    """
    dims = taps.dim() if isinstance(taps, Tensor) else len(taps)
    check_maps(x, dims, padding_mode)
    check_samples(x)
    check_fractions(x)
    if not x.is_complex() and any(part.is_complex() for part in ([taps] if isinstance(taps, Tensor) else taps)):
        raise ValueError(f"taps are complex, but x is {x.dtype}. Pass complex maps, or taps.real.")
    strides = (stride,) * dims if isinstance(stride, int) else tuple(stride)
    if len(strides) != dims or min(strides) < 1:
        raise ValueError(f"stride={stride} does not fit {dims} dimension(s). Use one number >= 1, or {dims} of them.")
    return in_layout_of(x, pick(BACKENDS, backend, x, taps).run(x, taps, bounded_strides(strides), padding_mode))
