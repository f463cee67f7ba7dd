"""Networks of timm, torchvision and segmentation_models_pytorch by name, and of the user's own modules."""

from __future__ import annotations

import difflib
import importlib
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from torch import nn

from antialias._extras import require
from antialias.metrics import IMAGENET, MeanStd
from antialias.models._origin import Origin

CHOICES = (
    "timm:NAME, torchvision:NAME, smp:ARCHITECTURE:ENCODER, transformers:DIR, antialias:TinyResNet, module:callable"
)

# Encoders of smp whose pretrained weights expect other pixels than most; smp itself asks the network for this.
_SMP_NORMALIZATIONS: dict[str, MeanStd] = {
    "dpn": ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3),
    "inception": ((0.5,) * 3, (0.5,) * 3),
    "xception": ((0.5,) * 3, (0.5,) * 3),
}


def from_timm(origin: Origin, pretrained: bool | None, **options: Any) -> nn.Module:
    """Build `timm:NAME`, with options of its constructor's.

    Raises:
        ValueError: timm has no such network.
    """
    timm, name = require("timm", extra="tasks"), origin.rest
    if not timm.is_model(name):
        raise _nearest("timm model", name, timm.list_models())
    return timm.create_model(name, pretrained=bool(pretrained), **origin.keywords, **options)


def from_torchvision(origin: Origin, pretrained: bool | None) -> nn.Module:
    """Build `torchvision:NAME`, which fetches nothing unless weights are asked for.

    Raises:
        ValueError: torchvision has no such network.
    """
    models, name = require("torchvision.models", extra="tasks"), origin.rest
    if name not in models.list_models():
        raise _nearest("torchvision model", name, models.list_models())
    options: dict[str, object] = {"weights": "DEFAULT" if pretrained else None, **origin.keywords}
    if {"segmentation", "detection"} & set(models.get_model_builder(name).__module__.split(".")):
        options["weights_backbone"] = None  # by default these fetch a backbone even when they are left untrained
    if name.startswith(("deeplabv3_", "fcn_")):
        options["aux_loss"] = True  # the head that they learn with, which the library's own weights have
    of_google = name in ("googlenet", "inception_v3")
    if of_google and pretrained:
        options |= {"aux_logits": True, "transform_input": False}  # as it is built without weights, such as by aa.load
    elif of_google:
        options["init_weights"] = True  # without it they warn that a default will change
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "auxiliary heads in the pretrained")  # which only training asks
        model = models.get_model(name, **options)
    if of_google and pretrained:
        model.normalization = ((0.5,) * 3, (0.5,) * 3)  # what transform_input makes of ImageNet's
    return model


def from_smp(origin: Origin, pretrained: bool | None, **options: Any) -> nn.Module:
    """Build `smp:ARCHITECTURE:ENCODER`, with options for the encoder, of which timm's take some.

    Raises:
        ValueError: segmentation_models_pytorch has no such architecture or encoder.
    """
    smp = require("segmentation_models_pytorch", extra="tasks")
    architecture, _, encoder = origin.rest.partition(":")
    names = {cls.__name__: cls for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    if architecture not in names:
        raise ValueError(f"smp architecture={architecture!r} is unknown. Use one of: {', '.join(sorted(names))}.")
    encoder = encoder or "resnet34"
    # Of timm's own names only: smp hands others on to timm, which fetches what hf-hub:NAME names.
    of_timm = encoder.startswith("tu-") and require("timm", extra="tasks").is_model(encoder.removeprefix("tu-"))
    if encoder not in smp.encoders.get_encoder_names() and not of_timm:
        raise _nearest("smp encoder", encoder, smp.encoders.get_encoder_names())
    classes = 1 if origin.num_classes is None else origin.num_classes
    weights = "imagenet" if pretrained else None
    model = names[architecture](encoder, encoder_weights=weights, classes=classes, **options)
    model.normalization = smp_normalization(encoder)
    return model


def smp_normalization(encoder: str) -> MeanStd:
    """Return the mean and deviation of the pixels that the weights of an encoder expect."""
    if encoder.startswith("tu-"):
        config = require("timm", extra="tasks").get_pretrained_cfg(encoder.removeprefix("tu-"))
        return (config.mean, config.std) if config else IMAGENET
    return next((known for start, known in _SMP_NORMALIZATIONS.items() if encoder.startswith(start)), IMAGENET)


def from_module(origin: Origin, pretrained: bool | None) -> nn.Module:
    """Call the user's own `module:callable`, which returns a module, or a function of images.

    Raises:
        ValueError: There is no such callable, it returns no network, or it is asked for a library's weights.
    """
    module, _, attribute = origin.name.partition(":")
    if pretrained:
        raise ValueError(f"weights='default' means nothing for {origin.name}. Use a path, or weights=None.")
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise ValueError(f"model={origin.name!r} is unknown ({error}). Use {CHOICES}.") from error
    model = factory(**origin.keywords)
    if isinstance(model, nn.Module):
        return model
    if not callable(model):
        raise ValueError(
            f"{origin.name} returned {type(model).__name__}. Use a callable that returns a torch.nn.Module, or a "
            "function of images."
        )
    return FunctionNetwork(model)


class FunctionNetwork(nn.Module):
    """A function of images as a module without parameters, which can be measured and not converted.

    Args:
        function: Takes images `(N, 3, H, W)`, or a list of them, and answers as scores understand it.
    """

    sealed = "it is a function. Return a torch.nn.Module instead, or convert the network that the function calls."

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Any) -> Any:
        """Return what the function answers."""
        return self.function(images)


def _nearest(kind: str, name: str, choices: Iterable[str]) -> ValueError:
    choices = sorted(choices)
    near = difflib.get_close_matches(name, choices, n=5, cutoff=0.4) or choices[:5]
    return ValueError(f"{kind}={name!r} is unknown. Use one of {len(choices)}, such as {', '.join(near)}.")
