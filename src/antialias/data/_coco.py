"""COCO's instances: one JSON file of polygons and run lengths beside a folder of pictures."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from antialias._extras import require

from ._annotated import Annotation, scaled
from ._faults import Fault, OnBroken, Unusable, attempt, faults_in, picture_size, read_picture, settle

Empty = Literal["keep", "leave out"]

_SPLITS = {"train": ("train2017", "train2014", "train"), "test": ("val2017", "val2014", "val", "test")}


class _Object(NamedTuple):
    """One annotation that can be used."""

    box: tuple[float, float, float, float]  # x, y, width, height
    label: int
    segmentation: Any
    crowd: bool


class _Picture(NamedTuple):
    """One picture as the JSON file lists it."""

    image_id: int
    file: Path
    size: tuple[int, int]  # height, width
    objects: list[_Object]


class CocoInstances:
    """Read `DIR/annotations/instances_train2017.json` with `DIR/train2017/*.jpg`, and `val2017` for the split `"test"`.

    `train2014`, `train` and `val2014`, `val`, `test` do as well, and the pictures may lie in `DIR/images`. The ids of
    categories, which have gaps, become classes from 0 in their order.

    Args:
        root: The folder.
        split: `"train"` or `"test"`.
        size: Shorter side of what is returned, in pixels; as it is if `None`.
        empty: Whether pictures without annotations, which hold what a detector should not find, are in the set:
            `"keep"` or `"leave out"`.
        on_broken: What a file or an annotation that cannot be used does: `"stop"`, or be reported and left out with
            `"skip"`.

    Attributes:
        classes: Names of the categories.
        category_ids: Their ids in the file, in the same order.
        pictures: What is read of each.
        faults: What is broken and left out.

    Raises:
        FileNotFoundError: The folder, the annotations or the pictures' folder are missing.
        ValueError: The annotations are not those of instances, or something in them is broken and `on_broken="stop"`.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        *,
        size: int | None = None,
        empty: Empty = "keep",
        on_broken: OnBroken = "stop",
    ) -> None:
        if empty not in ("keep", "leave out"):
            raise ValueError(f"empty={empty!r} is unknown. Use one of: keep, leave out.")
        self.size, self.on_broken = size, on_broken
        self.file, folder = _places(Path(root), split)
        content = _read(self.file)
        categories = _categories(content["categories"], self.file)
        self.classes = tuple(str(category["name"]) for category in categories)
        self.category_ids = tuple(category["id"] for category in categories)
        pictures, self.faults = _pictures(content, self.file, folder, self.category_ids)
        self.pictures = [picture for picture in pictures if picture.objects or empty == "keep"]
        settle(self.faults, on_broken)
        if not self.pictures:
            raise ValueError(f"{self.file} lists no picture that can be used. Use another folder, or empty='keep'.")

    def __len__(self) -> int:
        return len(self.pictures)

    def name(self, index: int) -> str:
        """Return the picture's file."""
        return str(self.pictures[index].file)

    def check(self) -> list[Fault]:
        """Decode every picture and mask, and stop or leave out as `on_broken` says; opening decodes none of them."""
        faults = faults_in(range(len(self)), self._faults_of)
        settle(faults, self.on_broken)
        broken = {fault.name for fault in faults}
        self.pictures = [picture for picture in self.pictures if str(picture.file) not in broken]
        self.faults += faults
        return faults

    def _faults_of(self, index: int) -> list[Fault]:
        found = attempt(lambda _: self.annotated(index), self.pictures[index].file)
        return [found] if isinstance(found, Fault) else []

    def annotated(self, index: int) -> Annotation:
        """Return one picture with its objects.

        Raises:
            ValueError: The picture or a mask cannot be read, or the picture is not as large as its annotations say.
        """
        picture = self.pictures[index]
        image = read_picture(picture.file)
        _check_size(picture, tuple(image.shape[-2:]))
        objects = picture.objects
        boxes = torch.tensor([one.box for one in objects], dtype=torch.float32).view(-1, 4)
        item = Annotation(
            image,
            torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1),
            torch.tensor([one.label for one in objects], dtype=torch.int64),
            _masks(picture, self.file),
            torch.tensor([one.crowd for one in objects], dtype=torch.bool),
            picture.image_id,
        )
        return item if self.size is None else scaled(item, self.size / min(picture.size))


def _places(root: Path, split: str) -> tuple[Path, Path]:
    """Return the annotations' file and the pictures' folder."""
    if split not in _SPLITS:
        raise ValueError(f"split={split!r} is unknown. Use one of: {', '.join(_SPLITS)}.")
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder. Use coco:DIR with an existing DIR.")
    files = {name: root / "annotations" / f"instances_{name}.json" for name in _SPLITS[split]}
    names = [name for name, file in files.items() if file.is_file()]
    if not names:
        wanted = " or ".join(file.name for file in files.values())
        raise FileNotFoundError(f"{root}/annotations has no {wanted} for split={split!r}. Use COCO's own names.")
    folders = [folder for folder in (root / names[0], root / "images" / names[0]) if folder.is_dir()]
    if not folders:
        raise FileNotFoundError(f"{root} has no folder {names[0]} or images/{names[0]}. Put the pictures there.")
    return files[names[0]], folders[0]


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file} is no JSON ({error}). Download it again.") from error
    parts = ("images", "annotations", "categories")
    if missing := [part for part in parts if not isinstance(content, dict) or not isinstance(content.get(part), list)]:
        raise ValueError(f"{file} has no {missing[0]!r}. Use a file of instances, which has {', '.join(parts)}.")
    return content


def _categories(entries: Sequence[Any], file: Path) -> list[Mapping[str, Any]]:
    """Return the categories in the order of their ids; one that is broken would shift all classes."""
    whole, faults = _whole(entries, {"id": int, "name": str}, file, "category")
    if faults:
        raise ValueError(f"{faults[0].name} cannot be used: {faults[0].reason}. Download the file again.")
    return sorted(whole, key=lambda category: category["id"])


def _pictures(
    content: Mapping[str, Any], file: Path, folder: Path, category_ids: Sequence[int]
) -> tuple[list[_Picture], list[Fault]]:
    """Return the pictures with the annotations that can be used, and what is wrong with the others."""
    images, faults = _whole(
        content["images"], {"id": int, "file_name": str, "height": int, "width": int}, file, "image"
    )
    sizes = {image["id"]: (image["height"], image["width"]) for image in images}
    if len(sizes) < len(images):
        raise ValueError(f"{file} lists {len(images)} images by {len(sizes)} ids. Give each its own.")
    labels, objects = {number: i for i, number in enumerate(category_ids)}, defaultdict(list)
    needed = {"image_id": int, "category_id": int, "bbox": list, "segmentation": (list, Mapping)}
    annotations, partial = _whole(content["annotations"], needed, file, "annotation")
    faults += partial
    for number, annotation in enumerate(annotations):
        if reason := _unusable(annotation, sizes, labels):
            faults.append(Fault(f"{file}, annotation {annotation.get('id', number)}", reason))
        else:
            crowd = bool(annotation.get("iscrowd", 0))
            label, box, shape = (annotation[key] for key in ("category_id", "bbox", "segmentation"))
            objects[annotation["image_id"]].append(_Object(tuple(box), labels[label], shape, crowd))
    listed = [_Picture(i["id"], folder / i["file_name"], sizes[i["id"]], objects[i["id"]]) for i in images]
    broken = faults_in(listed, _faults_of_file)
    left = {fault.name for fault in broken}
    return [picture for picture in listed if str(picture.file) not in left], faults + broken


def _faults_of_file(picture: _Picture) -> list[Fault]:
    found = attempt(lambda file: _check_size(picture, picture_size(file)), picture.file)
    return [found] if isinstance(found, Fault) else []


def _check_size(picture: _Picture, found: tuple[int, ...]) -> None:
    if found != picture.size:
        sizes = [f"{height}x{width}" for height, width in (found, picture.size)]
        raise Unusable(
            picture.file,
            f"is {sizes[0]}, its annotations are for {sizes[1]}",
            "Use the pictures that were annotated.",
        )


def _unusable(
    annotation: Mapping[str, Any], sizes: Mapping[int, tuple[int, int]], labels: Mapping[int, int]
) -> str | None:
    """Return why an annotation cannot be used, `None` if it can."""
    if annotation["image_id"] not in sizes:
        return f"its image_id {annotation['image_id']} is not listed"
    if annotation["category_id"] not in labels:
        return f"its category_id {annotation['category_id']} is not listed"
    size = sizes[annotation["image_id"]]
    return _unusable_box(annotation["bbox"], size) or _unusable_shape(annotation["segmentation"], size)


def _unusable_box(box: Sequence[Any], size: tuple[int, int]) -> str | None:
    if len(box) != 4 or not _finite(box):
        return f"its bbox {box} is not x, y, width and height"
    x, y, width, height = box
    if not min(width, height) > 0:
        return f"its bbox {box} has no inside"
    if x >= size[1] or y >= size[0] or x + width <= 0 or y + height <= 0:
        return f"its bbox {box} lies outside of the picture, which is {size}"
    return None


def _finite(numbers: Sequence[Any]) -> bool:
    return all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)


def _whole(
    entries: Sequence[Any], needed: Mapping[str, Any], file: Path, what: str
) -> tuple[list[Mapping[str, Any]], list[Fault]]:
    """Part the entries that have all that is needed from the others."""
    whole, faults = [], []
    for number, entry in enumerate(entries):
        if reason := _lacking(entry, needed):
            known = entry.get("id", number) if isinstance(entry, Mapping) else number
            faults.append(Fault(f"{file}, {what} {known}", reason))
        else:
            whole.append(entry)
    return whole, faults


def _lacking(entry: Any, needed: Mapping[str, Any]) -> str | None:
    if not isinstance(entry, Mapping):
        return f"it is {entry!r}, which says nothing"
    if missing := [key for key in needed if key not in entry]:
        return f"it has no {missing[0]}"
    wrong = [key for key, kinds in needed.items() if not isinstance(entry[key], kinds)]
    return f"its {wrong[0]} is {entry[wrong[0]]!r}" if wrong else None


def _unusable_shape(shape: Any, size: tuple[int, int]) -> str | None:
    if isinstance(shape, list):
        if not shape:
            return "its segmentation is empty"
        if not all(isinstance(part, list) and _finite(part) for part in shape):
            return "a polygon is no list of numbers"
        short = [part for part in shape if len(part) < 6 or len(part) % 2]
        return f"a polygon has {len(short[0])} numbers, not 6, 8, 10 .." if short else None
    if not isinstance(shape.get("size"), list) or not isinstance(shape.get("counts"), list | str):
        return "its run lengths lack size or counts"
    if tuple(shape["size"]) != size:
        return f"its run lengths are for {tuple(shape['size'])}, the picture is {size}"
    if isinstance(shape["counts"], list):
        if not all(isinstance(count, int) and count >= 0 for count in shape["counts"]):
            return "its run lengths are no whole numbers from 0"
        if sum(shape["counts"]) != size[0] * size[1]:
            return f"its run lengths cover {sum(shape['counts'])} pixels of {size[0] * size[1]}"
    return None


def _masks(picture: _Picture, file: Path) -> Tensor:
    masks = torch.zeros(len(picture.objects), *picture.size, dtype=torch.bool)
    for place, one in enumerate(picture.objects):
        try:
            masks[place] = torch.from_numpy(_mask(one.segmentation, picture.size)).bool()
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"{file}: a mask of {picture.file.name} cannot be read ({error}). Repair or remove it."
            ) from error
    return masks


def _mask(shape: Any, size: tuple[int, int]) -> Any:
    rle = require("faster_coco_eval", extra="tasks").mask
    if isinstance(shape, list):
        return rle.decode(rle.merge(rle.frPyObjects(shape, *size)))
    return rle.decode(rle.frPyObjects(shape, *size) if isinstance(shape["counts"], list) else shape)
