"""Whatever keeps the meaning of a data set changes no sample, and whatever breaks it is named with file and fault.

A tiny data set is written in a valid layout. How, is drawn: the order of everything, ids, endings, modes, bit depths,
orientation tags, what lies beside it. What is read is compared with what was meant.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as rle

from antialias.data import Cityscapes, CocoInstances, ImageFolder, VocSegmentation, open_data

from .images.test_orientation import exif, xmp
from .images.test_values import chunk, write_png

Draw = Callable[[st.SearchStrategy[Any]], Any]

quick = settings(
    max_examples=int(os.environ.get("EXAMPLES", "12")),
    derandomize="EXAMPLES" not in os.environ,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

# What turns an upright array into one that a reader turns upright again.
TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: np.rot90(a, -1),
}
PNGS = ("png 1", "png 2", "png 4", "png 8", "png 16", "png palette", "png alpha", "png alpha 16")
DEPTHS = (*PNGS, "tif u1", "tif >u2", "tif f4")


@contextmanager
def folder() -> Iterator[Path]:
    root = Path(tempfile.mkdtemp())
    try:
        yield root
    finally:
        shutil.rmtree(root)


def black_and_white(seed: int, height: int = 5, width: int = 7) -> np.ndarray:
    """Return pixels 0 and 1, which every depth can hold."""
    return np.random.default_rng(seed).integers(0, 2, (height, width))


def save(draw: Draw, file: Path, upright: np.ndarray, *, ids: bool, forms: tuple[str, ...] = DEPTHS) -> Path:
    """Write ids as they are, or pixels 0 and 1 as black and white, in a drawn form and orientation.

    Args:
        draw: Of hypothesis.
        file: Without ending.
        upright: What is meant.
        ids: Whether these are ids.
        forms: Those that the layout allows.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    number, said = draw(st.integers(1, 8)), draw(st.sampled_from(("exif", "text", "xmp")))
    stored = np.ascontiguousarray(TURNED[number](upright))
    high = int(stored.max()) if ids else 1
    fitting = [form for form in forms if high < {"png 1": 2, "png 2": 4, "png 4": 16}.get(form, 256)]
    form, depth = draw(st.sampled_from(fitting)).split(maxsplit=1)
    if form == "tif":
        numbers = stored.astype(depth) * (1 if ids or depth == "f4" else np.iinfo(depth).max)
        tag: dict[str, Any] = {"exif": (274, "H", 1, number), "text": (274, "s", 0, str(number))}
        extra = (700, "B", len(xmp(str(number))), xmp(str(number))) if said == "xmp" else tag[said]
        path = file.with_name(f"{file.name}.tif")
        tifffile.imwrite(path, numbers, photometric="minisblack", extratags=[(*extra, True)], metadata=None)
        return path
    path = file.with_name(f"{file.name}.png")
    bits = int(depth.rpartition(" ")[2]) if depth[-1].isdigit() else 8
    kind = 3 if depth == "palette" else 4 if "alpha" in depth else 0
    numbers = (stored * (1 if ids or kind == 3 else 2**bits - 1))[..., None]
    if kind == 4:
        numbers = np.concatenate([numbers, np.full_like(numbers, 7)], axis=-1)
    before = [(b"PLTE", bytes((0, 0, 0, 255, 255, 255)) + bytes(range(250)) * 3)] if kind == 3 else []
    before += [(b"tRNS", b"\0\x90")] if kind == 3 and draw(st.booleans()) else []
    before = [(name, data[:768]) for name, data in before]
    data = {"exif": exif(number), "text": exif(str(number))}.get(said, b"").removeprefix(b"Exif\0\0")
    tagged = (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(str(number))) if said == "xmp" else (b"eXIf", data)
    late = draw(st.booleans())
    write_png(path, numbers, bits, kind, *([tagged] if not late else []), *before)
    if late:
        content = path.read_bytes()
        path.write_bytes(content[:-12] + chunk(*tagged) + content[-12:])
    return path


def clutter(draw: Draw, root: Path) -> None:
    """Leave behind what other programs leave behind."""
    for place in draw(st.lists(st.sampled_from((".ipynb_checkpoints/0.png", "empty/.keep", "notes.txt", ".DS_Store")))):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(b"of another program")


def shown(image: torch.Tensor) -> list[Any]:
    """Return the pixels 0 and 1 of a grey image."""
    assert torch.equal(image[0], image[1])
    assert torch.equal(image[0], image[2])
    return (image[0].float() / image.max().clamp(min=1)).int().tolist()


@quick
@given(st.data())
def test_folders_mean_classes_however_they_are_written(data: st.DataObject) -> None:
    draw, names = data.draw, data.draw(st.permutations(["cat", "dog", "Emu", "9", "10", "straße"]))
    with folder() as root:
        meant = {"train": names[:4], "val": data.draw(st.permutations(names[:4]))[: draw(st.integers(1, 4))]}
        for split, classes in meant.items():
            for name in classes:
                deep = draw(st.sampled_from(("", "deeper/")))
                save(
                    draw,
                    root / split / name / f"{deep}{draw(st.sampled_from(('a', 'a.b.0001')))}",
                    black_and_white(names.index(name), 6, 6),
                    ids=False,
                )
            clutter(draw, root / split)
        train = open_data(f"images:{root}", "train", size=6)
        test = open_data(f"images:{root}", "test", size=6, **draw(st.sampled_from(({}, {"classes": train.classes}))))
        assert set(train.classes) == set(meant["train"])
        assert test.classes == train.classes
        assert set(() if test.class_mismatch is None else test.class_mismatch.missing) == {*meant["train"]} - {
            *meant["val"]
        }
        for read, classes in ((train, meant["train"]), (test, meant["val"])):
            assert read.check() == []
            images, labels = read.labelled(torch.arange(len(read)))
            assert sorted(read.classes[label] for label in labels.tolist()) == sorted(classes)
            for image, label in zip(images, labels.tolist(), strict=True):
                assert shown(image) == black_and_white(names.index(train.classes[label]), 6, 6).tolist()


def ids_of(seed: int, known: list[int], height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).choice(known, (height, width))


def write_voc(draw: Draw, root: Path, masks: dict[str, np.ndarray]) -> list[str]:
    """Write images and masks of these names, and return the list's lines."""
    lines = []
    for seed, (name, ids) in enumerate(masks.items()):
        image = save(draw, root / "JPEGImages" / name, black_and_white(seed), ids=False)
        mask = save(draw, root / "SegmentationClass" / name, ids, ids=True)
        both = f"/JPEGImages/{image.name} /SegmentationClass/{mask.name}"
        lines.append(draw(st.sampled_from((name, image.name, f"JPEGImages/{image.name}", both))))
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    return lines


@quick
@given(st.data())
def test_vocs_lists_mean_images_and_ids_however_they_are_written(data: st.DataObject) -> None:
    names = data.draw(st.permutations(["cam", "cam.0001", "2007_000032", "a.b.c"]))[:3]
    known = data.draw(st.sampled_from(([0, 1], [0, 1, 2, 3], list(range(16)), [*range(21), 255])))
    masks = {name: ids_of(seed, known) for seed, name in enumerate(names)}
    with folder() as root:
        lines = data.draw(st.permutations(write_voc(data.draw, root, masks)))
        (root / "ImageSets" / "Segmentation" / "train.txt").write_text(
            data.draw(st.sampled_from(("\n", "\r\n", "\n\n "))).join(lines)
        )
        read = VocSegmentation(root)
        assert len(read) == len(names)
        for number in range(len(read)):
            name = Path(read.name(number)).name.rpartition(".")[0]
            image, mask = read.segmented(number)
            assert mask.tolist() == masks[name].tolist()
            assert shown(image) == black_and_white(names.index(name)).tolist()
        assert read.check() == []


@quick
@given(st.data())
def test_cityscapes_ids_mean_classes_however_they_are_written(data: st.DataObject) -> None:
    draw, learnt = data.draw, [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    kind = draw(st.sampled_from(("labelIds", "labelTrainIds")))
    classes = {
        f"{city}/{city}.{number}": ids_of(number, [*range(draw(st.integers(1, 19))), 255])
        for number, city in enumerate("ab")
    }
    with folder() as root:
        for seed, (name, meant) in enumerate(classes.items()):
            ids = np.vectorize(lambda k: k if kind == "labelTrainIds" else 0 if k == 255 else learnt[k])(meant)
            save(
                draw,
                root / "leftImg8bit" / "train" / f"{name}_leftImg8bit",
                black_and_white(seed),
                ids=False,
                forms=PNGS,
            )
            save(draw, root / "gtFine" / "train" / f"{name}_gtFine_{kind}", ids, ids=True, forms=PNGS)
        read = Cityscapes(root)
        for number, (seed, meant) in enumerate(enumerate(classes.values())):
            image, mask = read.segmented(number)
            assert mask.tolist() == meant.tolist()
            assert shown(image) == black_and_white(seed).tolist()


def rectangle(draw: Draw, height: int, width: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height."""
    left, top = draw(st.integers(0, width - 2)), draw(st.integers(0, height - 2))
    return left, top, draw(st.integers(1, width - left)), draw(st.integers(1, height - top))


def segmentation(draw: Draw, box: tuple[int, int, int, int], height: int, width: int) -> Any:
    """Return a rectangle as a polygon, as run lengths or as their code."""
    left, top, wide, tall = box
    mask = np.zeros((height, width), np.uint8, order="F")
    mask[top : top + tall, left : left + wide] = 1
    form = draw(st.sampled_from(("polygon", "lengths", "code")))
    if form == "polygon":
        return [[left, top, left + wide, top, left + wide, top + tall, left, top + tall]]
    if form == "code":
        return {"size": [height, width], "counts": rle.encode(mask)["counts"].decode()}
    flat = [0, *mask.flatten(order="F").tolist()]
    starts = [k for k in range(len(flat) - 1) if flat[k] != flat[k + 1]]
    return {
        "size": [height, width],
        "counts": [b - a for a, b in zip([0, *starts], [*starts, height * width], strict=True)],
    }


Object = tuple[str, tuple[int, int, int, int], bool]


def write_coco(draw: Draw, root: Path, split: str, meant: list[list[Object]], names: list[str]) -> dict[str, Any]:
    """Write images with objects in drawn orders, ids and forms, and return the content of the file."""
    ids = dict(
        zip(
            names,
            draw(st.lists(st.integers(1, 99), min_size=len(names), max_size=len(names), unique=True)),
            strict=True,
        )
    )
    numbers = draw(st.lists(st.integers(0, 10**6), min_size=len(meant), max_size=len(meant), unique=True))
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": id, "name": name} for name, id in ids.items()],
    }
    for seed, (number, objects) in enumerate(zip(numbers, meant, strict=True)):
        file = save(draw, root / split / f"{split}.{seed}", black_and_white(seed), ids=False)
        content["images"].append({"id": number, "file_name": file.name, "height": 5, "width": 7, "license": 1})
        for name, box, crowd in objects:
            said = draw(st.sampled_from(((0, "0", False), (1, "1", True))[crowd]))
            shape = segmentation(draw, box, 5, 7)
            annotation = {"image_id": number, "category_id": ids[name], "bbox": list(box), "segmentation": shape}
            content["annotations"].append(annotation | ({"iscrowd": said} if crowd or draw(st.booleans()) else {}))
    for number, annotation in enumerate(draw(st.permutations(content["annotations"]))):
        annotation["id"] = number
    for part in ("images", "categories", "annotations"):
        content[part] = draw(st.permutations(content[part]))
    return {part: content[part] for part in draw(st.permutations(list(content)))}


def write_json(root: Path, split: str, content: dict[str, Any]) -> Path:
    (root / "annotations").mkdir(exist_ok=True)
    file = root / "annotations" / f"instances_{split}.json"
    file.write_text(json.dumps(content))
    return file


@quick
@given(st.data())
def test_cocos_entries_mean_objects_whatever_their_ids_and_order(data: st.DataObject) -> None:
    draw, names = data.draw, ["cat", "dog", "emu"]
    one = st.builds(lambda name, crowd: (name, rectangle(draw, 5, 7), crowd), st.sampled_from(names), st.booleans())
    meant = {split: [draw(st.lists(one, max_size=3)) for _ in range(2)] for split in ("train", "val")}
    with folder() as root:
        for split, objects in meant.items():
            write_json(root, split, write_coco(draw, root, split, objects, draw(st.permutations(names))))
        read = {"train": CocoInstances(root, "train"), "val": CocoInstances(root, "test")}
        assert read["train"].classes == read["val"].classes
        assert read["val"].class_mismatch is None
        for split, objects in meant.items():
            assert read[split].check() == []
            for number in range(2):
                item = read[split].annotated(number)
                seed = int(Path(read[split].name(number)).name.split(".")[1])
                assert shown(item.image) == black_and_white(seed).tolist()
                found = zip(
                    item.labels.tolist(), item.boxes.int().tolist(), item.crowd.tolist(), item.masks, strict=True
                )
                seen = []
                for label, (left, top, right, bottom), crowd, mask in found:
                    assert mask.sum() == mask[top:bottom, left:right].sum() == (right - left) * (bottom - top)
                    seen.append((read["train"].classes[label], (left, top, right - left, bottom - top), crowd))
                assert sorted(seen) == sorted(objects[seed])


Broken = Callable[[Path], object]
BROKEN_FILES: dict[str, Broken] = {
    "is empty": lambda file: file.write_bytes(b""),
    r"is not a readable picture \(of no known format\)": lambda file: file.write_text("no picture"),
    "is not a readable picture": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "has the orientation 9, none of 1 to 8": lambda file: Image.new("L", (7, 5)).save(file, "PNG", exif=exif(9)),
    "is missing": Path.unlink,
}
BROKEN_IMAGES = BROKEN_FILES | {
    "holds numbers from 0 to 300": lambda file: tifffile.imwrite(file, np.array([[0, 300]], np.float32)),
    "holds 32-bit integers": lambda file: tifffile.imwrite(file, np.array([[0, 300]], np.uint32)),
}
BROKEN_MASKS = BROKEN_FILES | {
    "holds class ids 77, none of 0 to 20 or 255": lambda file: Image.new("L", (7, 5), 77).save(file, "PNG"),
    "holds class ids 300, none of": lambda file: write_png(file, np.full((5, 7, 1), 300), 16, 0),
    "is RGB, not a palette or grey picture": lambda file: Image.new("RGB", (7, 5)).save(file, "PNG"),
    "is JPEG L, which does not keep class ids": lambda file: Image.new("L", (7, 5)).save(file, "JPEG"),
    "is 5x8, its picture 5x7": lambda file: Image.new("L", (8, 5)).save(file, "PNG"),
}


@quick
@given(st.data())
def test_a_broken_file_is_named_with_its_fault(data: st.DataObject) -> None:
    masks = {name: ids_of(seed, [0, 1]) for seed, name in enumerate(("cam", "cam.0001"))}
    with folder() as root:
        lines = write_voc(data.draw, root, masks)
        (root / "ImageSets" / "Segmentation" / "train.txt").write_text("\n".join(lines))
        part, broken = data.draw(st.sampled_from((("JPEGImages", BROKEN_IMAGES), ("SegmentationClass", BROKEN_MASKS))))
        reason = data.draw(st.sampled_from(list(broken)))
        file = data.draw(st.sampled_from(sorted((root / part).iterdir())))
        broken[reason](file)
        stem = re.escape(file.name.rpartition(".")[0])  # a missing file is missed under the usual ending
        with pytest.raises(ValueError, match=rf"1 cannot be used(.|\n)*{part}/{stem}\.\w+: it {reason}"):
            VocSegmentation(root)
        if part == "JPEGImages" and reason != "is missing":
            for split in ("train", "val"):
                (root / "folders" / split / "a").mkdir(parents=True)
                shutil.copy(file, root / "folders" / split / "a")
                with pytest.raises(
                    ValueError, match=rf"1 cannot be used(.|\n)*{split}/a/{re.escape(file.name)}: it {reason}"
                ):
                    ImageFolder(root / "folders", {"train": "train", "val": "test"}[split])


def _spoil(part: str, **fields: Any) -> Callable[[dict[str, Any]], object]:
    """Return what sets fields of one entry; `...` takes one away."""

    def spoil(content: dict[str, Any]) -> None:
        entry = content[part][-1]
        entry.update(fields)
        for name in [name for name, value in fields.items() if value is ...]:
            del entry[name]

    return spoil


def _run_lengths(*size: int, counts: list[int]) -> dict[str, Any]:
    return {"size": list(size), "counts": counts}


BROKEN_ENTRIES: dict[str, Callable[[dict[str, Any]], object]] = {
    r"annotation \d+: its iscrowd is 'yes', not 0 or 1": _spoil("annotations", iscrowd="yes"),
    r"annotation \d+: its bbox \[1, 1, 0, 2\] has no inside": _spoil("annotations", bbox=[1, 1, 0, 2]),
    r"annotation \d+: its bbox \['1', 1, 2, 2\] is not x, y, w": _spoil("annotations", bbox=["1", 1, 2, 2]),
    r"annotation \d+: its bbox is None": _spoil("annotations", bbox=None),
    r"annotation \d+: it has no bbox": _spoil("annotations", bbox=...),
    r"annotation \d+: its category_id 1000 is not listed": _spoil("annotations", category_id=1000),
    r"annotation \d+: its image_id -1 is not listed": _spoil("annotations", image_id=-1),
    r"annotation \d+: its segmentation is empty": _spoil("annotations", segmentation=[]),
    r"annotation \d+: its run lengths cover 3 pixels of 35": _spoil(
        "annotations", segmentation=_run_lengths(5, 7, counts=[3])
    ),
    r"annotation \d+: its run lengths are for \(7, 5\)": _spoil(
        "annotations", segmentation=_run_lengths(7, 5, counts=[35])
    ),
    r"image \d+: its file_name is 7": _spoil("images", file_name=7),
    r"image \d+: it has no height": _spoil("images", height=...),
    r"\.(png|tif): it is 5x7, its annotations are for 7x5": _spoil("images", height=7, width=5),
    r"nowhere.png: it is missing": _spoil("images", file_name="nowhere.png"),
    r"category \d+ cannot be used: its name is None": _spoil("categories", name=None),
    r"category \d+: its id or its name 'cat' is another's, too": lambda content: content["categories"].append(
        {"id": 500, "name": "cat"}
    ),
    r"lists 3 images by 2 ids": lambda content: content["images"].append(content["images"][0]),
    r"has no 'annotations'": lambda content: content.pop("annotations"),
}


@quick
@given(st.data())
def test_a_broken_entry_is_named_with_its_fault(data: st.DataObject) -> None:
    draw, names = data.draw, ["cat", "dog"]
    with folder() as root:
        content = write_coco(draw, root, "train", [[("cat", (1, 1, 2, 2), False)]] * 2, draw(st.permutations(names)))
        reason = draw(st.sampled_from(list(BROKEN_ENTRIES)))
        BROKEN_ENTRIES[reason](content)
        write_json(root, "train", content)
        with pytest.raises(ValueError, match=rf"{root}(.|\n)*{reason}"):
            CocoInstances(root)


def test_the_drawn_tags_turn_what_they_should() -> None:
    for number, turn in TURNED.items():
        stored = Image.fromarray(np.ascontiguousarray(turn(black_and_white(1))).astype(np.uint8))
        methods = Image.Transpose
        upright = {
            2: methods.FLIP_LEFT_RIGHT, 3: methods.ROTATE_180, 4: methods.FLIP_TOP_BOTTOM, 5: methods.TRANSPOSE,
            6: methods.ROTATE_270, 7: methods.TRANSVERSE, 8: methods.ROTATE_90,
        }.get(number)  # fmt: skip
        turned = stored if upright is None else stored.transpose(upright)
        assert np.array(turned).tolist() == black_and_white(1).tolist()
