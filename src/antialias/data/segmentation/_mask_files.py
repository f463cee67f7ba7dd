"""Images with one file of class ids each: what the layouts of VOC and Cityscapes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from antialias._conventions import IGNORED
from antialias.data._classes import match_classes, plain_name
from antialias.data.images import (
    Fault,
    FloatRanges,
    OnBroken,
    UnusableFile,
    faults_in,
    image_size,
    raise_or_report,
    read_class_ids,
    read_image,
    resize,
    value_or_fault,
)

_UNKNOWN = 254


class ImageAndMask(NamedTuple):
    """The two files of one image."""

    image: Path
    mask: Path


class MaskFiles:
    """Serve images and the files of class ids beside them.

    Args:
        files: The files of each image; those that are not there are reported.
        classes: Name of each class.
        ids: Class of each id in the files.
        order: Names of classes whose numbers hold instead of those of `classes`, such as a network's.
        size: Shorter side of what is returned, in pixels: images bilinear with anti-aliasing, masks to the nearest
            pixel; as they are if `None`.
        on_broken: What a file that cannot be used does: `"stop"`, or be reported and its image left out: `"skip"`.

    Attributes:
        classes: Name of each class.
        class_mismatch: What `classes` and `order` do not share, if anything.
        faults: What is broken and left out.

    Raises:
        ValueError: A file is broken and `on_broken="stop"`, or no image is left, or there are too many classes.
    """

    def __init__(
        self,
        files: Iterable[ImageAndMask],
        classes: Sequence[str],
        ids: Mapping[int, int],
        *,
        order: Sequence[str] | None = None,
        size: int | None = None,
        on_broken: OnBroken = "stop",
    ) -> None:
        self.files, self.size, self.on_broken = list(files), size, on_broken
        self.faults: list[Fault] = []
        order = None if order is None else [plain_name(name) for name in order]
        self.classes, self.class_mismatch = match_classes(classes, order, place="the data", reference_place="classes=")
        if len(self.classes) > _UNKNOWN:
            raise ValueError(f"{len(self.classes)} classes do not fit into bytes. Use {_UNKNOWN} at most.")
        self._sizes: dict[Path, tuple[int, ...]] = {}
        self._table = torch.full((256,), _UNKNOWN, dtype=torch.uint8)
        for id, number in ids.items():
            self._table[id] = IGNORED if number == IGNORED else self.classes.index(classes[number])
        ranges = FloatRanges()
        faults = faults_in(
            dict.fromkeys(self.files), partial(self._faults_of, size_of=partial(image_size, ranges=ranges))
        )
        self._leave_out(faults + ranges.faults())

    def __len__(self) -> int:
        return len(self.files)

    @property
    def pixels(self) -> int:
        """Pixels of all images together, as they are returned."""
        sizes = (self._sizes[files.mask] for files in self.files)
        return sum(h * w if self.size is None else round(h * w * (self.size / min(h, w)) ** 2) for h, w in sizes)

    def name(self, index: int) -> str:
        """Return the image's file."""
        return str(self.files[index].image)

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one image `(3, H, W)` and its classes `(H, W)`, both `uint8`; 255 is ignored.

        Raises:
            ValueError: A file cannot be read; the message names it.
        """
        files = self.files[index]
        image, mask = read_image(files.image), self._classes_in(files.mask)
        if image.shape[-2:] != mask.shape:
            raise _other_size(files, image.shape[-2:], mask.shape)
        return (image, mask) if self.size is None else resize(image, mask, self.size / min(mask.shape))

    def check(self) -> list[Fault]:
        """Decode every image and mask, and stop or leave out as `on_broken` says; opening decodes the masks only."""
        faults = faults_in(
            dict.fromkeys(self.files),
            lambda files: self._faults_of(files, lambda file: tuple(read_image(file).shape[-2:])),
        )
        self._leave_out(faults)
        return faults

    def _faults_of(self, files: ImageAndMask, size_of: Callable[[Path], tuple[int, ...]]) -> Iterator[Fault]:
        size, mask = value_or_fault(size_of, files.image), value_or_fault(self._classes_in, files.mask)
        if isinstance(mask, Tensor):
            self._sizes[files.mask] = tuple(mask.shape)
        yield from (one for one in (size, mask) if isinstance(one, Fault))
        if isinstance(mask, Tensor) and not isinstance(size, Fault) and size != tuple(mask.shape):
            yield _other_size(files, size, mask.shape).fault

    def _classes_in(self, file: Path) -> Tensor:
        ids = read_class_ids(file)
        classes = torch.where((ids >= 0) & (ids < 256), self._table[ids.clamp(0, 255)], _UNKNOWN)
        if bool((classes == _UNKNOWN).any()):
            known, wrong = (self._table != _UNKNOWN).nonzero()[:-1, 0], ids[classes == _UNKNOWN].unique().tolist()
            listed = ", ".join(map(str, wrong[:8])) + (f" and {len(wrong) - 8} more" if wrong[8:] else "")
            reason = f"holds class ids {listed}, none of {known[0]} to {known[-1]} or {IGNORED}"
            raise UnusableFile(file, reason, "Use the masks of this data set.")
        return classes

    def _leave_out(self, faults: list[Fault]) -> None:
        raise_or_report(faults, self.on_broken)
        names = {fault.name for fault in faults}
        self.files = [files for files in self.files if not names & {str(files.image), str(files.mask)}]
        self.faults += faults
        if not self.files:
            raise ValueError(f"no picture can be used: {len(self.faults)} files are broken. Use another folder.")


def _other_size(files: ImageAndMask, image: tuple[int, ...], mask: tuple[int, ...]) -> UnusableFile:
    sizes = [f"{height}x{width}" for height, width in (mask, image)]
    return UnusableFile(files.mask, f"is {sizes[0]}, its picture {sizes[1]}", "Use the mask of this picture.")
