"""The convolutions that predictors start with: of maps of any size, and in one go with a norm that does not change."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antialias.ops import PaddingMode, padded_conv2d


class PaddedConv2d(nn.Conv2d):
    """A `torch.nn.Conv2d` of maps of any size, which keeps no padded copy of them for the backward pass."""

    padding: tuple[int, int]  # type: ignore[assignment]  # never a word such as "same"
    padding_mode: PaddingMode

    def forward(self, input: Tensor, norm: nn.BatchNorm2d | None = None) -> Tensor:
        """Convolve maps `(N, C, H, W)`, and normalise them with a norm whose statistics are fixed."""
        (rows, columns), weight, bias = self.stride, self.weight, self.bias
        if norm is not None:
            scale, bias = _scale_and_shift(norm)
            weight, bias = (weight * scale[:, None, None, None]).to(weight.dtype), bias.to(weight.dtype)
        return padded_conv2d(input, weight, (rows, columns), self.padding, self.padding_mode, bias)


class SeparableConv2d(nn.Sequential):
    """A `depthwise` convolution, each channel for itself, and a `pointwise` one, each position for itself.

    `C*k*k + C*outputs` multiply-adds a position instead of `C*k*k*outputs`. With a `bottleneck` between, a pointwise
    convolution to `r` channels, they are `C*k*k + r*(C + outputs)`.

    Source: Howard et al., "MobileNets", arXiv 1704.04861, section 3.1, without the norm between; the linear bottleneck
    is that of Sandler et al., "MobileNetV2", arXiv 1801.04381, section 3.2.
    """

    def forward(self, input: Tensor, norm: nn.BatchNorm2d | None = None) -> Tensor:
        """Convolve maps `(N, C, H, W)`, and normalise them with a norm whose statistics are fixed."""
        *first, pointwise = self
        for layer in first:
            input = layer(input)
        return pointwise(input, norm)


def _scale_and_shift(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return what a norm with fixed statistics multiplies by and adds, in float32 at least."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    weight, bias, mean, variance = (each.to(torch.promote_types(each.dtype, torch.float32)) for each in statistics)
    scale = weight * (variance + norm.eps).rsqrt()
    return scale, bias - mean * scale
