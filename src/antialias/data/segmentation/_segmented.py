"""Images with a class for each pixel: what a semantic segmentation data set is here, and such a set in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor

from antialias.data._classes import ClassMismatch


@runtime_checkable
class SegmentationDataset(Protocol):
    """Images with a class for each pixel, background included.

    Attributes:
        classes: Name of each class.
        pixels: Pixels of all images together, which says how much memory they take: 4 bytes each.
    """

    classes: tuple[str, ...]

    @property
    def pixels(self) -> int:
        """Pixels of all images together."""
        ...

    def __len__(self) -> int: ...

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one image `(3, H, W)` and its classes `(H, W)`, both `uint8`; 255 is ignored."""
        ...

    def name(self, index: int) -> str:
        """Return what a message calls the image, such as its file."""
        ...


class SegmentedImages:
    """Hold images with their classes in memory, so that reading them costs a small network nothing.

    Args:
        items: Images `(3, H, W)` and classes `(H, W)`, both `uint8`.
        names: What a message calls each of them.
        classes: Name of each class.
        class_mismatch: What the classes do not share with those whose numbers hold, if anything.

    Raises:
        ValueError: There are more or fewer names than images.
    """

    def __init__(
        self,
        items: Sequence[tuple[Tensor, Tensor]],
        names: Sequence[str],
        classes: Sequence[str],
        *,
        class_mismatch: ClassMismatch | None = None,
    ) -> None:
        if len(items) != len(names):
            raise ValueError(f"{len(items)} pictures have {len(names)} names. Use one name a picture.")
        self.items, self.names, self.classes = tuple(items), tuple(names), tuple(classes)
        self.class_mismatch = class_mismatch

    def __len__(self) -> int:
        return len(self.items)

    @property
    def pixels(self) -> int:
        """Pixels of all images together."""
        return sum(mask.numel() for _, mask in self.items)

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one image `(3, H, W)` and its classes `(H, W)`, both `uint8`."""
        return self.items[index]

    def name(self, index: int) -> str:
        """Return what a message calls the image."""
        return self.names[index]
