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
            (`input_size`, or timm's `pretrained_cfg`), see `random_input`.

    Raises:
        ValueError: `example` is `None` and the network names no size.
        TypeError: `example` is something else.
    """
    if example is None:
        like = next((t for t in chain(model.parameters(), model.buffers()) if t.is_floating_point()), torch.empty(0))
        random = random_input(model)
        if input_size(model) is None:
            raise ValueError(
                f"example is None, and {type(model).__name__} names no input_size. "
                f"Pass an input the network takes, such as example=torch.rand{tuple(random.shape)}."
            )
        return (random.to(like),), {}
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


_FRAMES, _USUAL = 16, {1: (16000,), 2: (224, 224), 3: (112, 112)}
"""Frames of a clip, and the sides of what networks of one, two and three spatial dimensions take that name none."""


def random_input(model: nn.Module, size: int | None = None) -> Tensor:
    """Return random numbers from 0 to 1 of a shape that a network may take, the same each time.

    The first convolution says how many channels and which dimensions there are: a signal `(1, C, L)`, an image
    `(1, C, H, W)` or a clip `(1, C, 16, H, W)`.

    Args:
        model: The network.
        size: Side of the image or of a frame, or length of the signal; what the network names if `None`, else 224, 112
            or 16000.

    Example:
        >>> random_input(nn.Conv1d(2, 4, 9), size=128).shape
        torch.Size([1, 2, 128])
    """
    named = input_size(model)
    first = next((each for each in model.modules() if isinstance(each, nn.Conv1d | nn.Conv2d | nn.Conv3d)), None)
    dims = 2 if first is None else first.weight.dim() - 2
    channels = first.in_channels if first is not None else (named or (3,))[0]
    sides = _USUAL[dims] if named is None else named[-min(dims, 2) :]
    sides = sides if size is None else (size,) * len(sides)
    return torch.rand(1, channels, *[_FRAMES] * (dims == 3), *sides, generator=torch.Generator().manual_seed(0))


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
