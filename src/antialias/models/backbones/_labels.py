"""Readable names of the ImageNet classes."""

from __future__ import annotations

from antialias._extras import require


def imagenet_labels() -> tuple[str, ...]:
    """Return the 1000 ImageNet class names in the order of a classifier's outputs, as torchvision lists them.

    Example:
        >>> imagenet_labels()[285], imagenet_labels()[967]
        ('Egyptian cat', 'espresso')
    """
    models = require("torchvision.models", extra="tasks")
    return tuple(models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
