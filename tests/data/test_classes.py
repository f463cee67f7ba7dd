"""Names decide which number a class has: never the order of folders, never ids."""

from __future__ import annotations

import json
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from antialias.data import (
    Cityscapes,
    CocoInstances,
    ImageFolder,
    PartiallySupervised,
    VocSegmentation,
    in_memory,
    open_data,
)
from antialias.data._classes import ClassMismatch, in_order, match_classes
from antialias.data.detection import ClassSplit
from antialias.metrics import average_precision

from .detection.test_coco import _content as coco_content
from .detection.test_coco import _layout as coco_layout
from .segmentation.test_cityscapes import _layout as cityscapes_layout
from .segmentation.test_voc import _layout as voc_layout


def _write(root: Path, *names: str) -> Path:
    """Write an image into each folder."""
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9)).save(root / name / "0.png")
    return root


def _labels(data: ImageFolder) -> dict[str, int]:
    return {file.parent.name: label for file, label in data.files}


def test_a_test_split_has_the_training_splits_numbers_and_names_what_it_lacks(tmp_path: Path) -> None:
    root = _write(tmp_path, "train/a", "train/b", "train/c", "val/b", "val/c", "val/d")
    train = open_data(f"images:{root}", "train", size=8)
    assert train.classes == ("a", "b", "c")
    assert train.class_mismatch is None
    message = rf"{root}/val has 1 class that {root}/train lacks: d; it lacks 1 class that {root}/train has: a\."
    with pytest.warns(UserWarning, match=message):
        test = open_data(f"images:{root}", "test", size=8)
    assert test.classes == ("a", "b", "c", "d")
    assert _labels(test) == {"b": 1, "c": 2, "d": 3}
    assert (test.class_mismatch.unknown, test.class_mismatch.missing) == (("d",), ("a",))
    assert in_memory(test).class_mismatch is test.class_mismatch
    assert in_memory(test).labels.tolist() == [1, 2, 3]


def test_a_test_split_without_some_classes_is_numbered_alike_without_a_warning(tmp_path: Path) -> None:
    data = ImageFolder(_write(tmp_path, "train/a", "train/b", "train/c", "validation/c"), "test", size=8)
    assert (_labels(data), data.classes) == ({"c": 2}, ("a", "b", "c"))
    assert data.class_mismatch.missing == ("a", "b")


def test_a_test_split_opened_by_its_own_folder_is_numbered_alike(tmp_path: Path) -> None:
    root = _write(tmp_path, "train/a", "train/b", "train/c", "val/c", "other/c")
    assert _labels(ImageFolder(root / "val", size=8)) == {"c": 2}
    assert ImageFolder(root / "other", size=8).classes == ("c",)
    assert ImageFolder(root / "train", size=8).classes == ("a", "b", "c")


def test_a_network_s_own_order_comes_first(tmp_path: Path) -> None:
    root = _write(tmp_path, "train/a", "train/b", "val/b", "val/a")
    for split in ("train", "test"):
        data = open_data(f"images:{root}", split, size=8, classes=("b", "z", "a"))
        assert (_labels(data), data.classes) == ({"a": 2, "b": 0}, ("b", "z", "a"))
        assert data.class_mismatch.missing == ("z",)
    with pytest.warns(UserWarning, match=f"{root}/val has 1 class that classes= lacks: a"):
        assert _labels(open_data(f"images:{root}", "test", size=8, classes=("b",))) == {"a": 1, "b": 0}
    for name, want in (("scenes", "label"), ("scenes", "semantic")):
        with pytest.raises(
            ValueError, match=f"data='{name}' has classes of its own: .* not b, a .. Leave out classes="
        ):
            open_data(name, want=want, classes=("b", "a"))
    own = open_data("scenes", want="semantic").classes
    assert open_data("scenes", want="semantic", classes=own).classes == own


def test_hidden_and_empty_folders_and_files_are_no_classes(tmp_path: Path) -> None:
    root = _write(tmp_path, "a", "b/deep", ".ipynb_checkpoints", "a/.ipynb_checkpoints", "b/.cache/more")
    (root / "empty" / "deeper").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(root / "beside.png")
    (root / "a" / "._0.png").write_bytes(b"what another system remembers of a file")
    (root / "empty" / ".gitkeep").touch()
    data = ImageFolder(root, size=8)
    assert data.classes == ("a", "b")
    assert [str(file.relative_to(root)) for file, _ in data.files] == ["a/0.png", "b/deep/0.png"]
    assert len(ImageFolder(root, "all", size=8)) == 3
    (root / "notes").mkdir()
    (root / "notes" / "a.gif").touch()
    with pytest.warns(UserWarning, match="notes is no class, since it has no picture: it holds a.gif."):
        assert ImageFolder(root, size=8).classes == ("a", "b")


def test_a_root_in_a_hidden_folder_is_read(tmp_path: Path) -> None:
    assert ImageFolder(_write(tmp_path / ".cache", "a"), size=8).classes == ("a",)


def test_numbers_sort_as_numbers_and_it_is_said(tmp_path: Path) -> None:
    root = _write(tmp_path, *(f"train/{number}" for number in (0, 1, 2, 9, 10, 100)), "val/9", "val/10")
    said = "train: its classes are numbers and sorted as such: 0, 1, 2, 9, 10, 100$"
    for split, labels in (("train", [0, 1, 2, 3, 4, 5]), ("test", [3, 4])):
        with pytest.warns(UserWarning, match=said) as warned:
            data = ImageFolder(root, split, size=8)
        assert [label for _, label in data.files] == labels
        assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ImageFolder(_write(tmp_path / "padded", "001", "002", "010"), size=8).classes == ("001", "002", "010")
    assert in_order(["1.5", "0.5", "10"]) == ["0.5", "1.5", "10"]
    assert in_order(["10", "9", "x"]) == ["10", "9", "x"]


def test_a_name_is_the_same_however_its_accents_are_written(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    root = _write(tmp_path, f"train/{names[0]}", "train/a", f"val/{names[1]}")
    assert [label for _, label in ImageFolder(root, "test", size=8).files] == [1]
    if len(list(_write(tmp_path / "both", *names).iterdir())) == 2:
        with pytest.raises(ValueError, match="both has two folders of the name 'café', written in two ways. Rename"):
            ImageFolder(tmp_path / "both", size=8)


def _coco(root: Path, train: list[tuple[int, str]], test: list[tuple[int, str]]) -> Path:
    """Write two splits whose categories have other ids; all objects are the categories' first."""
    for split, categories in (("train2017", train), ("val2017", test)):
        content: dict[str, Any] = coco_content()
        content["categories"] = [{"id": id, "name": name} for id, name in categories]
        for annotation in content["annotations"]:
            annotation["category_id"] = categories[0][0]
        coco_layout(root, content, split)
    return root


def test_cocos_splits_share_names_not_ids(tmp_path: Path) -> None:
    root = _coco(tmp_path, [(1, "cat"), (2, "dog"), (3, "bird")], [(9, "bird"), (1, "dog"), (2, "cat")])
    train, test = (CocoInstances(root, split) for split in ("train", "test"))
    assert train.classes == test.classes == ("cat", "dog", "bird")
    assert (train.category_ids, test.category_ids) == ((1, 2, 3), (2, 1, 9))
    assert (train.annotated(0).labels.tolist(), test.annotated(0).labels.tolist()) == ([0, 0], [2, 2])
    assert train.class_mismatch is test.class_mismatch is None
    own = open_data(f"coco:{root}", "test", want="instances", classes=("bird", "cat", "dog"))
    assert (own.classes, own.annotated(0).labels.tolist()) == (("bird", "cat", "dog"), [0, 0])


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_a_detector_that_is_right_is_right_whatever_the_ids_of_the_other_split(tmp_path: Path, kind: Any) -> None:
    root = _coco(tmp_path, [(1, "cat"), (2, "dog"), (3, "bird")], [(9, "bird"), (1, "dog"), (2, "cat")])
    number = {name: label for label, name in enumerate(CocoInstances(root).classes)}
    data = CocoInstances(root, "test")
    items = [data.annotated(index) for index in range(len(data))]
    targets = [{"boxes": i.boxes, "labels": i.labels, "masks": i.masks, "iscrowd": i.crowd} for i in items]
    outputs = [
        {
            "boxes": item.boxes[~item.crowd],
            "masks": item.masks[~item.crowd],
            "labels": torch.full((int((~item.crowd).sum()),), number["bird"]),
            "scores": torch.ones(int((~item.crowd).sum())),
        }
        for item in items
    ]
    assert average_precision(outputs, targets, kind).value == 1


def test_a_category_of_one_of_cocos_splits_is_named(tmp_path: Path) -> None:
    root = _coco(tmp_path, [(1, "cat"), (2, "dog")], [(1, "fox"), (2, "dog")])
    with pytest.warns(
        UserWarning, match=r"val2017.json has 1 class that .*train2017.json lacks: fox; it lacks .*: cat"
    ):
        data = CocoInstances(root, "test")
    assert (data.classes, data.category_ids) == (("cat", "dog", "fox"), (None, 2, 1))
    assert data.annotated(0).labels.tolist() == [2, 2]
    held = in_memory(data, "instances")
    split = ClassSplit(("cat",), ("dog", "fox"))
    assert held.class_mismatch is PartiallySupervised(held, split).class_mismatch is data.class_mismatch


@pytest.mark.parametrize("form", ["last", "first", "lists in it", "brackets in it", "twice"])
def test_the_other_splits_categories_are_found_wherever_they_are(tmp_path: Path, form: str) -> None:
    root = _coco(tmp_path, [(7, "dog"), (8, "cat")], [(1, "cat"), (2, "dog")])
    file = root / "annotations" / "instances_train2017.json"
    content = json.loads(file.read_text())
    if form == "first":
        content = {key: content[key] for key in ("categories", "images", "annotations")}
    if form == "lists in it":
        content["categories"][0]["keypoints"] = ["nose", "tail"]
    if form == "brackets in it":
        content["categories"][1]["supercategory"] = "animals [domestic]"
    if form == "twice":
        content["info"] = {"categories": [1], "about": 'a "categories": ['}
    file.write_text(json.dumps(content, indent=form == "first" or None))
    assert CocoInstances(root, "test").classes == ("dog", "cat")


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([(1, "cat"), (1, "dog")], "category 1: its id or its name 'dog' is another's, too. Give each its own."),
        ([(1, "cat"), (2, "cat")], "category 2: its id or its name 'cat' is another's, too. Give each its own."),
    ],
)
def test_two_categories_of_one_id_or_name_are_refused(
    tmp_path: Path, categories: list[tuple[int, str]], message: str
) -> None:
    root = _coco(tmp_path, categories, [(1, "cat")])
    for split in ("train", "test"):
        with pytest.raises(ValueError, match=f"instances_train2017.json, {message}"):
            CocoInstances(root, split)


def test_a_training_file_that_cannot_be_read_leaves_no_numbers(tmp_path: Path) -> None:
    root = _coco(tmp_path, [(1, "cat")], [(1, "cat")])
    for text in ("", "{"):
        (root / "annotations" / "instances_train2017.json").write_text(text)
        with pytest.raises(ValueError, match="instances_train2017.json is not JSON"):
            CocoInstances(root, "test")


def test_masks_are_numbered_as_a_network_numbers_its_classes(tmp_path: Path) -> None:
    readers: list[tuple[type[VocSegmentation] | type[Cityscapes], Path]] = [
        (VocSegmentation, voc_layout(tmp_path / "voc")),
        (Cityscapes, cityscapes_layout(tmp_path / "cityscapes")),
    ]
    for reader, root in readers:
        plain = reader(root, "train")
        turned = reader(root, "train", classes=plain.classes[::-1])
        assert turned.classes == plain.classes[::-1]
        first, second = plain.segmented(0)[1].long(), turned.segmented(0)[1].long()
        assert torch.equal(second, torch.where(first == 255, 255, len(plain.classes) - 1 - first))
        assert turned.class_mismatch is None
        with pytest.warns(UserWarning, match="the data has 1 class that classes= lacks"):
            data = reader(root, "train", classes=("new", *plain.classes[1:]))
        assert data.classes == ("new", *plain.classes[1:], plain.classes[0])
        assert data.class_mismatch is not None
        assert data.class_mismatch.missing == ("new",)


def test_a_mismatch_is_a_sentence() -> None:
    many = tuple(f"c{number}" for number in range(10))
    said = str(ClassMismatch(place="val", reference="train", missing=many))
    assert said == "val lacks 10 classes that train has: c0, c1, c2, c3, c4, c5, c6, c7 and 2 more."
    with pytest.raises(ValueError, match="val has two classes of the name 'a'. Give each its own."):
        match_classes(("a", "b", "a"), None, place="val", reference_place="train")
