"""Pictures with a class for each pixel: what a semantic segmentation data set is here, and such a set in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional as F

from antialias._conventions import IGNORED

from ._pictures import in_threads
from ._scenes import Scenes

_CHUNK = 32


@runtime_checkable
class Segmented(Protocol):
    """A semantic segmentation data set: pictures with a class for each pixel, background included.

    Attributes:
        classes: Name of each class.
        pixels: Pixels of all pictures together, which says how much memory they take: 4 bytes each.
    """

    classes: tuple[str, ...]

    @property
    def pixels(self) -> int: ...

    def __len__(self) -> int: ...

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one picture `(3, H, W)` and its classes `(H, W)`, both `uint8`; 255 is ignored."""
        ...

    def name(self, index: int) -> str:
        """Return what a message calls the picture, such as its file."""
        ...


class SegmentedScenes:
    """Serve scenes as a semantic segmentation data set of 21 classes: the background and twenty kinds of objects.

    Args:
        scenes: What is drawn.

    Example:
        >>> image, mask = SegmentedScenes(Scenes(size=16, length=3)).segmented(0)
        >>> tuple(image.shape), tuple(mask.shape), mask.dtype
        ((3, 16, 16), (16, 16), torch.uint8)
    """

    def __init__(self, scenes: Scenes) -> None:
        self.scenes, self.classes = scenes, ("background", *scenes.classes)

    def __len__(self) -> int:
        return len(self.scenes)

    @property
    def pixels(self) -> int:
        """Pixels of all pictures together."""
        return len(self.scenes) * self.scenes.size**2

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one picture `(3, H, W)` and its classes `(H, W)`, both `uint8`."""
        return self.segmentations([index])[0]

    def segmentations(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Return several pictures with their classes, drawn together."""
        return self.scenes.segmentations(indices)

    def name(self, index: int) -> str:
        """Return what a message calls item `index`."""
        return self.scenes.name(index)


class Segmentations:
    """Hold pictures with their classes in memory, so that reading them costs a small network nothing.

    Args:
        items: Pictures `(3, H, W)` and classes `(H, W)`, both `uint8`.
        names: What a message calls each of them.
        classes: Name of each class.

    Raises:
        ValueError: There are more or fewer names than pictures.
    """

    def __init__(self, items: Sequence[tuple[Tensor, Tensor]], names: Sequence[str], classes: Sequence[str]) -> None:
        if len(items) != len(names):
            raise ValueError(f"{len(items)} pictures have {len(names)} names. Use one name a picture.")
        self.items, self.names, self.classes = tuple(items), tuple(names), tuple(classes)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def pixels(self) -> int:
        """Pixels of all pictures together."""
        return sum(mask.numel() for _, mask in self.items)

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one picture `(3, H, W)` and its classes `(H, W)`, both `uint8`."""
        return self.items[index]

    def name(self, index: int) -> str:
        """Return what a message calls the picture."""
        return self.names[index]


def hold_segmented(data: Segmented) -> Segmentations:
    """Read a whole semantic segmentation data set into memory, once, so that every later epoch is free.

    Example:
        >>> held = hold_segmented(SegmentedScenes(Scenes(size=16, length=3)))
        >>> len(held), held.name(2), held.pixels
        (3, 'scene 2 of train', 768)
    """
    numbers = range(len(data))
    chunks = [numbers[start : start + _CHUNK] for start in numbers[::_CHUNK]]
    items = [item for some in in_threads(lambda chunk: _segmentations(data, chunk), chunks) for item in some]
    return Segmentations(items, [data.name(number) for number in numbers], data.classes)


@runtime_checkable
class _Together(Protocol):
    """A data set that makes many pictures at once faster than one by one."""

    def segmentations(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]: ...


def _segmentations(data: Segmented, numbers: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    return data.segmentations(numbers) if isinstance(data, _Together) else [data.segmented(i) for i in numbers]


def window_of(
    image: Tensor, mask: Tensor, corner: Sequence[float], side: int, colour: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Cut a square window out of a picture and its classes, continued to the right and below where it is smaller.

    Args:
        image: `(3, H, W)` `uint8`.
        mask: `(H, W)` `uint8`.
        corner: How far down and right the window begins, in shares of the room there is, below 1.
        side: Of the window, in pixels.
        colour: Continues the picture; its class is 255, which is ignored.

    Example:
        >>> image, mask = torch.zeros(3, 4, 6).byte(), torch.zeros(4, 6).byte()
        >>> image, mask = window_of(image, mask, (0.5, 0.5), 5, (9, 9, 9))
        >>> image[0, -1].tolist(), mask[-1].tolist(), image.shape
        ([9, 9, 9, 9, 9], [255, 255, 255, 255, 255], torch.Size([3, 5, 5]))
    """
    height, width = mask.shape
    top, left = (int(share * (max(0, whole - side) + 1)) for share, whole in zip(corner, (height, width), strict=True))
    image, mask = (part[..., top : top + side, left : left + side] for part in (image, mask))
    right, below = side - mask.shape[1], side - mask.shape[0]
    if right or below:
        planes = [F.pad(plane, (0, right, 0, below), value=of) for plane, of in zip(image, colour, strict=True)]
        image, mask = torch.stack(planes), F.pad(mask, (0, right, 0, below), value=IGNORED)
    return image, mask
