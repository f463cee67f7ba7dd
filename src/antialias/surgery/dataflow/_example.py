"""Something to run a network on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn


def arguments(model: nn.Module, example: Any = None) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return positional and keyword arguments for `model`.

    Args:
        model: The network.
        example: An input tensor, a tuple of positional arguments, a list of images (as detectors take them), a
            dictionary of keyword arguments, or `None` for a random image of the size the network itself names
            (`input_size`, or timm's `pretrained_cfg`) with as many channels as its first convolution reads.

    Raises:
        ValueError: `example` is `None` and the network names no size.
        TypeError: `example` is something else.
    """
    if example is None:
        if (shape := input_size(model)) is None:
            raise ValueError(
                f"example is None, and {type(model).__name__} names no input_size. "
                "Pass an input the network takes, such as example=torch.rand(1, 3, 224, 224)."
            )
        first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
        channels = shape[0] if first is None else first.in_channels
        like = next((t for t in chain(model.parameters(), model.buffers()) if t.is_floating_point()), torch.empty(0))
        image = torch.randn(1, channels, *shape[1:], generator=torch.Generator().manual_seed(0))
        return (image.to(like),), {}
    if isinstance(example, Tensor):
        return (example,), {}
    if isinstance(example, tuple):
        return example, {}
    if isinstance(example, list):
        return (example,), {}
    if isinstance(example, Mapping):
        return (), example
    raise TypeError(
        f"example is a {type(example).__name__}. Pass a tensor, a tuple of arguments, a list of images or a "
        "dictionary of keyword arguments."
    )


def input_size(model: nn.Module) -> tuple[int, int, int] | None:
    """Return the channels, height and width of the images a network is meant for, or `None` if it does not say.

    Looked at in this order: an attribute `model.input_size`, as a side, `(H, W)` or `(C, H, W)`; timm's
    `pretrained_cfg`.

    Example:
        >>> network = nn.Conv2d(3, 8, 3)
        >>> network.input_size = 64
        >>> input_size(network)
        (3, 64, 64)
    """
    config = getattr(model, "pretrained_cfg", None) or {}
    size = getattr(model, "input_size", None) or config.get("input_size")
    if size is None:
        return None
    sides = (3, size, size) if isinstance(size, int) else (3, *size)[-3:]
    return sides[0], sides[1], sides[2]
