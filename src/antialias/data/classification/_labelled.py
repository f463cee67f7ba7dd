"""Images with one label each: what a classification data set is here, and such a set held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import Dataset

from antialias.data._classes import ClassMismatch


@runtime_checkable
class ClassificationDataset(Protocol):
    """Items are `(image, label)`, and many can be read at once.

    Attributes:
        classes: Name of each class.
    """

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def labelled(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return `uint8` images `(N, 3, H, W)` and `int64` labels `(N,)`."""
        ...


class LabelledImages(Dataset[tuple[Tensor, int]]):
    """Hold labelled images in memory as bytes, so that reading them costs a small network nothing.

    Args:
        images: `uint8` `(N, 3, H, W)`.
        labels: `int64` `(N,)`.
        classes: Name of each class.
        class_mismatch: What the classes do not share with those whose numbers hold, if anything.

    Raises:
        ValueError: Images are not `uint8`, or there are more or fewer labels than images.

    Example:
        >>> data = LabelledImages(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), ("cat", "dog"))
        >>> [tuple(images.shape) for images, labels in data.batches(1)]
        [(1, 3, 8, 8), (1, 3, 8, 8)]
    """

    def __init__(
        self, images: Tensor, labels: Tensor, classes: Sequence[str], *, class_mismatch: ClassMismatch | None = None
    ) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(f"images are {images.dtype} {tuple(images.shape)}. Use torch.uint8 (N, 3, H, W).")
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} images have {len(labels)} labels. Use one label an image.")
        self.images, self.labels, self.classes = images, labels, tuple(classes)
        self.class_mismatch = class_mismatch

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
