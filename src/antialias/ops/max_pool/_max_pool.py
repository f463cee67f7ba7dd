"""Max pools whose window slides by one, as they stand in front of a filter that subsamples."""

from __future__ import annotations

from torch import Tensor

from .._backend import Backend, pick
from .._pad import check_samples
from . import _cpp
from ._reference import reference

BACKENDS = (
    Backend("cpp", "C++ for the CPU, without indices", _cpp.why_not, _cpp.run),
    Backend("reference", "torch's own pool", lambda x, kernel_size, padding: [], reference),
)


def max_pool2d(
    x: Tensor,
    kernel_size: tuple[int, int],
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    overhang: tuple[int, int] = (0, 0),
) -> Tensor:
    """Max pool at stride 1.

    Equal to torch's, gradients, equal samples and NaN included. Torch keeps where it found each maximum, in eight
    bytes, which at stride 1 is twice the map; here the backward pass looks again.

    Args:
        x: Maps of shape `(N, C, H, W)`.
        kernel_size: Rows and columns of the window.
        padding: Rows and columns on each side that never win, at most half of the window.
        dilation: Distance of the window's samples.
        overhang: Further rows and columns at the end that never win, as `ceil_mode` allows.

    Returns:
        Maps of shape `(N, C, H + 2 * padding + overhang - dilation * (kernel_size - 1), ...)`.

    Raises:
        ValueError: `x` has no samples.

    Example:
        >>> import torch
        >>> max_pool2d(torch.eye(3)[None, None], (2, 2))[0, 0].tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    check_samples(x)
    chosen = pick(BACKENDS, "auto", x, kernel_size, padding)
    return chosen.run(x, kernel_size, padding, dilation, overhang)
