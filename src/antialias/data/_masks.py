"""Pictures with one file of class ids each: what the layouts of VOC and Cityscapes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from antialias._conventions import IGNORED
from antialias._extras import require

from ._annotated import resampled
from ._faults import Fault, OnBroken, Unusable, attempt, faults_in, picture_size, read_picture, settle, used

_UNKNOWN = 254


class Masked(NamedTuple):
    """The files of one picture."""

    picture: Path
    mask: Path


class MaskedFiles:
    """Serve pictures and the files of class ids beside them.

    Args:
        files: The files of each picture; those that are not there are reported.
        classes: Name of each class.
        ids: Class of each id in the files.
        size: Shorter side of what is returned, in pixels: pictures bilinear with anti-aliasing, masks to the nearest
            pixel; as they are if `None`.
        on_broken: What a file that cannot be used does: `"stop"`, or be reported and its picture left out: `"skip"`.

    Attributes:
        faults: What is broken and left out.

    Raises:
        ValueError: A file is broken and `on_broken="stop"`, or no picture is left.
    """

    def __init__(
        self,
        files: Iterable[Masked],
        classes: Sequence[str],
        ids: Mapping[int, int],
        *,
        size: int | None = None,
        on_broken: OnBroken = "stop",
    ) -> None:
        self.files, self.classes, self.size, self.on_broken = list(files), tuple(classes), size, on_broken
        self.faults: list[Fault] = []
        self._sizes: dict[Path, tuple[int, ...]] = {}
        self._table = torch.full((256,), _UNKNOWN, dtype=torch.uint8)
        self._table[list(ids)] = torch.tensor(list(ids.values()), dtype=torch.uint8)
        self._leave_out(faults_in(self.files, self._faults_of))

    def __len__(self) -> int:
        return len(self.files)

    @property
    def pixels(self) -> int:
        """Pixels of all pictures together, as they are returned."""
        sizes = (self._sizes[files.mask] for files in self.files)
        return sum(h * w if self.size is None else round(h * w * (self.size / min(h, w)) ** 2) for h, w in sizes)

    def name(self, index: int) -> str:
        """Return the picture's file."""
        return str(self.files[index].picture)

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one picture `(3, H, W)` and its classes `(H, W)`, both `uint8`; 255 is ignored.

        Raises:
            ValueError: A file cannot be read; the message names it.
        """
        files = self.files[index]
        image, mask = read_picture(files.picture), self._classes_in(files.mask)
        if _shape(image) != _shape(mask):
            raise _other_size(files, _shape(image), _shape(mask))
        return (image, mask) if self.size is None else resampled(image, mask, self.size / min(mask.shape))

    def check(self) -> list[Fault]:
        """Decode every picture and mask, and stop or leave out as `on_broken` says; opening decodes the masks only."""
        faults = faults_in(self.files, lambda files: self._faults_of(files, lambda file: _shape(read_picture(file))))
        self._leave_out(faults)
        return faults

    def _faults_of(self, files: Masked, size_of: Callable[[Path], tuple[int, ...]] = picture_size) -> Iterator[Fault]:
        size, mask = attempt(size_of, files.picture), attempt(self._classes_in, files.mask)
        if isinstance(mask, Tensor):
            self._sizes[files.mask] = _shape(mask)
        yield from (found for found in (size, mask) if isinstance(found, Fault))
        if isinstance(mask, Tensor) and not isinstance(size, Fault) and size != _shape(mask):
            yield _other_size(files, size, _shape(mask)).fault

    def _classes_in(self, file: Path) -> Tensor:
        ids = _read_ids(file)
        classes = self._table[ids.int()]
        if bool((classes == _UNKNOWN).any()):
            known, wrong = (self._table != _UNKNOWN).nonzero()[:-1, 0], ids[classes == _UNKNOWN].unique()
            reason = f"holds class ids {_listed(wrong)}, none of {known[0]} to {known[-1]} or {IGNORED}"
            raise Unusable(file, reason, "Use the masks of this data set.")
        return classes

    def _leave_out(self, faults: list[Fault]) -> None:
        settle(faults, self.on_broken)
        names = {fault.name for fault in faults}
        self.files = [files for files in self.files if not names & {str(files.picture), str(files.mask)}]
        self.faults += faults
        if not self.files:
            raise ValueError(f"no picture can be used: {len(self.faults)} files are broken. Use another folder.")


def _read_ids(file: Path) -> Tensor:
    """Return the ids `(H, W)` `uint8` in a grey or palette picture."""
    transforms = require("torchvision.transforms.v2.functional", extra="tasks")

    def ids(opened: Any, _: object) -> Tensor:
        if opened.mode not in ("P", "L"):
            reason = f"is {opened.mode}, not a palette or grey picture of class ids"
            raise Unusable(file, reason, "Use the masks of this data set, not their colours.")
        return transforms.pil_to_tensor(opened)[0]

    return used(file, ids)


def _listed(ids: Tensor) -> str:
    return ", ".join(str(number) for number in ids.tolist())


def _shape(pixels: Tensor) -> tuple[int, ...]:
    return tuple(pixels.shape[-2:])


def _other_size(files: Masked, picture: tuple[int, ...], mask: tuple[int, ...]) -> Unusable:
    sizes = [f"{height}x{width}" for height, width in (mask, picture)]
    return Unusable(files.mask, f"is {sizes[0]}, its picture {sizes[1]}", "Use the mask of this picture.")


def contents(folder: Path) -> str:
    """Say what a folder holds, for a message about what it should."""
    if not folder.is_dir():
        return "is not a folder"
    names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in folder.iterdir())
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"holds {shown or 'nothing'}"
