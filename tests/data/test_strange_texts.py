"""Lists, settings and annotations whose text is none, or that point elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from antialias.data import CocoInstances, VocSegmentation
from antialias.data.classification._vid import read_video_classes
from antialias.data.detection import ClassSplit
from antialias.tasks import TrainConfig

LATIN = "é".encode("latin-1")


def voc(file: Path) -> object:
    root = file.parents[2]
    for name in ("JPEGImages", "SegmentationClass"):
        (root / name).mkdir(exist_ok=True)
    return VocSegmentation(root)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a list of VOC": ("ImageSets/Segmentation/train.txt", voc),
    "classes with masks": ("masked.txt", lambda file: ClassSplit.read(file, ["a", "b"])),
    "classes of videos": ("imagenet_classes.txt", read_video_classes),
}


@pytest.mark.parametrize("kind", READERS)
def test_lists_in_another_encoding_are_named(tmp_path: Path, kind: str) -> None:
    name, read = READERS[kind]
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(LATIN)
    with pytest.raises(ValueError, match=rf"{name} is no text in UTF-8 .*. Write"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    "line",
    [
        "../../secret",
        "JPEGImages/../../a.jpg SegmentationClass/a.png",
        "a ../a.png",
        "a\0",
        "a" * 300,
        "a/" * 2100 + "a",
    ],
)
def test_a_list_names_files_of_its_folder(tmp_path: Path, line: str) -> None:
    file = tmp_path / "ImageSets" / "Segmentation" / "train.txt"
    file.parent.mkdir(parents=True)
    file.write_text(line)
    with pytest.raises(ValueError, match=r"train.txt names .*, no file in .*. Name files in it."):
        voc(file)


@pytest.mark.parametrize("content", [LATIN, b"[" * 100_000, b'{"a":' * 100_000], ids=["latin", "lists", "objects"])
def test_annotations_without_end_or_encoding_are_named(tmp_path: Path, content: bytes) -> None:
    for folder in ("annotations", "train2017", "val2017"):
        (tmp_path / folder).mkdir()
    file = tmp_path / "annotations" / "instances_train2017.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="instances_train2017.json is not JSON .*Download it again"):
        CocoInstances(tmp_path)
    (tmp_path / "annotations" / "instances_val2017.json").write_text(
        '{"images": [], "annotations": [], "categories": []}'
    )
    file.write_bytes(b'{"categories": [' + content)
    with pytest.raises(ValueError, match="instances_train2017.json is not JSON .*Download it again"):
        CocoInstances(tmp_path, "test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs = " + "[" * 100_000, "is not TOML"),
        ('model = "é"', "is not TOML"),
        ("filter = 3", "filter=3 in .*a.toml is no table. Write .filter."),
        ("milestones = 3", "a.toml: milestones=3 is a int. Use tuple"),
        ('scales = ["a", "b"]', r"a.toml: scales=.* is no list of numbers. Use numbers such as 1, 2"),
        ("epochs = nan", "a.toml: epochs=nan is a float. Use int"),
        ("learning_rate = nan", "a.toml: learning_rate=nan is too small"),
        ("[filter]\nfilter = 3", "a.toml: "),
        ('[filter]\nfilter = "Fixed"\nkernel_size = "a"', "a.toml: "),
    ],
)
def test_settings_that_are_none_are_named_with_their_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.toml").write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=message):
        TrainConfig.read(tmp_path / "a.toml")
