"""Annotated pictures: what an instance segmentation data set is here, and such a set held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK = 32


class Annotation(NamedTuple):
    """One picture and the objects in it; there may be none.

    Attributes:
        image: `(3, H, W)` `uint8`.
        boxes: `(M, 4)` `float32` `x1, y1, x2, y2` in pixels, right and bottom exclusive.
        labels: `(M,)` `int64`, class index from 0.
        masks: `(M, H, W)` `bool`.
        crowd: `(M,)` `bool`: a region of many objects, which is neither learnt nor counted against a detector.
        image_id: A number that no other picture of the set has.
    """

    image: Tensor
    boxes: Tensor
    labels: Tensor
    masks: Tensor
    crowd: Tensor
    image_id: int


@runtime_checkable
class Annotated(Protocol):
    """An instance segmentation data set: pictures with a mask, a box and a class for each object."""

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def annotated(self, index: int) -> Annotation:
        """Return one picture with its objects."""
        ...

    def name(self, index: int) -> str:
        """Return what a message calls the picture, such as its file."""
        ...


class Annotations:
    """Hold annotated pictures in memory, so that reading them costs a small network nothing.

    Args:
        items: The pictures.
        names: What a message calls each of them.
        classes: Name of each class.

    Raises:
        ValueError: There are more or fewer names than pictures.
    """

    def __init__(self, items: Sequence[Annotation], names: Sequence[str], classes: Sequence[str]) -> None:
        if len(items) != len(names):
            raise ValueError(f"{len(items)} pictures have {len(names)} names. Use one name a picture.")
        self.items, self.names, self.classes = tuple(items), tuple(names), tuple(classes)

    def __len__(self) -> int:
        return len(self.items)

    def annotated(self, index: int) -> Annotation:
        """Return one picture with its objects."""
        return self.items[index]

    def name(self, index: int) -> str:
        """Return what a message calls the picture."""
        return self.names[index]


def hold(data: Annotated) -> Annotations:
    """Read a whole annotated data set into memory, once, so that every later epoch is free.

    Args:
        data: Any instance segmentation data set of this package; an 80 px scene takes 40 kB at most.

    Example:
        >>> from antialias.data import Scenes
        >>> held = hold(Scenes(size=16, length=3))
        >>> len(held), held.name(2)
        (3, 'scene 2 of train')
    """
    if isinstance(data, Annotations):
        return data
    numbers, threads = range(len(data)), torch.get_num_threads()
    chunks = [numbers[start : start + _CHUNK] for start in numbers[::_CHUNK]]
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            read = list(pool.map(lambda chunk: _annotations(data, chunk), chunks))
    finally:
        torch.set_num_threads(threads)  # threads to come would take over the pool's value
    return Annotations([item for items in read for item in items], [data.name(i) for i in numbers], data.classes)


@runtime_checkable
class _Together(Protocol):
    """A data set that makes many pictures at once faster than one by one."""

    def annotations(self, indices: Sequence[int]) -> list[Annotation]: ...


def _annotations(data: Annotated, numbers: Sequence[int]) -> list[Annotation]:
    return data.annotations(numbers) if isinstance(data, _Together) else [data.annotated(i) for i in numbers]


def boxes_around(masks: Tensor) -> Tensor:
    """Return the tight boxes `(M, 4)` `x1, y1, x2, y2` of non-empty masks `(M, H, W)`, right and bottom exclusive.

    Example:
        >>> boxes_around(torch.tensor([[[0, 0, 0], [0, 1, 1]]]).bool()).tolist()
        [[1.0, 1.0, 3.0, 2.0]]
    """
    sides = []
    for occupied in (masks.any(dim=1), masks.any(dim=2)):
        first = occupied.int().argmax(dim=1)
        last = occupied.shape[1] - occupied.flip(1).int().argmax(dim=1)
        sides.append((first, last))
    (x1, x2), (y1, y2) = sides
    return torch.stack((x1, y1, x2, y2), dim=1).float()


def scaled(item: Annotation, factor: float) -> Annotation:
    """Resample a picture bilinearly with anti-aliasing, its masks to the nearest pixel; boxes are scaled.

    Example:
        >>> none = torch.zeros(0, dtype=torch.int64)
        >>> item = Annotation(torch.zeros(3, 6, 8).byte(), torch.zeros(0, 4), none, torch.zeros(0, 6, 8), none, 0)
        >>> scaled(item, 0.5).image.shape
        torch.Size([3, 3, 4])
    """
    (height, width), (image, masks) = item.image.shape[-2:], resampled(item.image, item.masks, factor)
    stretch = torch.tensor([image.shape[-1] / width, image.shape[-2] / height]).repeat(2)
    return item._replace(image=image, masks=masks, boxes=item.boxes * stretch)


def resampled(image: Tensor, masks: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Resample a picture `(3, H, W)` bilinearly with anti-aliasing and masks `(..., H, W)` to the nearest pixel."""
    sides = image.shape[-2:]
    height, width = (max(1, round(factor * side)) for side in sides)
    smooth = F.interpolate(image[None].float(), (height, width), mode="bilinear", antialias=True)[0]
    rows, columns = _nearest(height, sides[0]), _nearest(width, sides[1])
    return smooth.round().clamp(0, 255).to(torch.uint8), masks[..., rows[:, None], columns]


def _nearest(new: int, old: int) -> Tensor:
    return ((torch.arange(new) + 0.5) * old / new).long()


def cut(item: Annotation, corner: Sequence[float], window: int, least: float = 0.0) -> Annotation:
    """Cut a square window, with what it shows of the objects; boxes are drawn anew around that.

    Args:
        item: The picture.
        corner: How far down and right the window begins, in shares of the room there is, below 1.
        window: Side in pixels; a shorter side of the picture stays whole.
        least: An object of which the window shows a smaller share of the pixels is left out.
    """
    height, width = item.image.shape[-2:]
    top, left = (int(share * (max(0, side - window) + 1)) for share, side in zip(corner, (height, width), strict=True))
    image, masks = (part[..., top : top + window, left : left + window] for part in (item.image, item.masks))
    seen = masks.sum((1, 2))
    kept = (seen > 0) & (seen >= least * item.masks.sum((1, 2)))
    labels, crowd = item.labels[kept], item.crowd[kept]
    return item._replace(image=image, masks=masks[kept], boxes=boxes_around(masks[kept]), labels=labels, crowd=crowd)


def mirrored(item: Annotation) -> Annotation:
    """Swap left and right."""
    boxes = item.boxes.clone()
    boxes[:, [0, 2]] = item.image.shape[-1] - item.boxes[:, [2, 0]]
    return item._replace(image=item.image.flip(-1), masks=item.masks.flip(-1), boxes=boxes)
