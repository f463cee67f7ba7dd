"""The convolutions that predictors start with, for maps of any size."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from antialias.ops import PaddingMode, padded_conv2d

PredictorKind = Literal["full", "separable"]
PREDICTORS: tuple[str, ...] = get_args(PredictorKind)


class PaddedConv2d(nn.Conv2d):
    """Convolve around every kept position, whatever the size of the map, and keep no padded copy of it.

    Args:
        channels: Number of channels of the maps.
        outputs: Numbers per position.
        kernel_size: Side of the convolution, odd.
        stride: Samples per kept sample, `(s_h, s_w)`.
        padding_mode: How the border is continued.
        options: `device` and `dtype` of the parameters, and `groups`.

    Shape:
        `(N, channels, H, W)` to `(N, outputs, ceil(H / s_h), ceil(W / s_w))`.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel_size: int,
        stride: tuple[int, int],
        padding_mode: PaddingMode,
        **options: Any,
    ) -> None:
        super().__init__(channels, outputs, kernel_size, stride, bias=False, **options)
        self.border, self.continued = (kernel_size // 2, kernel_size // 2), padding_mode

    def forward(self, input: Tensor, norm: nn.BatchNorm2d | None = None) -> Tensor:
        """Convolve maps `(N, channels, H, W)`, and normalise them with a norm whose statistics are fixed."""
        (rows, columns), weight, bias = self.stride, self.weight, None
        if norm is not None:
            scale, bias = _scale_and_shift(norm)
            weight, bias = (weight * scale[:, None, None, None]).to(weight.dtype), bias.to(weight.dtype)
        return padded_conv2d(input, weight, (rows, columns), self.border, self.continued, bias)


class SeparableConv2d(nn.Module):
    """A `PaddedConv2d` in two steps: each channel for itself, then each position for itself.

    `C*k*k + C*outputs` multiply-adds a position instead of `C*k*k*outputs`.

    Args:
        channels: Number of channels `C` of the maps.
        outputs: Numbers per position.
        kernel_size: Side `k` of the convolution, odd.
        stride: Samples per kept sample, `(s_h, s_w)`.
        padding_mode: How the border is continued.
        options: `device` and `dtype` of the parameters.

    Shape:
        `(N, channels, H, W)` to `(N, outputs, ceil(H / s_h), ceil(W / s_w))`.

    Source: Howard et al., "MobileNets", arXiv 1704.04861, section 3.1, without the norm between.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel_size: int,
        stride: tuple[int, int],
        padding_mode: PaddingMode,
        **options: Any,
    ) -> None:
        super().__init__()
        self.depthwise = PaddedConv2d(channels, channels, kernel_size, stride, padding_mode, groups=channels, **options)
        self.pointwise = PaddedConv2d(channels, outputs, 1, (1, 1), padding_mode, **options)

    def forward(self, input: Tensor, norm: nn.BatchNorm2d | None = None) -> Tensor:
        """Convolve maps `(N, channels, H, W)`, and normalise them with a norm whose statistics are fixed."""
        return self.pointwise(self.depthwise(input), norm)


Convolution = PaddedConv2d | SeparableConv2d


@torch.no_grad()
def draw_(conv: Convolution, *, silent: bool = False) -> None:
    """Draw the weights anew; `silent` ones give zeros, and learn."""
    for layer in conv.modules():
        if isinstance(layer, PaddedConv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if silent:
        (conv.pointwise if isinstance(conv, SeparableConv2d) else conv).weight.zero_()


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return what a norm with fixed statistics multiplies by and adds, in float32 at least."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    weight, bias, mean, variance = (each.to(torch.promote_types(each.dtype, torch.float32)) for each in statistics)
    scale = weight * (variance + norm.eps).rsqrt()
    return scale, bias - mean * scale
