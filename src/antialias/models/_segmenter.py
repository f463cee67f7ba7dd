"""Semantic segmentation: a dilated body, a head on its last map, and an auxiliary head on the one before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models._utils import IntermediateLayerGetter

from antialias._extras import require
from antialias.metrics import normalization_of

from ._backbone import library_of
from ._tiny import TinyResNet

OUTPUT_STRIDE = 8


class Segmenter(nn.Module):
    """Classify each pixel by a head on the last map of a body.

    In training an auxiliary head on the map before the last is asked as well, whose loss helps the body to learn.

    Args:
        body: Gives a list or a mapping of maps; the last two are read.
        head: Logits `(N, K, h, w)` of the last map.
        auxiliary: Logits of the map before.
        normalization: `(mean, std)` of the pictures that the body takes, or `None`.

    Shape:
        `(N, 3, H, W)` to logits `(N, K, H, W)`; in training to a dictionary of them: `"out"` and `"aux"`.

    Source: Zhao et al., "Pyramid Scene Parsing Network", CVPR 2017, section 3.3.
    """

    def __init__(self, body: nn.Module, head: nn.Module, auxiliary: nn.Module, normalization: Any = None) -> None:
        super().__init__()
        self.body, self.head, self.auxiliary = body, head, auxiliary
        self.normalization = normalization

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """Classify the pixels of pictures."""
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
    """Put a head on a body, and an FCN of a quarter of its channels on the map before the last."""
    return Segmenter(body, head, fcn_head(channels[-2], channels[-2] // 4, num_classes), normalization)


def conv_norm_relu(in_channels: int, channels: int, kernel_size: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return a convolution that keeps the size, BatchNorm and ReLU."""
    conv = nn.Conv2d(in_channels, channels, kernel_size, 1, "same", dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def fcn_head(in_channels: int, channels: int, num_classes: int, dropout: float = 0.1) -> nn.Sequential:
    """Return a 3x3 convolution, dropout and a classifier of each position."""
    return nn.Sequential(
        conv_norm_relu(in_channels, channels, 3), nn.Dropout(dropout), nn.Conv2d(channels, num_classes, 1)
    )


def tiny_dilated_body() -> tuple[nn.Module, tuple[int, ...], Any]:
    """Return TinyResNet at output stride 8: its stages of 16, 32, 64 and 128 channels, those numbers, normalisation."""
    net = TinyResNet(output_stride=OUTPUT_STRIDE)
    body = IntermediateLayerGetter(net, {f"layer{i + 1}": str(i) for i in range(4)})
    return body, (16, 32, 64, 128), net.normalization


def dilated_body(backbone: str, pretrained: bool) -> tuple[nn.Module, tuple[int, ...], Any]:
    """Return the last two maps of a classifier that is dilated to output stride 8, their channels, normalisation.

    Args:
        backbone: `timm:NAME`, `torchvision:NAME`, or a name of timm's.
        pretrained: Take its library's own weights.

    Raises:
        ValueError: There is no such backbone, or it cannot be dilated.
    """
    library, name = library_of(backbone)
    try:
        return (_timm_body if library == "timm" else _torchvision_body)(name, pretrained)
    except (TypeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"backbone='{library}:{name}' cannot be dilated to output stride {OUTPUT_STRIDE} "
            f"({str(error) or 'no such option'}). "
            "Use a convolutional network of timm's, or a ResNet."
        ) from error


def _timm_body(name: str, pretrained: bool) -> tuple[nn.Module, tuple[int, ...], Any]:
    timm = require("timm", extra="tasks")
    how = {"features_only": True, "output_stride": OUTPUT_STRIDE, "out_indices": (-2, -1)}
    body = timm.create_model(name, pretrained=pretrained, **how)
    if body.feature_info.reduction()[-1] != OUTPUT_STRIDE:
        raise NotImplementedError(f"its output stride is {body.feature_info.reduction()[-1]}")
    return body, tuple(body.feature_info.channels()), normalization_of(body)


def _torchvision_body(name: str, pretrained: bool) -> tuple[nn.Module, tuple[int, ...], Any]:
    weights = "DEFAULT" if pretrained else None
    net: Any = get_model(name, weights=weights, replace_stride_with_dilation=[False, True, True])
    body = IntermediateLayerGetter(net, {"layer3": "0", "layer4": "1"})
    return body, (net.fc.in_features // 2, net.fc.in_features), normalization_of(net)
