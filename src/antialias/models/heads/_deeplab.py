"""A DeepLabV3+ small enough to learn the scenes in minutes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._bodies import OUTPUT_STRIDE, tiny_body
from ._segmenter import conv_norm_relu, resized_like

_RATES = (1, 2, 4)


class TinyDeepLab(nn.Module):
    """Classify pixels with TinyResNet at output stride 8, a spatial pyramid on it and a decoder at stride 4.

    It has 0.6 M parameters and every kind of downsampling site of its large relatives: strided stem, max-pool, strided
    convolution and shortcut, and two stages whose stride became dilation. The pyramid's rates suit images of 64 to
    96 pixels; any size from 32 works.

    Args:
        num_classes: Number of outputs, background included.

    Attributes:
        normalization: `(mean, std)` to apply to images in [0, 1].

    Shape:
        `(N, 3, H, W)` to logits `(N, num_classes, H, W)`.

    Example:
        >>> TinyDeepLab(num_classes=21).eval()(torch.zeros(2, 3, 64, 80)).shape
        torch.Size([2, 21, 64, 80])

    Source: Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation", ECCV 2018.
    """

    def __init__(self, num_classes: int = 21) -> None:
        super().__init__()
        self.body, (fine, *_, coarse), self.normalization = tiny_body(OUTPUT_STRIDE)
        self.pyramid = SpatialPyramid(coarse, 64)
        self.reduce = conv_norm_relu(fine, 16)
        self.decoder = conv_norm_relu(64 + 16, 64, 3)
        self.classifier = nn.Conv2d(64, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Classify the pixels of images."""
        fine, *_, coarse = self.body(x).values()
        fine = self.reduce(fine)
        joined = torch.cat([resized_like(self.pyramid(coarse), fine), fine], 1)
        return resized_like(self.classifier(self.decoder(joined)), x)


class SpatialPyramid(nn.Module):
    """Convolutions of several dilations and the mean of the image, side by side, joined to one map.

    Args:
        in_channels: Number of channels of the map.
        channels: Number of channels of each branch, and of what is returned.

    Shape:
        `(N, in_channels, H, W)` to `(N, channels, H, W)`.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        kernels = [1 if rate == 1 else 3 for rate in _RATES]
        branches = [conv_norm_relu(in_channels, channels, *of) for of in zip(kernels, _RATES, strict=True)]
        self.branches = nn.ModuleList(branches)
        self.mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, channels, 1), nn.ReLU(inplace=True))
        self.join = nn.Sequential(conv_norm_relu((len(_RATES) + 1) * channels, channels), nn.Dropout(0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Look at a map in several ranges."""
        maps = [branch(x) for branch in self.branches]
        return self.join(torch.cat([*maps, self.mean(x).expand_as(maps[0])], 1))
