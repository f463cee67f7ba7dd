"""What heads stand on: maps of a classifier, from which the stride of each is known."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torchvision.models import get_model

from antialias._extras import require
from antialias._torch import intermediate_layers
from antialias.metrics import normalization_of
from antialias.models.backbones import TinyResNet

OUTPUT_STRIDE = 8
"""Pixels a sample of the last map of a dilated body."""

STRIDES = (4, 8, 16, 32)
"""Pixels a sample of the maps of a pyramid."""


def library_of(backbone: str) -> tuple[str, str]:
    """Split `timm:NAME`, `torchvision:NAME` or a name of timm's into library and name.

    Raises:
        ValueError: There is no such library or network.

    Example:
        >>> library_of("resnet18"), library_of("torchvision:resnet18")
        (('timm', 'resnet18'), ('torchvision', 'resnet18'))
    """
    library, colon, name = backbone.partition(":")
    if not colon:
        library, name = "timm", backbone
    if not name or library not in ("timm", "torchvision"):
        raise ValueError(f"backbone={backbone!r} is unknown. Use timm:NAME or torchvision:NAME, such as timm:resnet50.")
    home = "timm" if library == "timm" else "torchvision.models"
    if name not in require(home, extra="tasks").list_models():
        raise ValueError(f"backbone='{library}:{name}' is unknown. Use a name of {home}.list_models().")
    return library, name


def tiny_body(output_stride: int = 32) -> tuple[nn.Module, tuple[int, ...], Any]:
    """Return the four maps of TinyResNet, the numbers of their channels and its normalisation.

    Args:
        output_stride: Pixels a sample of the last map; what would subsample further is dilated.
    """
    net = TinyResNet(output_stride=output_stride)
    body = intermediate_layers(net, {f"layer{i + 1}": str(i) for i in range(4)})
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
        if library == "torchvision":
            weights = "DEFAULT" if pretrained else None
            net: Any = get_model(name, weights=weights, replace_stride_with_dilation=[False, True, True])
            body = intermediate_layers(net, {"layer3": "0", "layer4": "1"})
            return body, (net.fc.in_features // 2, net.fc.in_features), normalization_of(net)
        options = {"features_only": True, "output_stride": OUTPUT_STRIDE, "out_indices": (-2, -1)}
        body = require("timm", extra="tasks").create_model(name, pretrained=pretrained, **options)
        if (stride := body.feature_info.reduction()[-1]) != OUTPUT_STRIDE:
            raise NotImplementedError(f"its output stride is {stride}")
        return body, tuple(body.feature_info.channels()), normalization_of(body)
    except (TypeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"backbone='{library}:{name}' cannot be dilated to output stride {OUTPUT_STRIDE} "
            f"({str(error) or 'no such option'}). "
            "Use a convolutional network of timm's, or a ResNet."
        ) from error


def pyramid_body(backbone: str, pretrained: bool) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the maps of strides 4, 8, 16 and 32 of a classifier, and their channels.

    Args:
        backbone: `timm:NAME`, `torchvision:NAME`, or a name of timm's.
        pretrained: Take its library's own weights.

    Raises:
        ValueError: There is no such backbone, or it has no maps of those strides.
    """
    library, name = library_of(backbone)
    if library == "timm":
        timm = require("timm", extra="tasks")
        info = timm.create_model(name, features_only=True).feature_info
        indices = [info.out_indices[i] for i, stride in enumerate(info.reduction()) if stride in STRIDES]
        body = timm.create_model(name, features_only=True, out_indices=indices, pretrained=pretrained)
        return body, tuple(body.feature_info.channels())
    net = get_model(name, weights="DEFAULT" if pretrained else None)
    body = getattr(net, "features", net)
    layers = _last_of_each_stride(body)
    if len(layers) < 2:
        raise ValueError(
            f"backbone='torchvision:{name}' has no maps of strides 4, 8, 16 and 32 one after the other. Use timm:NAME."
        )
    getter = intermediate_layers(body, {layer: str(i) for i, (layer, _) in enumerate(layers)})
    return getter, tuple(channels for _, channels in layers)


@torch.no_grad()
def _last_of_each_stride(body: nn.Module) -> list[tuple[str, int]]:
    """Return the name and channels of the last child at each of the strides, running one child after the other."""
    x, last = torch.zeros(1, 3, 64, 64), {}
    training = body.training
    body.eval()
    for name, child in body.named_children():
        try:
            x = child(x)
        except (RuntimeError, AssertionError):  # it takes no maps, so the stages end before it
            break
        if x.ndim != 4 or x.shape[-1] == 1:
            break
        last[64 // x.shape[-1]] = (name, x.shape[1])
    body.train(training)
    return [last[stride] for stride in STRIDES if stride in last]
