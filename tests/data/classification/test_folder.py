"""ImageFolder layouts, and what is said when one is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from antialias.data import ImageFolder, open_data


def _fill(folder: Path, classes: dict[str, int]) -> None:
    for name, brightness in classes.items():
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (40, 30), (brightness,) * 3).save(folder / name / "a.png")


def test_classes_are_sorted_folders_and_pictures_are_central_squares(tmp_path: Path) -> None:
    _fill(tmp_path, {"dog": 200, "cat": 100})
    data = ImageFolder(tmp_path, size=16)
    assert data.classes == ("cat", "dog")
    images, labels = data.labelled(torch.tensor([1, 0]))
    assert images.shape == (2, 3, 16, 16)
    assert labels.tolist() == [1, 0]
    assert images[:, 0, 0, 0].tolist() == [200, 100]
    image, label = data[0]
    assert (image.mean().item(), label) == (pytest.approx(100 / 255), 0)


def test_splits_are_folders_and_val_is_a_test_set(tmp_path: Path) -> None:
    _fill(tmp_path / "train", {"cat": 1, "dog": 2})
    _fill(tmp_path / "val", {"cat": 3})
    assert len(open_data(f"images:{tmp_path}", "train")) == 2
    assert len(open_data(f"images:{tmp_path}", "test")) == 1


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere is not a folder. Use images:DIR"):
        ImageFolder(tmp_path / "nowhere")


def test_a_folder_without_splits_is_no_training_set(tmp_path: Path) -> None:
    _fill(tmp_path, {"cat": 1})
    with pytest.raises(FileNotFoundError, match=r"has no train/ folder for split='train'. Use .*/train/CLASS"):
        ImageFolder(tmp_path, "train")


def test_a_training_folder_alone_is_no_test_set(tmp_path: Path) -> None:
    _fill(tmp_path / "train", {"cat": 1})
    with pytest.raises(FileNotFoundError, match="has no test/ or val/ or validation/ folder for split='test'"):
        ImageFolder(tmp_path, "test")


@pytest.mark.parametrize("splits", [("Train", "Val"), ("Testing", "Training"), ("TEST", "TRAIN", "VALID")])
def test_splits_of_other_names_are_no_classes(tmp_path: Path, splits: tuple[str, ...]) -> None:
    for name in splits:
        _fill(tmp_path / name, {"cat": 1, "dog": 2})
    fact = f"holds {'/, '.join(splits)}/, which look like splits and would be read as classes"
    with pytest.raises(FileNotFoundError, match=f"{fact}. Rename them train and test, or name one of them"):
        ImageFolder(tmp_path, "test")
    assert ImageFolder(tmp_path / splits[0]).classes == ("cat", "dog")
    assert len(ImageFolder(tmp_path, "all")) == 2 * len(splits)


def test_a_class_may_have_the_name_of_a_split(tmp_path: Path) -> None:
    _fill(tmp_path, {"train": 1, "tram": 2})
    (tmp_path / "train").rename(tmp_path / "Train")
    assert ImageFolder(tmp_path).classes == ("Train", "tram")


def test_no_classes_and_no_pictures_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no class folders"):
        ImageFolder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(FileNotFoundError, match=r"has no pictures below it. Use files that end in .bmp, .jpeg"):
        ImageFolder(tmp_path)


def test_a_corrupt_picture_is_named(tmp_path: Path) -> None:
    _fill(tmp_path, {"cat": 1})
    data = ImageFolder(tmp_path)
    (tmp_path / "cat" / "a.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"a.png is not a readable picture .* Remove or replace it"):
        data.labelled(torch.tensor([0]))


def test_an_unknown_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="split='dev' is unknown. Use one of: train, test, all."):
        ImageFolder(tmp_path, "dev")


def test_all_has_labels_where_folders_are_named_as_given_classes(tmp_path: Path) -> None:
    for place in ("one/dog", "one/cat/kittens", "two/cat"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / place / "a.png")
    data = ImageFolder(tmp_path, "all", size=8, classes=("dog", "bird", "cat"))
    assert data.classes == ("dog", "bird", "cat")
    assert [(file.parent.name, label) for file, label in data.files] == [("kittens", 2), ("dog", 0), ("cat", 2)]
    with pytest.raises(ValueError, match=r"a.png is in no folder named as one of: dog, bird .. Leave out classes="):
        ImageFolder(tmp_path, "all", size=8, classes=("dog", "bird"))


def test_all_is_every_picture_however_it_lies(tmp_path: Path) -> None:
    _fill(tmp_path, {"cat": 1, "train/dog": 2})
    Image.new("RGB", (20, 20)).save(tmp_path / "loose.png")
    data = open_data(f"images:{tmp_path}", "all", size=16)
    assert data.classes == ("unlabelled",)
    assert data.labelled(torch.arange(3))[1].tolist() == [0, 0, 0]
    (tmp_path / "flat").mkdir()
    with pytest.raises(FileNotFoundError, match="one folder a class, or split='all' without classes"):
        ImageFolder(tmp_path / "flat")
