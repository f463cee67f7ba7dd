"""Which network a file belongs to: what it says, or what its shapes show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import nn

from antialias._extras import require
from antialias.models._origin import Origin
from antialias.models.files import Checkpoint
from antialias.models.libraries import build_architecture, without_memory
from antialias.ops import Normalize

from ._fit import compare
from ._layout import layout_of

FAMILIES = {
    "layer1.0.conv1.": (
        *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d"),
        *("resnext101_64x4d", "wide_resnet50_2", "wide_resnet101_2"),
    ),
    "features.denseblock1.": ("densenet121", "densenet161", "densenet169", "densenet201"),
    "features.1.conv.0.0.": ("mobilenet_v2",),
    "classifier.": ("alexnet", *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn"))),
}
"""Networks of torchvision's that their shapes tell apart and whose function follows from them, by a part of a name."""


def recognise(checkpoint: Checkpoint, normalize: Normalize) -> nn.Module:
    """Build the network that a file belongs to, with random weights.

    What the file says comes first: `arch`, a training script's options, or `config.json` beside it; then the beginning
    of its name, which libraries write so; then the shapes.

    Args:
        checkpoint: The file.
        normalize: How adaptive filters are normalised.

    Raises:
        ValueError: Nothing fits.
    """
    tried = []
    for origin in _candidates(checkpoint):
        if (fitting := fitting_origin(origin, checkpoint, normalize)) is not None:
            return build_architecture(fitting)
        tried.append(origin.name)
    examples = ", ".join(f"{name} {'x'.join(map(str, t.shape))}" for name, t in list(checkpoint.tensors.items())[:3])
    raise ValueError(
        f"{checkpoint.path} does not say which network its {len(checkpoint.tensors)} tensors ({examples}, ...) belong "
        f"to{f', and does not fit {_listed(tried)}' if tried else ''}. Say which: load_checkpoint(path, "
        "model='timm:resnet50'), or pass the network itself."
    )


def fitting_origin(origin: Origin, checkpoint: Checkpoint, normalize: Normalize) -> Origin | None:
    """Return a network's origin with the number of classes that a file has; `None` if the file does not fit it."""
    if (model := without_memory(origin)) is None:
        model = build_architecture(origin)
    layout = layout_of(model, checkpoint.tensors, normalize, checkpoint.path)
    misfit = compare(model, layout.plain)
    if not misfit:
        return origin
    classes = misfit.classes if origin.num_classes is None else None
    return None if classes is None else Origin(origin.name, classes[0])


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _candidates(checkpoint: Checkpoint) -> Iterator[Origin]:
    """Yield the networks to try, the likeliest first."""
    words, names = checkpoint.words, set[str]()
    options = words.get("args")
    said: list[Any] = [
        words.get("arch"),
        words.get("architecture"),
        *(getattr(options, k, None) for k in ("arch", "model")),
    ]
    if isinstance(words.get("encoder_name"), str) and isinstance(words.get("_model_class"), str):
        yield Origin(f"smp:{words['_model_class']}:{words['encoder_name']}", None)
    for word in [*(each for each in said if isinstance(each, str)), checkpoint.path.name]:
        for name in _library_names(word):
            if name not in names:
                names.add(name)
                yield Origin(name, None)
    for part, family in FAMILIES.items():
        if any(part in name for name in checkpoint.tensors):
            yield from (Origin(f"torchvision:{name}", None) for name in family if f"torchvision:{name}" not in names)
            return


def _library_names(word: str) -> Iterator[str]:
    """Yield the networks that a word may mean: torchvision's or timm's of this name, else what it begins with.

    `resnet101_adaptive`, `resnet50-0676ba61.pth` and `tresnet_m_80_8-dbc13962.pth` begin with a network's name.
    """
    word = re.split(r"[/\\]", word.removeprefix("torchvision:").removeprefix("timm:"))[-1].lower()
    timm, torchvision = require("timm", extra="tasks"), require("torchvision.models", extra="tasks")
    known = set(torchvision.list_models())
    parts = re.split(r"(?=[^a-z0-9])", word.removeprefix("antialiased_"))
    for end in range(len(parts), 0, -1):
        name = "".join(parts[:end])
        found = [f"torchvision:{name}"] * (name in known) + [f"timm:{name}"] * timm.is_model(name)
        yield from found
        if found:
            return
