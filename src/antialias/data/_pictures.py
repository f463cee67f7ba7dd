"""Labelled pictures: what a classification data set is here, and such a set held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import Dataset

Progress = Callable[[int, int], None]
T = TypeVar("T")
R = TypeVar("R")


@runtime_checkable
class Labelled(Protocol):
    """A classification data set: items are `(image, label)`, and many can be read at once."""

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def labelled(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return `uint8` images `(N, 3, H, W)` and `int64` labels `(N,)`."""
        ...


class Pictures(Dataset[tuple[Tensor, int]]):
    """Hold labelled pictures in memory as bytes, so that reading them costs a small network nothing.

    Args:
        images: `uint8` `(N, 3, H, W)`.
        labels: `int64` `(N,)`.
        classes: Name of each class.

    Raises:
        ValueError: Images are not `uint8`, or there are more or fewer labels than images.

    Example:
        >>> pictures = Pictures(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), ("cat", "dog"))
        >>> [tuple(images.shape) for images, labels in pictures.batches(1)]
        [(1, 3, 8, 8), (1, 3, 8, 8)]
    """

    def __init__(self, images: Tensor, labels: Tensor, classes: Sequence[str]) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(f"images are {images.dtype} {tuple(images.shape)}. Use torch.uint8 (N, 3, H, W).")
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} images have {len(labels)} labels. Use one label an image.")
        self.images, self.labels, self.classes = images, labels, tuple(classes)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index].float() / 255, int(self.labels[index])

    def labelled(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the `uint8` images and the labels at `indices`."""
        return self.images[indices], self.labels[indices]

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield `(images, labels)` in order, images as floats in [0, 1]."""
        for images, labels in zip(self.images.split(size), self.labels.split(size), strict=True):
            yield images.float() / 255, labels


def materialize(data: Labelled, *, progress: Progress | None = None) -> Pictures:
    """Read a whole data set into memory, once, so that every later epoch is free.

    Args:
        data: Any classification data set of this package; 80 px pictures take 19 kB each.
        progress: Called with `(done, total)` pictures.

    Example:
        >>> from antialias.data import Scenes
        >>> len(materialize(Scenes(size=16, length=10)))
        10
    """
    if isinstance(data, Pictures):
        return data
    parts: list[tuple[Tensor, Tensor]] = []
    done = 0
    for part in in_threads(data.labelled, torch.arange(len(data)).split(128)):
        parts.append(part)
        done += len(part[1])
        if progress is not None:
            progress(done, len(data))
    images, labels = zip(*parts, strict=True)
    return Pictures(torch.cat(images), torch.cat(labels), data.classes)


def in_threads(read: Callable[[T], R], chunks: Sequence[T]) -> Iterator[R]:
    """Read chunks side by side, in order.

    Reading is many small operations: a thread a chunk uses the cores that a thread an operation leaves idle, and does
    not stall on a busy machine.
    """
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(read, chunks)
    finally:
        torch.set_num_threads(threads)  # threads to come would take over the pool's value
