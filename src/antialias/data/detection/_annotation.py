"""Images with the objects in them: what an instance segmentation data set is here, and such a set held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from antialias.data._classes import ClassMismatch
from antialias.data.images import masks_to_boxes, resize


class Annotation(NamedTuple):
    """One image and the objects in it; there may be none.

    Attributes:
        image: `(3, H, W)` `uint8`.
        boxes: `(M, 4)` `float32` `x1, y1, x2, y2` in pixels, right and bottom exclusive.
        labels: `(M,)` `int64`, class index from 0.
        masks: `(M, H, W)` `bool`.
        crowd: `(M,)` `bool`: a region of many objects, which is neither learnt nor counted against a detector.
        image_id: A number that no other image of the set has.
    """

    image: Tensor
    boxes: Tensor
    labels: Tensor
    masks: Tensor
    crowd: Tensor
    image_id: int

    def resize(self, factor: float) -> Annotation:
        """Resize the image bilinearly with anti-aliasing, its masks to the nearest pixel; boxes are scaled.

        Example:
            >>> none = torch.zeros(0, dtype=torch.int64)
            >>> item = Annotation(torch.zeros(3, 6, 8).byte(), torch.zeros(0, 4), none, torch.zeros(0, 6, 8), none, 0)
            >>> item.resize(0.5).image.shape
            torch.Size([3, 3, 4])
        """
        (height, width), (image, masks) = self.image.shape[-2:], resize(self.image, self.masks, factor)
        stretch = torch.tensor([image.shape[-1] / width, image.shape[-2] / height]).repeat(2)
        return self._replace(image=image, masks=masks, boxes=self.boxes * stretch)

    def crop(self, corner: Sequence[float], window: int | Sequence[int], min_visibility: float = 0.0) -> Annotation:
        """Crop a window, with what it shows of the objects; boxes are drawn anew around that.

        Args:
            corner: How far down and right the window begins, in shares of the room there is, below 1.
            window: Side in pixels, or height and width; a shorter side of the image stays whole.
            min_visibility: An object of which the window shows a smaller share of the pixels is left out.
        """
        sides, (height, width) = self.image.shape[-2:], (window, window) if isinstance(window, int) else window
        top, left = (
            int(share * (max(0, side - within) + 1))
            for share, side, within in zip(corner, sides, (height, width), strict=True)
        )
        image, masks = (part[..., top : top + height, left : left + width] for part in (self.image, self.masks))
        visible = masks.sum((1, 2))
        keep = (visible > 0) & (visible >= min_visibility * self.masks.sum((1, 2)))
        boxes, labels, crowd = masks_to_boxes(masks[keep]), self.labels[keep], self.crowd[keep]
        return self._replace(image=image, masks=masks[keep], boxes=boxes, labels=labels, crowd=crowd)

    def hflip(self) -> Annotation:
        """Swap left and right."""
        boxes = self.boxes.clone()
        boxes[:, [0, 2]] = self.image.shape[-1] - self.boxes[:, [2, 0]]
        return self._replace(image=self.image.flip(-1), masks=self.masks.flip(-1), boxes=boxes)


@runtime_checkable
class DetectionDataset(Protocol):
    """Images with a mask, a box and a class for each object.

    Attributes:
        classes: Name of each class.
    """

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def annotated(self, index: int) -> Annotation:
        """Return one image with its objects."""
        ...

    def name(self, index: int) -> str:
        """Return what a message calls the image, such as its file."""
        ...


class AnnotatedImages:
    """Hold annotated images in memory, so that reading them costs a small network nothing.

    Args:
        items: The images.
        names: What a message calls each of them.
        classes: Name of each class.
        class_mismatch: What the classes do not share with those whose numbers hold, if anything.

    Raises:
        ValueError: There are more or fewer names than images.
    """

    def __init__(
        self,
        items: Sequence[Annotation],
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

    def annotated(self, index: int) -> Annotation:
        """Return one image with its objects."""
        return self.items[index]

    def name(self, index: int) -> str:
        """Return what a message calls the image."""
        return self.names[index]
