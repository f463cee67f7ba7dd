"""The convolutions that predictors start with: of maps of any size, and in one go with a norm that does not change."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias._torch import BatchNorm
from antialias.ops import pad, padded_conv2d


class PaddedConv(nn.Module):
    """Beside one of torch's convolutions: it takes maps of any size, and, of two dimensions, keeps no padded copy."""

    def forward(self: Any, input: Tensor, norm: BatchNorm | None = None) -> Tensor:
        """Convolve maps `(N, C, *spatial)`, and normalise them with a norm whose statistics are fixed."""
        weight, bias = self.weight, self.bias
        if norm is not None:
            scale, bias = _scale_and_shift(norm)
            ones = (None,) * (weight.dim() - 1)
            weight, bias = (weight * scale[(..., *ones)]).to(weight.dtype), bias.to(weight.dtype)
        if weight.dim() == 4:
            return padded_conv2d(input, weight, self.stride, self.padding, self.padding_mode, bias)
        x_pad = pad(input, [(amount, amount) for amount in self.padding], self.padding_mode)
        convolve: Any = F.conv1d if weight.dim() == 3 else F.conv3d
        return convolve(x_pad, weight, bias, self.stride, groups=self.groups)


class PaddedConv1d(PaddedConv, nn.Conv1d):
    """A `torch.nn.Conv1d` of sequences of any length."""


class PaddedConv2d(PaddedConv, nn.Conv2d):
    """A `torch.nn.Conv2d` of maps of any size, which keeps no padded copy of them for the backward pass."""


class PaddedConv3d(PaddedConv, nn.Conv3d):
    """A `torch.nn.Conv3d` of volumes of any size."""


class SeparableConv(nn.Sequential):
    """A `depthwise` convolution, each channel for itself, and a `pointwise` one, each position for itself.

    On maps `C*k*k + C*outputs` multiply-adds a position instead of `C*k*k*outputs`. With a `bottleneck` between, a
    pointwise convolution to `r` channels, they are `C*k*k + r*(C + outputs)`.

    Source: Howard et al., "MobileNets", arXiv 1704.04861, section 3.1, without the norm between; the linear bottleneck
    is that of Sandler et al., "MobileNetV2", arXiv 1801.04381, section 3.2.
    """

    def forward(self, input: Tensor, norm: BatchNorm | None = None) -> Tensor:
        """Convolve maps `(N, C, *spatial)`, and normalise them with a norm whose statistics are fixed."""
        *first, pointwise = self
        for layer in first:
            input = layer(input)
        return pointwise(input, norm)


def _scale_and_shift(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """Return what a norm with fixed statistics multiplies by and adds, in float32 at least."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    weight, bias, mean, variance = (each.to(torch.promote_types(each.dtype, torch.float32)) for each in statistics)
    scale = weight * (variance + norm.eps).rsqrt()
    return scale, bias - mean * scale
