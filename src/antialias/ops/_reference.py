"""The adaptive low-pass filter, defined in plain differentiable torch. Every other backend must agree with it."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ._pad import PaddingMode, pad

Normalize = Literal["group", "joint"]
NORMALIZATIONS: tuple[str, ...] = get_args(Normalize)


def filter_weights(logits: Tensor, kernel_size: int, normalize: Normalize = "group") -> Tensor:
    """Turn logits `(N, G*k*k, H, W)` into positive weights `(N, G, k*k, H, W)`, taps in row-major order.

    With `"group"` the `k*k` taps of each group sum to one, so each filter is a low-pass filter; with `"joint"` all
    `G*k*k` do, which is the released form: each group's taps then sum to `1/G` on average.

    Source: Zou et al., "Delving Deeper into Anti-aliasing in ConvNets", BMVC 2020, section 3.1.
    """
    if normalize == "joint":
        return logits.softmax(1).unflatten(1, (-1, kernel_size**2))
    return logits.unflatten(1, (-1, kernel_size**2)).softmax(2)


def adaptive_blur2d(
    x: Tensor,
    logits: Tensor,
    kernel_size: int,
    stride: tuple[int, int],
    normalize: Normalize,
    padding_mode: PaddingMode,
) -> Tensor:
    precise = torch.promote_types(x.dtype, torch.float32)
    weights = filter_weights(logits.to(precise), kernel_size, normalize)
    x_pad = pad(x, [(kernel_size // 2, kernel_size // 2)] * 2, padding_mode).to(precise)
    groups, (channels, height, width) = weights.shape[1], x.shape[1:]
    y = x_pad.new_zeros(())
    for tap in range(kernel_size**2):
        row, column = divmod(tap, kernel_size)
        shifted = x_pad[:, :, row : row + height : stride[0], column : column + width : stride[1]]
        shifted = shifted.unflatten(1, (groups, channels // groups))
        y = torch.addcmul(y, shifted, weights[:, :, tap].unsqueeze(2))
    return y.flatten(1, 2).to(x.dtype)
