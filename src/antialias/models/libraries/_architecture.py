"""Networks without weights from a file: whatever a name's library makes."""

from __future__ import annotations

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
