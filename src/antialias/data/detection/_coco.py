"""COCO's instances: one JSON file of polygons and run lengths beside a folder of images."""

from __future__ import annotations

import json
import mmap
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from antialias._extras import require
from antialias._files import parsed
from antialias.data._classes import match_classes, plain_name
from antialias.data.images import (
    Fault,
    FloatRanges,
    OnBroken,
    UnusableFile,
    faults_in,
    image_size,
    raise_or_report,
    read_image,
    value_or_fault,
)

from ._annotation import Annotation
from ._coco_entries import crowd_of, run_lengths, sound_entries, why_no_box, why_no_mask, why_no_name

Empty = Literal["keep", "leave out"]
_MOST = 2**30  # bytes of an image's masks

_SPLITS = {"train": ("train2017", "train2014", "train"), "test": ("val2017", "val2014", "val", "test")}


class _Object(NamedTuple):
    """One annotation that can be used."""

    box: tuple[float, float, float, float]  # x, y, width, height
    label: int
    segmentation: Any
    crowd: bool


class _Image(NamedTuple):
    """One image as the JSON file lists it."""

    image_id: int
    file: Path
    size: tuple[int, int]  # height, width
    objects: list[_Object]


class CocoInstances:
    """Read `DIR/annotations/instances_train2017.json` with `DIR/train2017/*.jpg`, and `val2017` for the split `"test"`.

    `train2014`, `train` and `val2014`, `val`, `test` do as well, and the images may lie in `DIR/images`. The categories
    of the training split, in the order of their ids, become classes from 0. Another split's are numbered by name,
    whatever their ids; one that only that split has comes behind them, with a warning.

    Args:
        root: The folder.
        split: `"train"` or `"test"`.
        size: Shorter side of what is returned, in pixels; as it is if `None`.
        empty: Whether images without annotations, which hold what a detector should not find, are in the set:
            `"keep"` or `"leave out"`.
        on_broken: What a file or an annotation that cannot be used does: `"stop"`, or be reported and left out with
            `"skip"`.
        classes: Names in an order of their own, such as a network's, whose numbers hold instead.

    Attributes:
        classes: Names of the categories.
        category_ids: Their ids in the file, in the same order; `None` for one that the file does not list.
        class_mismatch: What this split's classes and those whose numbers hold do not share, if anything.
        images: What is read of each.
        faults: What is broken and left out.

    Raises:
        FileNotFoundError: The folder, the annotations or the images' folder are missing.
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
        classes: Sequence[str] | None = None,
    ) -> None:
        if empty not in ("keep", "leave out"):
            raise ValueError(f"empty={empty!r} is unknown. Use one of: keep, leave out.")
        self.size, self.on_broken = size, on_broken
        root = Path(root)
        self.file, folder = _places(root, split)
        content = _read(self.file)
        ids = _categories(content["categories"], self.file)
        reference, place = (None, "") if classes is None else (list(map(plain_name, classes)), "classes=")
        train = next(_annotation_files(root, "train"), None)
        if classes is None and train is not None and train != self.file:
            reference, place = list(_categories(_read_categories(train), train)), str(train)
        numbered = match_classes(list(ids), reference, place=str(self.file), reference_place=place)
        self.classes, self.class_mismatch = numbered
        self.category_ids = tuple(ids.get(name) for name in self.classes)
        images, self.faults = _images(content, self.file, folder, self.category_ids)
        self.images = [image for image in images if image.objects or empty == "keep"]
        raise_or_report(self.faults, on_broken)
        if not self.images:
            raise ValueError(f"{self.file} lists no picture that can be used. Use another folder, or empty='keep'.")

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        """Return the image's file."""
        return str(self.images[index].file)

    def check(self) -> list[Fault]:
        """Decode every image and mask, and stop or leave out as `on_broken` says; opening decodes none of them."""

        def faults_of(index: int) -> list[Fault]:
            result = value_or_fault(lambda _: self.annotated(index), self.images[index].file)
            return [result] if isinstance(result, Fault) else []

        faults = faults_in(range(len(self)), faults_of)
        raise_or_report(faults, self.on_broken)
        broken = {fault.name for fault in faults}
        self.images = [image for image in self.images if str(image.file) not in broken]
        self.faults += faults
        return faults

    def annotated(self, index: int) -> Annotation:
        """Return one image with its objects.

        Raises:
            ValueError: The image or a mask cannot be read, or the image is not as large as its annotations say.
        """
        listed = self.images[index]
        image = read_image(listed.file)
        _check_size(listed, tuple(image.shape[-2:]))
        boxes = torch.tensor([one.box for one in listed.objects], dtype=torch.float32).view(-1, 4)
        item = Annotation(
            image,
            torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1),
            torch.tensor([one.label for one in listed.objects], dtype=torch.int64),
            _masks(listed, self.file),
            torch.tensor([one.crowd for one in listed.objects], dtype=torch.bool),
            listed.image_id,
        )
        return item if self.size is None else item.resize(self.size / min(listed.size))


def _places(root: Path, split: str) -> tuple[Path, Path]:
    """Return the annotations' file and the images' folder."""
    if split not in _SPLITS:
        raise ValueError(f"split={split!r} is unknown. Use one of: {', '.join(_SPLITS)}.")
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not a folder. Use coco:DIR with an existing DIR.")
    file = next(_annotation_files(root, split), None)
    if file is None:
        wanted = " or ".join(f"instances_{name}.json" for name in _SPLITS[split])
        raise FileNotFoundError(f"{root}/annotations has no {wanted} for split={split!r}. Use COCO's own names.")
    name = file.stem.removeprefix("instances_")
    folders = [folder for folder in (root / name, root / "images" / name) if folder.is_dir()]
    if not folders:
        raise FileNotFoundError(f"{root} has no folder {name} or images/{name}. Put the pictures there.")
    return file, folders[0]


def _annotation_files(root: Path, split: str) -> Iterator[Path]:
    files = (root / "annotations" / f"instances_{name}.json" for name in _SPLITS[split])
    return (file for file in files if file.is_file())


def _read(file: Path) -> Mapping[str, Any]:
    content = parsed(file, "Download it again.", largest=None)
    parts = ("images", "annotations", "categories")
    if missing := [part for part in parts if not isinstance(content.get(part), list)]:
        raise ValueError(f"{file} has no {missing[0]!r}. Use a file of instances, which has {', '.join(parts)}.")
    return content


def _read_categories(file: Path) -> Sequence[Any]:
    """Return the categories of a file without parsing the rest of it, which may be half a gigabyte."""
    if not file.stat().st_size:
        return _read(file)["categories"]
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        places = [match.end() - 1 for match in re.finditer(rb'"categories"\s*:\s*\[', content)]
        if len(places) == 1:
            # A list of categories has no list in it; one that does is parsed with the rest of the file.
            end = content.find(b"]", places[0]) + 1
            try:
                return json.loads(content[places[0] : end])
            except (ValueError, RecursionError):
                pass
    return _read(file)["categories"]


def _categories(entries: Sequence[Any], file: Path) -> dict[str, int]:
    """Return the ids of the categories by their names, in the order of the ids.

    Raises:
        ValueError: An entry is broken; left out, it would shift all classes.
    """
    categories, broken = sound_entries(entries, {"id": int, "name": str}, file, "category")
    if broken:
        raise ValueError(f"{broken[0].name} cannot be used: {broken[0].reason}. Download the file again.")
    names: dict[int, str] = {}
    for category in categories:
        name = plain_name(category["name"])
        if (id := category["id"]) in names or name in names.values():
            raise ValueError(
                f"{file}, category {id}: its id or its name {name!r} is another's, too. Give each its own."
            )
        names[id] = name
    return {names[id]: id for id in sorted(names)}


def _images(
    content: Mapping[str, Any], file: Path, folder: Path, category_ids: Sequence[int | None]
) -> tuple[list[_Image], list[Fault]]:
    """Return the images with the annotations that can be used, and what is wrong with the others."""
    needed: dict[str, Any] = {"id": int, "file_name": str, "height": int, "width": int}
    images, faults = sound_entries(content["images"], needed, file, "image")
    named = [(image, why_no_name(image["file_name"])) for image in images]
    faults += [Fault(f"{file}, image {image['id']}", reason) for image, reason in named if reason is not None]
    images = [image for image, reason in named if reason is None]
    sizes = {image["id"]: (image["height"], image["width"]) for image in images}
    if len(sizes) < len(images):
        raise ValueError(f"{file} lists {len(images)} images by {len(sizes)} ids. Give each its own.")
    double = [name for name, count in Counter(image["file_name"] for image in images).items() if count > 1]
    if double:
        ids = [str(image["id"]) for image in images if image["file_name"] == double[0]]
        raise ValueError(f"{file} lists {double[0]} for images {' and '.join(ids)}. Give each its own file.")
    needed = {"image_id": int, "category_id": int, "bbox": list, "segmentation": (list, Mapping)}
    annotations, broken = sound_entries(content["annotations"], needed, file, "annotation")
    faults += broken
    labels, objects = {number: i for i, number in enumerate(category_ids)}, defaultdict(list)
    for number, annotation in enumerate(annotations):
        box, segmentation, crowd = annotation["bbox"], annotation["segmentation"], crowd_of(annotation)
        size, label = sizes.get(annotation["image_id"]), labels.get(annotation["category_id"])
        if size is None:
            reason = f"its image_id {annotation['image_id']} is not listed"
        elif label is None:
            reason = f"its category_id {annotation['category_id']} is not listed"
        elif crowd is None:
            reason = f"its iscrowd is {annotation['iscrowd']!r}, not 0 or 1"
        else:
            reason = why_no_box(box, size) or why_no_mask(segmentation, size)
            if reason is None:
                objects[annotation["image_id"]].append(_Object(tuple(box), label, segmentation, crowd))
        if reason is not None:
            faults.append(Fault(f"{file}, annotation {annotation.get('id', number)}", reason))
    listed = [_Image(i["id"], folder / i["file_name"], sizes[i["id"]], objects[i["id"]]) for i in images]

    ranges = FloatRanges()

    def faults_of(image: _Image) -> list[Fault]:
        result = value_or_fault(lambda path: _check_size(image, image_size(path, ranges)), image.file)
        return [result] if isinstance(result, Fault) else []

    unusable = faults_in(listed, faults_of) + ranges.faults()
    names = {fault.name for fault in unusable}
    return [image for image in listed if str(image.file) not in names], faults + unusable


def _check_size(image: _Image, size: tuple[int, ...]) -> None:
    if size != image.size:
        height, width = image.size
        reason = f"is {size[0]}x{size[1]}, its annotations are for {height}x{width}"
        raise UnusableFile(image.file, reason, "Use the pictures that were annotated.")


def _masks(image: _Image, file: Path) -> Tensor:
    rle = require("faster_coco_eval", extra="tasks").mask
    needed = len(image.objects) * image.size[0] * image.size[1]
    if needed > _MOST:
        reason = f"has {len(image.objects):,} objects, whose masks take {needed:,} bytes, more than {_MOST:,}"
        raise UnusableFile(image.file, reason, "Cut the picture into smaller ones.")
    masks = torch.zeros(len(image.objects), *image.size, dtype=torch.bool)
    for place, one in enumerate(image.objects):
        try:
            if isinstance(one.segmentation, list):
                code = rle.merge(rle.frPyObjects(one.segmentation, *image.size))
            elif isinstance(one.segmentation["counts"], list):
                code = rle.frPyObjects(one.segmentation, *image.size)
            else:
                counts = run_lengths(one.segmentation["counts"])
                code = rle.frPyObjects({**one.segmentation, "counts": counts}, *image.size)
            masks[place] = torch.from_numpy(rle.decode(code)).bool()
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"{file}: a mask of {image.file.name} cannot be read ({error}). Repair or remove it."
            ) from error
    return masks
