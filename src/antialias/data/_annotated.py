"""Annotated pictures: what an instance segmentation data set is here, and such a set held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor


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
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            items = list(pool.map(data.annotated, range(len(data))))
    finally:
        torch.set_num_threads(threads)  # threads to come would take over the pool's value
    return Annotations(items, [data.name(index) for index in range(len(data))], data.classes)


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
