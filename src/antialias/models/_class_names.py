"""Names of a network's classes, in the order of its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn


def class_names(model: nn.Module) -> tuple[str, ...] | None:
    """Return the names of a network's classes in the order of its outputs, or `None` if it does not say.

    Looked at in this order: what `name_classes_` said or `load` read; the attributes `classes` and `class_names`;
    timm's `pretrained_cfg["label_names"]`; transformers' `config.id2label`, unless it says no more than
    `LABEL_0`, `LABEL_1` and so on. Of a detector the background is none.

    Example:
        >>> network = nn.Linear(8, 2)
        >>> network.classes = ["cat", "dog"]
        >>> class_names(network)
        ('cat', 'dog')
    """
    timm, transformers = getattr(model, "pretrained_cfg", None), getattr(model, "config", None)
    labels = getattr(transformers, "id2label", None)
    is_said = isinstance(labels, Mapping) and any(name != f"LABEL_{index}" for index, name in labels.items())
    sources: tuple[Any, ...] = (
        getattr(model, "_antialias_classes", None),
        getattr(model, "classes", None),
        getattr(model, "class_names", None),
        timm.get("label_names") if isinstance(timm, Mapping) else None,
        [labels[index] for index in sorted(labels)] if isinstance(labels, Mapping) and is_said else None,
    )
    for names in sources:
        is_list = isinstance(names, Sequence) and not isinstance(names, str) and len(names) > 0
        if is_list and all(isinstance(name, str) for name in names):
            return tuple(names)
    return None


def name_classes_(model: nn.Module, names: Sequence[str]) -> None:
    """Have a network remember the names of its classes, which `save` writes beside its weights.

    Args:
        model: The network; nothing else of it changes.
        names: In the order of its outputs.
    """
    model._antialias_classes = tuple(names)  # type: ignore[assignment]
