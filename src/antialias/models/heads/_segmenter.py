"""Semantic segmentation: a dilated body, a head on its last map, and an auxiliary head on the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


class Segmenter(nn.Module):
    """Classify each pixel by a head on the last map of a body.

    In training an auxiliary head on the map before the last is asked as well, whose loss helps the body to learn.

    Args:
        body: Gives a list or a mapping of maps; the last two are read.
        head: Logits `(N, K, h, w)` of the last map.
        auxiliary: Logits of the map before.
        normalization: `(mean, std)` of the images that the body takes, or `None`.

    Shape:
        `(N, 3, H, W)` to logits `(N, K, H, W)`; in training to a dictionary of them: `"out"` and `"aux"`.

    Source: Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017, section 3.3.
    """

    def __init__(self, body: nn.Module, head: nn.Module, auxiliary: nn.Module, normalization: Any = None) -> None:
        super().__init__()
        self.body, self.head, self.auxiliary = body, head, auxiliary
        self.normalization = normalization

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Classify the pixels of images."""
        maps = self.body(x)
        middle, last = list(maps.values() if isinstance(maps, Mapping) else maps)[-2:]
        out = resized_like(self.head(last), x)
        return {"out": out, "aux": resized_like(self.auxiliary(middle), x)} if self.training else out


def resized_like(maps: Tensor, like: Tensor) -> Tensor:
    """Resample maps bilinearly to the height and width of others."""
    return F.interpolate(maps, like.shape[-2:], mode="bilinear", align_corners=False)


def segmenter(
    body: nn.Module, channels: tuple[int, ...], head: nn.Module, num_classes: int, normalization: Any
) -> Segmenter:
    """Put a head on a body, and an FCN of a quarter of its channels on the map before the last.

    Args:
        body: Gives maps.
        channels: Of each map.
        head: Logits of the last map.
        num_classes: Number of classes.
        normalization: `(mean, std)` of the images that the body takes, or `None`.
    """
    return Segmenter(body, head, fcn_head(channels[-2], channels[-2] // 4, num_classes), normalization)


def conv_norm_relu(in_channels: int, channels: int, kernel_size: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the size, BatchNorm and ReLU.

    Args:
        in_channels: Number of channels of the map.
        channels: Number of channels that are returned.
        kernel_size: Side of the kernels.
        dilation: Samples between the taps of the kernels.
    """
    conv = nn.Conv2d(in_channels, channels, kernel_size, 1, "same", dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def fcn_head(in_channels: int, channels: int, num_classes: int, dropout: float = 0.1) -> nn.Sequential:
    """Return a 3x3 convolution, dropout and a classifier of each position.

    Args:
        in_channels: Number of channels of the map.
        channels: Number of channels that the classifier reads.
        num_classes: Number of outputs.
        dropout: Fraction of channels dropped before the classifier.
    """
    return nn.Sequential(
        conv_norm_relu(in_channels, channels, 3), nn.Dropout(dropout), nn.Conv2d(channels, num_classes, 1)
    )
