"""The layout of Cityscapes: a folder a city, images and files of class ids in two trees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from antialias._conventions import IGNORED
from antialias.data.images import OnBroken, contents

from ._mask_files import ImageAndMask, MaskFiles

# The classes that are learnt, in the order of their training ids, by the id that the files hold.
_LEARNT = {
    "road": 7,
    "sidewalk": 8,
    "building": 11,
    "wall": 12,
    "fence": 13,
    "pole": 17,
    "traffic light": 19,
    "traffic sign": 20,
    "vegetation": 21,
    "terrain": 22,
    "sky": 23,
    "person": 24,
    "rider": 25,
    "car": 26,
    "truck": 27,
    "bus": 28,
    "train": 31,
    "motorcycle": 32,
    "bicycle": 33,
}
_IDS = {
    "labelIds": dict.fromkeys((*range(34), IGNORED), IGNORED) | {id: k for k, id in enumerate(_LEARNT.values())},
    "labelTrainIds": {number: number for number in (*range(len(_LEARNT)), IGNORED)},
}
_SPLITS = {"train": "train", "test": "val", "val": "val"}
_IMAGE = "_leftImg8bit.png"


class Cityscapes(MaskFiles):
    """Read `leftImg8bit/train/CITY/*_leftImg8bit.png` with `gtFine/train/CITY/*_gtFine_labelIds.png`.

    The ids in these files become the 19 classes that are learnt, everything else 255, which is ignored. Files
    `*_gtFine_labelTrainIds.png` are read where a split has none of the others. The test set's masks are not public, so
    the split `"test"` is Cityscapes' `val`.

    Args:
        root: The folder with `leftImg8bit` and `gtFine` in it.
        split: `"train"`, or `"test"` or `"val"`, which are the same.
        size: Shorter side of what is returned, in pixels: images bilinear with anti-aliasing, masks to the nearest
            pixel; as they are if `None`.
        on_broken: What a file that cannot be used does: `"stop"`, or be reported and its image left out: `"skip"`.
        classes: Names in an order of their own, such as a network's, whose numbers hold instead.

    Attributes:
        faults: What is broken and left out.

    Raises:
        FileNotFoundError: A folder, all images or all masks are missing.
        ValueError: `split` is unknown, or a file is broken and `on_broken="stop"`.
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
        root = Path(root)
        if split not in _SPLITS:
            raise ValueError(f"split={split!r} is unknown. Use one of: {', '.join(_SPLITS)}.")
        images, masks = (root / name / _SPLITS[split] for name in ("leftImg8bit", "gtFine"))
        for folder in (images, masks):
            if not folder.is_dir():
                above = folder.parent if folder.parent.is_dir() else root
                raise FileNotFoundError(
                    f"{folder} is not there: {above} {contents(above)}. Use cityscapes:DIR with leftImg8bit and gtFine "
                    "in DIR, and train and val in both."
                )
        kind = next((kind for kind in _IDS if any(masks.glob(f"*/*_gtFine_{kind}.png"))), None)
        if kind is None:
            raise FileNotFoundError(f"{masks} {contents(masks)}, no CITY/*_gtFine_labelIds.png. Unpack gtFine there.")
        ending = f"_gtFine_{kind}.png"
        scenes = _scenes(images, _IMAGE)
        if not scenes:
            raise FileNotFoundError(f"{images} {contents(images)}, no CITY/*{_IMAGE}. Unpack leftImg8bit there.")
        files = [
            ImageAndMask(images / f"{scene}{_IMAGE}", masks / f"{scene}{ending}")
            for scene in sorted(scenes | _scenes(masks, ending))
        ]
        super().__init__(files, tuple(_LEARNT), _IDS[kind], order=classes, size=size, on_broken=on_broken)


def _scenes(folder: Path, ending: str) -> set[str]:
    """Return `CITY/NAME` of the files with an ending."""
    return {f"{file.parent.name}/{file.name.removesuffix(ending)}" for file in folder.glob(f"*/*{ending}")}
