"""Which network of which library a backbone's name means."""

from __future__ import annotations

from antialias._extras import require


def library_of(backbone: str) -> tuple[str, str]:
    """Split `timm:NAME`, `torchvision:NAME` or a name of timm's into library and name.

    Raises:
        ValueError: There is no such library or network.

    Example:
        >>> library_of("resnet18"), library_of("torchvision:resnet18")
        (('timm', 'resnet18'), ('torchvision', 'resnet18'))
    """
    library, colon, name = backbone.partition(":")
    if not colon:
        library, name = "timm", backbone
    if not name or library not in ("timm", "torchvision"):
        raise ValueError(f"backbone={backbone!r} is unknown. Use timm:NAME or torchvision:NAME, such as timm:resnet50.")
    known, where = _known(library)
    if name not in known:
        raise ValueError(f"backbone='{library}:{name}' is unknown. Use a name of {where}.")
    return library, name


def _known(library: str) -> tuple[list[str], str]:
    if library == "timm":
        return require("timm", extra="tasks").list_models(), "timm.list_models()"
    return require("torchvision.models", extra="tasks").list_models(), "torchvision.models.list_models()"
