"""Images in folders, one folder a class: the ImageFolder layout."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from antialias.data._classes import in_order, match_classes, plain_name
from antialias.data.images import (
    IMAGE_SUFFIXES,
    Box,
    Fault,
    FloatRanges,
    OnBroken,
    broken_images,
    image_size,
    raise_or_report,
    read_crop,
    read_image,
    read_square,
)

_FOLDERS = {"train": ("train",), "test": ("test", "val", "validation"), "all": ()}
_SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")


class ImageFolder(Dataset[tuple[Tensor, int]]):
    """Read `DIR/CLASS/*.jpg`, or `DIR/train/CLASS/*.jpg` beside `DIR/val/CLASS/*.jpg`.

    A folder without `train`, `val` or `test` in it is a test set as a whole: training on it would leave nothing to test
    on. The split `"all"` is every image below the folder, however they lie, for what needs no labels; with
    `classes` each image has the class whose name a folder around it has.
    Images are resized to `size` along their shorter side and cut to the central square.

    A class is a folder with an image somewhere in it. Hidden folders and files are not looked at. Classes are sorted by
    name, and by number, with a warning, where all names are numbers and that makes a difference. The test split has the
    training split's numbers, also where `root` is that split's own folder beside `train`; a class that only the test
    split has comes behind them, with a warning.

    Args:
        root: The folder.
        split: `"train"`, `"test"` (`test`, `val` or `validation`, the first that exists), or `"all"` without classes.
        size: Height and width in pixels of what is returned.
        on_broken: What a file that cannot be used does: `"stop"`, or be reported and left out with `"skip"`. Opening
            looks at headers and ends of all files, which takes 0.05 ms each; `check` decodes them.
        classes: Names in an order of their own, such as a network's, whose numbers hold instead.

    Attributes:
        classes: Name of each class.
        class_mismatch: What this split's classes and those whose numbers hold do not share, if anything.
        files: Each image's file and label.
        faults: What is broken and left out.

    Raises:
        FileNotFoundError: The folder, the split, its classes or their images are missing.
        ValueError: An image cannot be read, or `"all"` has one that is in no folder of the classes; the message names
            the file.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "test",
        *,
        size: int = 224,
        on_broken: OnBroken = "stop",
        classes: Sequence[str] | None = None,
    ) -> None:
        root = Path(root)
        folder = _split_folder(root, split)
        self.size, self.on_broken, self.class_mismatch = size, on_broken, None
        self.faults: list[Fault] = []
        if split == "all":
            parts, self.classes = {"unlabelled": folder}, ("unlabelled",)
        else:
            inside = folder != root or root.name not in _FOLDERS["test"]
            parts, train = _class_folders(folder), (root if inside else root.parent) / "train"
            reference, place = (None, "") if classes is None else ([plain_name(name) for name in classes], "classes=")
            if classes is None and folder != train and train.is_dir():
                reference, place = list(_class_folders(train)) or None, str(train)
            if classes is None and (order := reference or list(parts)) != sorted(order):
                said = f"{place or folder}: its classes are numbers and sorted as such"
                warnings.warn(f"{said}: {', '.join(order[:12])}{' ..' if order[12:] else ''}", stacklevel=2)
            matched = match_classes(list(parts), reference, place=str(folder), reference_place=place)
            self.classes, self.class_mismatch = matched
        self.files = [
            (file, label)
            for label, name in enumerate(self.classes)
            if name in parts
            for file in sorted(_images_in(parts[name]))
        ]
        if split == "all" and classes is not None:
            self.classes = tuple(map(plain_name, classes))
            self.files = [(file, _label_of(file, folder, self.classes)) for file, _ in self.files]
        if not self.files:
            if split != "all" and not any(entry.is_dir() for entry in folder.iterdir()):
                layout = f"{folder}/CLASS/*.jpg, one folder a class, or split='all' without classes"
                raise FileNotFoundError(f"{folder} has no class folders. Use {layout}.")
            endings = ", ".join(sorted(IMAGE_SUFFIXES))
            raise FileNotFoundError(f"{folder} has no pictures below it. Use files that end in {endings}.")
        ranges = FloatRanges()
        faults = broken_images((file for file, _ in self.files), partial(image_size, ranges=ranges))
        self._leave_out(faults + ranges.faults())

    def check(self) -> list[Fault]:
        """Decode every image, and stop or leave out as `on_broken` says; opening decodes none of them."""
        faults = broken_images((file for file, _ in self.files), read_image)
        self._leave_out(faults)
        return faults

    def _leave_out(self, faults: list[Fault]) -> None:
        raise_or_report(faults, self.on_broken)
        names = {fault.name for fault in faults}
        self.files = [(file, label) for file, label in self.files if str(file) not in names]
        self.faults += faults
        if not self.files:
            raise ValueError(f"none of {len(self.faults)} pictures can be used. Use another folder.")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        file, label = self.files[index]
        return read_square(file, self.size).float() / 255, label

    def labelled(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Return `uint8` images `(N, 3, size, size)` and labels `(N,)`."""
        chosen = [self.files[int(index)] for index in indices]
        images = torch.stack([read_square(file, self.size) for file, _ in chosen])
        return images, torch.tensor([label for _, label in chosen])

    def cropped(self, index: int, choose: Callable[[int, int], Box], side: int) -> tuple[Tensor, int]:
        """Return a part of a whole image, resized to `uint8` `(3, side, side)`, and its label.

        Args:
            index: Number of the image.
            choose: `(height, width) -> (top, left, height, width)` of the part, in pixels.
            side: Height and width of what is returned.
        """
        file, label = self.files[index]
        return read_crop(file, choose, side), label


def _class_folders(folder: Path) -> dict[str, Path]:
    """Return the folders with an image in them by the names of their classes, in order.

    Raises:
        ValueError: Two folders have the same name, written in two ways.
    """
    named: dict[str, Path] = {}
    for entry in folder.iterdir():
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        if next(_images_in(entry), None) is None:
            others = sorted(file.name for file in entry.rglob("*") if file.is_file() and not file.name.startswith("."))
            if others:
                warnings.warn(f"{entry} is no class, since it has no picture: it holds {others[0]}.", stacklevel=3)
        elif (name := plain_name(entry.name)) in named:
            raise ValueError(f"{folder} has two folders of the name {name!r}, written in two ways. Rename one.")
        else:
            named[name] = entry
    return {name: named[name] for name in in_order(named)}


def _images_in(folder: Path) -> Iterator[Path]:
    """Yield the images below a folder; hidden folders and files are not looked at."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(place, name)


def _label_of(file: Path, folder: Path, classes: Sequence[str]) -> int:
    """Return the number of the class whose name the outermost folder around a file has that has one.

    Raises:
        ValueError: None has.
    """
    for part in file.relative_to(folder).parts[:-1]:
        if (name := plain_name(part)) in classes:
            return classes.index(name)
    raise ValueError(f"{file} is in no folder named as one of: {', '.join(classes[:4])} .. Leave out classes=.")


def _split_folder(root: Path, split: str) -> Path:
    if split not in _FOLDERS:
        raise ValueError(f"split={split!r} is unknown. Use one of: {', '.join(_FOLDERS)}.")
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder. Use images:DIR with an existing DIR.")
    if split == "all":
        return root
    existing = [root / name for name in _FOLDERS[split] if (root / name).is_dir()]
    if existing:
        return existing[0]
    if split == "test" and not (root / "train").is_dir():
        splits = sorted(entry.name for entry in root.iterdir() if entry.is_dir() and entry.name.lower() in _SPLITS)
        if len(splits) > 1:
            raise FileNotFoundError(
                f"{root} holds {'/, '.join(splits)}/, which look like splits and would be read as classes. Rename them "
                "train and test, or name one of them."
            )
        return root
    wanted = " or ".join(f"{name}/" for name in _FOLDERS[split])
    raise FileNotFoundError(
        f"{root} has no {wanted} folder for split={split!r}. Use {root}/{_FOLDERS[split][0]}/CLASS/*.jpg."
    )
