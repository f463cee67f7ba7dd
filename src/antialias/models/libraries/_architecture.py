"""Networks without weights from a file: whatever a name's library makes."""

from __future__ import annotations

import torch
from torch import nn

from antialias.models._origin import Origin

from ._from_transformers import from_transformers
from ._others import CHOICES, from_module, from_smp, from_timm, from_torchvision
from ._own import from_antialias

_BUILDERS = {
    "antialias": from_antialias,
    "smp": from_smp,
    "timm": from_timm,
    "torchvision": from_torchvision,
    "transformers": from_transformers,
}


def build_architecture(origin: Origin, *, pretrained: bool | None = None) -> nn.Module:
    """Build a network from its origin and note the origin on it.

    Args:
        origin: What to build.
        pretrained: Take the library's own weights. `None`: no weights at all, not even embedded ones.

    Raises:
        ValueError: The name is unknown.
    """
    if not origin.rest:
        raise ValueError(f"model={origin.name!r} is unknown. Use {CHOICES}, or a path of a .safetensors file.")
    model = _BUILDERS.get(origin.library, from_module)(origin, pretrained)
    model._antialias_origin = origin  # type: ignore[assignment]
    return model


def without_memory(origin: Origin) -> nn.Module | None:
    """Build a network on the meta device; `None` if it computes something from its weights as it is made.

    Raises:
        RuntimeError: It cannot be made, such as one whose size overflows.
        ValueError: The name is unknown, or a library refuses what a folder says.
    """
    try:
        with torch.device("meta"):
            return build_architecture(origin)
    except (RuntimeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error, ValueError) else error
        if not isinstance(cause, RuntimeError) or "meta" not in str(cause).lower():
            raise
        return None
