"""The networks of this package by name, as data: importing them takes torchvision, which the core does without."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from antialias._extras import require
from antialias.models._origin import Origin

_BACKBONES, _HEADS = "antialias.models.backbones", "antialias.models.heads"


@dataclass(frozen=True)
class _Network:
    """Where a network's factory is, and what it takes beside `num_classes`.

    Attributes:
        module: Where the factory is.
        factory: Its name.
        options: Arguments that make this network of it.
        on_backbone: It takes a backbone's name and whether its weights are wanted.
        has_weights: It takes whether weights are wanted.
    """

    module: str
    factory: str
    options: Mapping[str, Any] = field(default_factory=dict)
    on_backbone: bool = False
    has_weights: bool = False


_NETWORKS: dict[str, _Network] = {
    "AgnosticMaskRCNN": _Network(_HEADS, "mask_x", {"agnostic": True}, on_backbone=True, has_weights=True),
    "AgnosticWholeMaskRCNN": _Network(
        _HEADS, "mask_x", {"agnostic": True, "whole": True}, on_backbone=True, has_weights=True
    ),
    "DMNet": _Network(_HEADS, "dmnet", on_backbone=True, has_weights=True),
    "EfficientNetLite0": _Network(_BACKBONES, "efficientnet_lite0", has_weights=True),
    "MaskRCNN": _Network(_HEADS, "mask_rcnn", on_backbone=True, has_weights=True),
    "MaskX": _Network(_HEADS, "mask_x", on_backbone=True, has_weights=True),
    "MobileNetV2": _Network(_BACKBONES, "mobilenet_v2", has_weights=True),
    "TinyAgnosticMaskRCNN": _Network(_HEADS, "tiny_mask_x", {"agnostic": True}),
    "TinyAgnosticWholeMaskRCNN": _Network(_HEADS, "tiny_mask_x", {"agnostic": True, "whole": True}),
    "TinyDMNet": _Network(_HEADS, "tiny_segmenter", {"head": "dynamic"}),
    "TinyDeepLab": _Network(_HEADS, "TinyDeepLab"),
    "TinyDeepLabV3": _Network(_HEADS, "tiny_segmenter", {"head": "dilated"}),
    "TinyGenerator": _Network(_HEADS, "TinyGenerator"),
    "TinyMaskRCNN": _Network(_HEADS, "tiny_mask_rcnn"),
    "TinyMaskX": _Network(_HEADS, "tiny_mask_x"),
    "TinyPSPNet": _Network(_HEADS, "tiny_segmenter", {"head": "pooled"}),
    "TinyResNet": _Network(_BACKBONES, "TinyResNet"),
    "TinyUNet": _Network(_HEADS, "TinyUNet"),
}


def from_antialias(origin: Origin, pretrained: bool | None) -> nn.Module:
    """Build `antialias:NAME` or `antialias:NAME:BACKBONE`.

    Raises:
        ValueError: There is no such network, or it takes no backbone.
    """
    name, _, backbone = origin.rest.partition(":")
    network = _NETWORKS.get(name)
    if network is None or (backbone and not network.on_backbone):
        names = ", ".join(f"antialias:{own}{':BACKBONE' * of.on_backbone}" for own, of in _NETWORKS.items())
        raise ValueError(f"model={origin.name!r} is unknown. Use one of: {names}.")
    if network.module == _HEADS:
        require("torchvision", extra="tasks")
    options = {**network.options, **origin.keywords}
    if network.on_backbone:
        options["backbone"] = backbone
    if network.has_weights:
        options["pretrained"] = pretrained
    return getattr(importlib.import_module(network.module), network.factory)(**options)
