"""Images in folders, one folder a class: the ImageFolder layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from antialias.data.images import (
    IMAGE_SUFFIXES,
    Box,
    Fault,
    OnBroken,
    broken_images,
    image_size,
    raise_or_report,
    read_crop,
    read_image,
    read_square,
)

_FOLDERS = {"train": ("train",), "test": ("test", "val", "validation"), "all": ()}


class ImageFolder(Dataset[tuple[Tensor, int]]):
    """Read `DIR/CLASS/*.jpg`, or `DIR/train/CLASS/*.jpg` beside `DIR/val/CLASS/*.jpg`.

    A folder without `train`, `val` or `test` in it is a test set as a whole: training on it would leave nothing to test
    on. The split `"all"` is every image below the folder, however they lie, for what needs no labels.
    Images are resized to `size` along their shorter side and cut to the central square.

    Args:
        root: The folder.
        split: `"train"`, `"test"` (`test`, `val` or `validation`, the first that exists), or `"all"` without classes.
        size: Height and width in pixels of what is returned.
        on_broken: What a file that cannot be used does: `"stop"`, or be reported and left out with `"skip"`. Opening
            looks at headers and ends of all files, which takes 0.05 ms each; `check` decodes them.

    Attributes:
        classes: Name of each class.
        files: Each image's file and label.
        faults: What is broken and left out.

    Raises:
        FileNotFoundError: The folder, the split, its classes or their images are missing.
        ValueError: An image cannot be read; the message names the file.
    """

    def __init__(self, root: str | Path, split: str = "test", *, size: int = 224, on_broken: OnBroken = "stop") -> None:
        folder = _split_folder(Path(root), split)
        self.size, self.on_broken = size, on_broken
        self.faults: list[Fault] = []
        self.classes = ("unlabelled",) if split == "all" else _class_names(folder)
        parts = [folder] if split == "all" else [folder / name for name in self.classes]
        self.files = [
            (file, label)
            for label, part in enumerate(parts)
            for file in sorted(file for file in part.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES)
        ]
        if not self.files:
            endings = ", ".join(sorted(IMAGE_SUFFIXES))
            raise FileNotFoundError(f"{folder} has no pictures below it. Use files that end in {endings}.")
        self._leave_out(broken_images((file for file, _ in self.files), image_size))

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


def _class_names(folder: Path) -> tuple[str, ...]:
    names = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
    if not names:
        raise FileNotFoundError(
            f"{folder} has no class folders. Use {folder}/CLASS/*.jpg, one folder a class, "
            "or split='all' without classes."
        )
    return names


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
        return root
    wanted = " or ".join(f"{name}/" for name in _FOLDERS[split])
    raise FileNotFoundError(
        f"{root} has no {wanted} folder for split={split!r}. Use {root}/{_FOLDERS[split][0]}/CLASS/*.jpg."
    )
