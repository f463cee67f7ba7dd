"""Photographs that installed packages carry in their wheels: real images, nothing downloaded."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional as F

from antialias._extras import require

# Read from the wheels' folders, because `skimage.data.<name>()` may download what a wheel leaves out.
_COLOUR: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "astronaut": ("skimage.data", "astronaut.png"),
        "chelsea": ("skimage.data", "chelsea.png"),
        "china": ("sklearn.datasets.images", "china.jpg"),
        "coffee": ("skimage.data", "coffee.png"),
        "flower": ("sklearn.datasets.images", "flower.jpg"),
        "hubble_deep_field": ("skimage.data", "hubble_deep_field.jpg"),
        "ihc": ("skimage.data", "ihc.png"),
        "motorcycle_left": ("skimage.data", "motorcycle_left.png"),
        "motorcycle_right": ("skimage.data", "motorcycle_right.png"),
        "retina": ("skimage.data", "retina.jpg"),
        "rocket": ("skimage.data", "rocket.jpg"),
    }
)
_GREY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        name: ("skimage.data", f"{name}.png")
        for name in ("brick", "camera", "cell", "coins", "grass", "gravel", "moon", "page", "text")
    }
)


@functools.cache
def _read(package: str, file: str) -> Tensor:
    require(package.partition(".")[0], extra="tasks")
    transforms = require("torchvision.transforms.v2.functional", extra="tasks")
    image = require("PIL.Image", extra="tasks")
    with (files(package) / file).open("rb") as stream:
        return transforms.pil_to_tensor(image.open(stream).convert("RGB"))


def photographs(*, grey: bool = False) -> dict[str, Tensor]:
    """Return the colour photographs that scikit-image and scikit-learn install, by name.

    They are the embedded default wherever a real picture is wanted: no path to give, nothing fetched. `motorcycle_left`
    and `motorcycle_right` are a stereo pair, so put both on one side of any split.

    Args:
        grey: Those without colour, too.

    Returns:
        `uint8` tensors `(3, H, W)`, RGB, as large as the files hold them (300 to 1411 pixels). The tensors are yours.

    Raises:
        ImportError: scikit-image or scikit-learn is missing; the message names the extra.

    Example:
        >>> pictures = photographs()
        >>> len(pictures), tuple(pictures["coffee"].shape)
        (11, (3, 400, 600))
    """
    sources = {**_COLOUR, **_GREY} if grey else _COLOUR
    return {name: _read(*source).clone() for name, source in sources.items()}


def imagenet_photographs() -> tuple[dict[str, Tensor], dict[str, int]]:
    """Return the twenty labelled photographs of ImageNet that the `foolbox` wheel holds, and their classes, by name.

    Returns:
        `uint8` tensors `(3, H, W)`, RGB, and ImageNet's numbers of classes, 0 to 999.

    Raises:
        ImportError: The wheel, or torchvision, is missing.

    Example:
        >>> pictures, labels = imagenet_photographs()
        >>> len(pictures), labels["imagenet_16"]
        (20, 251)
    """
    package = importlib.util.find_spec("foolbox")  # importing it takes other frameworks
    if package is None or not package.submodule_search_locations:
        raise ImportError(
            "foolbox is not installed. Run: pip install --no-deps foolbox==3.3.4 (only its photographs are read)."
        )
    transforms = require("torchvision.transforms.v2.functional", extra="tasks")
    image = require("PIL.Image", extra="tasks")
    pictures, labels = dict[str, Tensor](), dict[str, int]()
    for path in sorted((Path(package.submodule_search_locations[0]) / "data").glob("imagenet_*.jpg")):
        name, _, label = path.stem.rpartition("_")
        with image.open(path) as opened:
            pictures[name], labels[name] = transforms.pil_to_tensor(opened.convert("RGB")), int(label)
    return pictures, labels


def stack_squares(names: tuple[str, ...], side: int) -> Tensor:
    """Return the largest centred square of each named photograph: `(len(names), 3, side, side)` floats in [0, 1]."""
    squares = []
    for name in names:
        image = _read(*(_COLOUR.get(name) or _GREY[name]))
        edge = min(image.shape[-2:])
        top, left = (image.shape[-2] - edge) // 2, (image.shape[-1] - edge) // 2
        square = image[:, top : top + edge, left : left + edge].float()[None] / 255
        squares.append(F.interpolate(square, (side, side), mode="bilinear", antialias=True).clamp(0, 1))
    return torch.cat(squares)
