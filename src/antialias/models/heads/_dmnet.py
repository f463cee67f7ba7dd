"""DMNet, and the heads that it is compared with: pyramid pooling and dilated convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from antialias.nn import DynamicFilter2d

from ._bodies import OUTPUT_STRIDE, dilated_body, tiny_body
from ._deeplab import SpatialPyramid
from ._segmenter import Segmenter, conv_norm_relu, fcn_head, resized_like, segmenter

_CLASSES = 21
_TINY_WIDTH = 64


class DynamicFilterHead(nn.Sequential):
    """Classify positions from a map and what filters of several sizes, made for the image, find in it.

    Args:
        in_channels: Number of channels of the map.
        num_classes: Number of outputs.
        channels: Number of channels that the classifier reads.
        branch_channels: Number of channels of each dynamic module; `channels` if `None`.
        kernel_sizes: Sizes of the filters, one module each.
        fusion: Mix each module's channels.
        dropout: Fraction of channels dropped before the classifier.

    Shape:
        `(N, in_channels, H, W)` to logits `(N, num_classes, H, W)`.

    Source: He, Deng, Qiao, "Dynamic Multi-Scale Filters for Semantic Segmentation", ICCV 2019, section 3.

    Example:
        >>> DynamicFilterHead(16, 5, channels=8)(torch.randn(2, 16, 6, 9)).shape
        torch.Size([2, 5, 6, 9])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        channels: int = 512,
        branch_channels: int | None = None,
        kernel_sizes: Sequence[int] = (1, 3, 5, 7),
        *,
        fusion: bool = False,
        dropout: float = 0.1,
    ) -> None:
        width = branch_channels or channels
        branches = [DynamicFilter2d(in_channels, width, size, fusion) for size in kernel_sizes]
        joined = in_channels + width * len(branches)
        super().__init__(_Branches(branches), fcn_head(joined, channels, num_classes, dropout))


class PyramidPoolingHead(nn.Sequential):
    """Classify positions from a map and its averages over grids of several sizes.

    Args:
        in_channels: Number of channels of the map.
        num_classes: Number of outputs.
        channels: Number of channels that the classifier reads.
        grids: Cells on each side of the averages; each keeps `in_channels / len(grids)` channels.
        dropout: Fraction of channels dropped before the classifier.

    Shape:
        `(N, in_channels, H, W)` to logits `(N, num_classes, H, W)`.

    Source: Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017, section 3.2.

    Example:
        >>> PyramidPoolingHead(16, 5, channels=8)(torch.randn(2, 16, 6, 9)).shape
        torch.Size([2, 5, 6, 9])
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        channels: int = 512,
        grids: Sequence[int] = (1, 2, 3, 6),
        *,
        dropout: float = 0.1,
    ) -> None:
        width = in_channels // len(grids)
        joined = in_channels + width * len(grids)
        branches = [_PooledGrid(in_channels, width, grid) for grid in grids]
        super().__init__(_Branches(branches), fcn_head(joined, channels, num_classes, dropout))


class _PooledGrid(nn.Sequential):
    """Averages over the cells of a grid, mixed, and resampled to the size of the map."""

    def __init__(self, in_channels: int, channels: int, cells: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(cells), conv_norm_relu(in_channels, channels))

    def forward(self, input: Tensor) -> Tensor:
        return resized_like(super().forward(input), input)


class _Branches(nn.ModuleList):
    """A map and what branches make of it, side by side."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, *(branch(x) for branch in self)], 1)


def dmnet(backbone: str, num_classes: int | None = None, pretrained: bool | None = None) -> Segmenter:
    """Build DMNet on a classifier that is dilated to output stride 8.

    Args:
        backbone: `timm:NAME`, `torchvision:NAME`, or a name of timm's.
        num_classes: Number of classes; 21 by default, those of VOC.
        pretrained: Take the backbone's library's own weights.

    Raises:
        ValueError: There is no such backbone, or it cannot be dilated.
    """
    body, channels, normalization = dilated_body(backbone, bool(pretrained))
    classes = num_classes or _CLASSES
    return segmenter(body, channels, DynamicFilterHead(channels[-1], classes), classes, normalization)


def tiny_segmenter(head: Literal["dynamic", "pooled", "dilated"], num_classes: int | None = None) -> Segmenter:
    """Build one of three segmenters that differ in the head alone, for images of 64 to 96 pixels.

    Args:
        head: `"dynamic"` is DMNet's, `"pooled"` PSPNet's and `"dilated"` DeepLabV3's (Chen et al., arXiv
            1706.05587, section 3.3), without the decoder of V3+.
        num_classes: Number of classes; 21 by default, those of the scenes.
    """
    body, channels, normalization = tiny_body(OUTPUT_STRIDE)
    classes, width = num_classes or _CLASSES, _TINY_WIDTH
    top: nn.Module
    if head == "dynamic":
        top = DynamicFilterHead(channels[-1], classes, width, channels[-1] // 4)
    elif head == "pooled":
        top = PyramidPoolingHead(channels[-1], classes, width)
    else:
        top = nn.Sequential(SpatialPyramid(channels[-1], width), fcn_head(width, width, classes))
    return segmenter(body, channels, top, classes, normalization)
