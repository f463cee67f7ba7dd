"""Partial supervision: which classes have masks to learn from, and annotations that hold no others."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from antialias._files import text_of
from antialias.data.images import boxes_to_masks

from ._annotation import Annotation, DetectionDataset

_VOC = (
    *("airplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table", "dog"),
    *("horse", "motorcycle", "person", "potted plant", "sheep", "couch", "train", "tv"),
)


class ClassSplit(NamedTuple):
    """The classes whose masks may be learnt, and those of which only boxes are.

    A file of it names the first, one a line; what follows a `#` is a remark.

    Attributes:
        masked: Names of classes with masks.
        unmasked: Names of the others.
    """

    masked: tuple[str, ...]
    unmasked: tuple[str, ...]

    @classmethod
    def of(cls, classes: Sequence[str], masked: Literal["voc"] | int, seed: int = 0) -> ClassSplit:
        """Split classes into those with masks and those without; `reversed()` is the other direction.

        Args:
            classes: All classes of a data set, such as `CocoInstances.classes`.
            masked: `"voc"` for the 20 classes of PASCAL VOC among COCO's 80, or how many to draw.
            seed: Of the draw.

        Raises:
            ValueError: The classes are not COCO's, or there are too few to draw so many.

        Example:
            >>> ClassSplit.of(("ring", "gear", "star"), 1)
            ClassSplit(masked=('star',), unmasked=('ring', 'gear'))

        Source: the VOC split is that of Hu et al., "Learning to Segment Every Thing", CVPR 2018, section 4.
        """
        if masked == "voc":
            return _split(classes, _VOC, "VOC")
        if not 0 < masked < len(classes):
            sides = f"masked={masked} of {len(classes)} classes leaves one side empty"
            raise ValueError(f"{sides}. Use 1..{len(classes) - 1}.")
        order = torch.randperm(len(classes), generator=torch.Generator().manual_seed(seed)).tolist()
        return _split(classes, [classes[i] for i in order[:masked]], "the draw")

    def reversed(self) -> ClassSplit:
        """Return the split in the other direction."""
        return ClassSplit(self.unmasked, self.masked)

    def write(self, path: str | Path) -> None:
        """Write the file that `TrainConfig.masked_classes` names."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join((f"# {len(self.masked)} classes whose masks are learnt", *self.masked)) + "\n")

    @classmethod
    def read(cls, path: str | Path, classes: Sequence[str]) -> ClassSplit:
        """Read what `write` wrote.

        Args:
            path: The file.
            classes: All classes of the data set.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It names a class that the data does not have, none at all, or all.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not a file. Use one that ClassSplit.write wrote, with a class a line.")
        lines = text_of(path, "Write a class a line.").splitlines()
        named = [name for line in lines if (name := line.partition("#")[0].strip())]
        return _split(classes, named, str(path))


def _split(classes: Sequence[str], named: Sequence[str], source: str) -> ClassSplit:
    """Put both sides in the order of the classes."""
    if unknown := [name for name in named if name not in classes]:
        near = difflib.get_close_matches(unknown[0], classes, n=3, cutoff=0.4) or list(classes[:3])
        raise ValueError(f"{source} names {unknown[0]!r}, no class of the data. Use such as {', '.join(near)}.")
    masked = tuple(name for name in classes if name in named)
    if len(masked) in (0, len(classes)):
        raise ValueError(f"{source} names {len(masked)} of {len(classes)} classes. Name some of them, but not all.")
    return ClassSplit(masked, tuple(name for name in classes if name not in named))


class PartiallySupervised:
    """Serve annotated images in which objects of some classes have a box and no mask.

    Their boxes, filled, take the masks' place before anything else sees the image. So whatever is made of it (resized
    images, boxes drawn anew where a window cuts an object) knows nothing of the masks.

    Args:
        data: The images.
        split: Which classes keep their masks.

    Raises:
        ValueError: The split's classes are not the data's.
    """

    def __init__(self, data: DetectionDataset, split: ClassSplit) -> None:
        if set(data.classes) != {*split.masked, *split.unmasked}:
            raise ValueError(
                f"a split of {len(split.masked) + len(split.unmasked)} classes does not fit data of "
                f"{len(data.classes)}, such as {data.classes[0]}. Split the data's own classes."
            )
        self.data, self.classes, self.class_mismatch = data, data.classes, getattr(data, "class_mismatch", None)
        self._masked = torch.tensor([name in split.masked for name in data.classes])

    def __len__(self) -> int:
        return len(self.data)

    def annotated(self, index: int) -> Annotation:
        """Return one image with its objects, some of them as filled boxes."""
        item = self.data.annotated(index)
        boxes = boxes_to_masks(item.boxes, (item.image.shape[-2], item.image.shape[-1]))
        return item._replace(masks=torch.where(self.has_mask(item.labels)[:, None, None], item.masks, boxes))

    def name(self, index: int) -> str:
        """Return what a message calls the image."""
        return self.data.name(index)

    def has_mask(self, labels: Tensor) -> Tensor:
        """Say of objects `(M,)` by their class whether their masks are true ones."""
        return self._masked[labels]
