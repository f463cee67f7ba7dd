"""PASCAL VOC's layout: lists of names, images, and palette files of class ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from antialias._conventions import IGNORED
from antialias._files import text_of
from antialias.data.images import IMAGE_SUFFIXES, FilesByName, OnBroken, contents, name_of

from ._mask_files import ImageAndMask, MaskFiles

_CLASSES = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person "
    "pottedplant sheep sofa train tvmonitor"
)
_LONGEST, _LONGEST_PATH = 255, 4096  # bytes of a name and of all, as file systems have it
_LISTS = Path("ImageSets/Segmentation")


class VocSegmentation(MaskFiles):
    """Read `JPEGImages/*.jpg` with `SegmentationClass/*.png` by the lists in `ImageSets/Segmentation`.

    A line of a list is a name, or a file with its ending, or two files, the picture's and the mask's. What is behind a
    dot belongs to the name, unless it is the ending of a picture.

    Where the larger training set is there (Hariharan et al., ICCV 2011: `trainaug.txt` with `SegmentationClassAug`),
    the split `"train"` is that. The test set's masks are not public, so the split `"test"` is VOC's `val`. Borders
    between objects are 255, which is ignored.

    Args:
        root: `VOC2012`, or `VOCdevkit` or a folder in which one of these lies.
        split: `"train"`, `"test"`, or the name of a list, such as `"trainval"`.
        size: Shorter side of what is returned, in pixels: images bilinear with anti-aliasing, masks to the nearest
            pixel; as they are if `None`.
        on_broken: What a file that cannot be used does: `"stop"`, or be reported and its image left out: `"skip"`.
        classes: Names in an order of their own, such as a network's, whose numbers hold instead.

    Attributes:
        list: The file of names that is read.
        faults: What is broken and left out.

    Raises:
        FileNotFoundError: A folder or a list is missing.
        ValueError: The list is empty, a name has two files, or a file is broken and `on_broken="stop"`.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        *,
        size: int | None = None,
        on_broken: OnBroken = "stop",
        classes: Sequence[str] | None = None,
    ) -> None:
        folder = _folder(Path(root))
        self.list, masks = _list(folder, split)
        text = text_of(self.list, "Write one name a line.")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        for line in lines:
            parts = line.replace("/", " ").split()
            too_long = any(len(part.encode()) > _LONGEST for part in parts)
            if "\0" in line or ".." in parts or too_long or len(f"{folder}/{line}".encode()) >= _LONGEST_PATH:
                raise ValueError(f"{self.list} names {line[:80]!r}, no file in {folder}. Name files in it.")
        if not lines:
            raise ValueError(f"{self.list} lists no picture. Use one name a line, such as 2007_000032.")
        images, ids_of = FilesByName(folder / "JPEGImages", ".jpg"), FilesByName(masks, ".png")
        files = []
        for line in lines:
            words = line.split()
            image = _listed(folder, words[0], images)
            has_mask = len(words) > 1 and Path(words[1]).suffix.lower() in IMAGE_SUFFIXES
            files.append(ImageAndMask(image, _listed(folder, words[1] if has_mask else name_of(image), ids_of)))
        ids = {number: number for number in (*range(21), IGNORED)}
        super().__init__(files, _CLASSES.split(), ids, order=classes, size=size, on_broken=on_broken)


def _folder(root: Path) -> Path:
    for folder in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"):
        if (folder / _LISTS).is_dir():
            break
    else:
        raise FileNotFoundError(
            f"{root} {contents(root)}. Use voc:DIR with VOC2012 as DIR, which holds ImageSets/Segmentation, "
            "JPEGImages and SegmentationClass, or with VOCdevkit."
        )
    if missing := [name for name in ("JPEGImages", "SegmentationClass") if not (folder / name).is_dir()]:
        raise FileNotFoundError(f"{folder} has no folder {missing[0]}: it {contents(folder)}. Put it there.")
    return folder


def _listed(folder: Path, word: str, files: FilesByName) -> Path:
    """Return the file that a list names, below the folder or by name."""
    path = folder / word.lstrip("/")
    return path if "/" in word and path.is_file() else files.find(Path(word).name)


def _list(folder: Path, split: str) -> tuple[Path, Path]:
    """Return the file of names and the masks' folder."""
    larger = folder / "SegmentationClassAug"
    if split == "train" and larger.is_dir() and (folder / _LISTS / "trainaug.txt").is_file():
        split = "trainaug"
    file = folder / _LISTS / f"{'val' if split == 'test' else split}.txt"
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} is not there for split={split!r}; {file.parent} {contents(file.parent)}. Use train or test, or "
            "one of these lists."
        )
    return file, larger if split == "trainaug" and larger.is_dir() else folder / "SegmentationClass"
