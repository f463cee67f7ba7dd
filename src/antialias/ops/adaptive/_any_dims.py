"""The adaptive filter of sequences and volumes, in plain torch: as in two dimensions, which alone have kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from .._layout import in_layout_of
from .._pad import PaddingMode, bounded_strides, check_fractions, check_maps, check_samples, pad
from ._reference import Normalize, filter_weights


def adaptive_blur(
    x: Tensor,
    logits: Tensor,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    normalize: Normalize = "group",
    padding_mode: PaddingMode = "reflect",
) -> Tensor:
    """Filter each location and channel group of `x` with its own low-pass filter, in one to three dimensions.

    It is `adaptive_blur2d` for maps of any number of dimensions, whose windows may have a size of their own in each. A
    sum of shifted maps, a tap at a time.

    Args:
        x: Maps of shape `(N, C, *spatial)`.
        logits: Filter logits of shape `(N, G*T, *ceil(spatial / stride))`, where `T` is the product of `kernel_size`.
        kernel_size: Taps of the filters in each dimension, odd.
        stride: Samples per kept sample in each dimension.
        normalize: `"group"` (the taps of each filter sum to one) or `"joint"` (the taps of all groups do).
        padding_mode: How the border is continued, see `pad`.

    Returns:
        Maps of shape `(N, C, *ceil(spatial / stride))` in the type and memory format of `x`.

    Raises:
        ValueError: An argument is unknown, shapes do not fit, `x` has no samples, or its type holds no fractions.

    Source: Zou et al., "Delving Deeper into Anti-aliasing in ConvNets", BMVC 2020, section 3.1.

    Example:
        >>> adaptive_blur(torch.tensor([[[0.0, 3.0, 6.0, 0.0]]]), torch.zeros(1, 3, 2), (3,), (2,)).tolist()
        [[[2.0, 3.0]]]
    """
    check_maps(x, len(kernel_size), padding_mode)
    check_samples(x)
    check_fractions(x)
    if len(stride) != len(kernel_size) or min(stride) < 1 or any(size < 1 or size % 2 == 0 for size in kernel_size):
        raise ValueError(
            f"kernel_size={tuple(kernel_size)} and stride={tuple(stride)} have no odd size and step for each of "
            f"{len(kernel_size)} dimension(s). Use odd sizes, and strides of 1 or more."
        )
    kept = (x.shape[0], *(-(-size // step) for size, step in zip(x.shape[2:], stride, strict=True)))
    if not torch.compiler.is_compiling() and kept != (given := (logits.shape[0], *logits.shape[2:])):
        raise ValueError(
            f"logits have batch and size {given}, but x of shape {tuple(x.shape)} with stride={tuple(stride)} keeps "
            f"{kept}."
        )
    taps, channels = math.prod(kernel_size), x.shape[1]
    if logits.shape[1] % taps or channels % (logits.shape[1] // taps or channels + 1):
        raise ValueError(
            f"logits have {logits.shape[1]} channels, which is not {taps} taps for each of some groups that divide "
            f"{channels} channels. Predict groups * {taps} channels."
        )
    precise = torch.promote_types(x.dtype, torch.float32)
    weights = filter_weights(logits.to(precise), kernel_size, normalize)
    x_pad = pad(x, [(size // 2, size // 2) for size in kernel_size], padding_mode).to(precise)
    groups = (weights.shape[1], channels // weights.shape[1])
    y = x_pad.new_zeros(())
    for tap, starts in enumerate(product(*map(range, kernel_size))):
        steps = bounded_strides(stride)
        kept = (slice(at, at + size, step) for at, size, step in zip(starts, x.shape[2:], steps, strict=True))
        y = torch.addcmul(y, x_pad[(..., *kept)].unflatten(1, groups), weights[:, :, tap].unsqueeze(2))
    return in_layout_of(x, y.flatten(1, 2).to(x.dtype))
