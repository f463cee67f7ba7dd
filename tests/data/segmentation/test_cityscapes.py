"""The layout of Cityscapes made by hand, and what is said where a part of it is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from antialias.data import Cityscapes, open_data

HEIGHT, WIDTH = 16, 32
SCENES = {
    "train": ["aachen/aachen_000000_000019", "zurich/zurich_000001_000019"],
    "val": ["lindau/lindau_000000_000019"],
}
# Of the ids 0 to 33, by hand from the data set's table: those of the 19 classes in their order.
LEARNT = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]


def _ids() -> np.ndarray:
    return (np.arange(HEIGHT * WIDTH, dtype=np.uint16) % 34).astype(np.uint8).reshape(HEIGHT, WIDTH)


def _classes() -> np.ndarray:
    return np.vectorize(lambda id: LEARNT.index(id) if id in LEARNT else 255)(_ids())


def _layout(root: Path, kind: str = "labelIds") -> Path:
    for split, scenes in SCENES.items():
        for number, scene in enumerate(scenes):
            picture = root / "leftImg8bit" / split / f"{scene}_leftImg8bit.png"
            mask = root / "gtFine" / split / f"{scene}_gtFine_{kind}.png"
            for file in (picture, mask):
                file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (WIDTH, HEIGHT), (number, 9, 9)).save(picture)
            Image.fromarray(_ids() if kind == "labelIds" else _classes().astype(np.uint8)).save(mask)
            Image.new("RGB", (WIDTH, HEIGHT)).save(mask.with_name(f"{Path(scene).name}_gtFine_color.png"))
    return root


@pytest.mark.parametrize("kind", ["labelIds", "labelTrainIds"])
def test_ids_become_the_classes_that_are_learnt(tmp_path: Path, kind: str) -> None:
    data = open_data(f"cityscapes:{_layout(tmp_path, kind)}", "train", want="semantic")
    assert (len(data), len(data.classes), data.classes[0], data.classes[18]) == (2, 19, "road", "bicycle")
    assert data.name(1).endswith("leftImg8bit/train/zurich/zurich_000001_000019_leftImg8bit.png")
    image, mask = data.segmented(1)
    assert image[:, 0, 0].tolist() == [1, 9, 9]
    assert mask.tolist() == _classes().tolist()
    assert data.check() == []


def test_the_test_split_is_val(tmp_path: Path) -> None:
    root = _layout(tmp_path)
    assert [Path(Cityscapes(root, split).name(0)).parent.name for split in ("test", "val")] == ["lindau"] * 2
    with pytest.raises(ValueError, match=r"split='dev' is unknown. Use one of: train, test, val."):
        Cityscapes(root, "dev")


def test_a_size_scales_both(tmp_path: Path) -> None:
    image, mask = open_data(f"cityscapes:{_layout(tmp_path)}", "test", want="semantic", size=8).segmented(0)
    assert (image.shape, mask.shape) == ((3, 8, 16), (8, 16))


def test_pictures_without_masks_and_masks_without_pictures_are_named(tmp_path: Path) -> None:
    root = _layout(tmp_path)
    mask = root / "gtFine" / "train" / "aachen" / "aachen_000000_000019_gtFine_labelIds.png"
    picture = root / "leftImg8bit" / "train" / "zurich" / "zurich_000001_000019_leftImg8bit.png"
    mask.unlink()
    picture.rename(picture.with_name("x_leftImg8bit.png"))
    with pytest.raises(ValueError, match="3 cannot be used") as stopped:
        Cityscapes(root)
    lost = mask.parents[1] / "zurich" / "x_gtFine_labelIds.png"
    for file in (mask, picture, lost):
        assert f"{file}: it is missing" in str(stopped.value)
    Image.fromarray(_ids()).save(mask)
    with pytest.warns(UserWarning, match=r"(?s)2 cannot be used and are left out.*x_gtFine.*zurich_0"):
        data = Cityscapes(root, on_broken="skip")
    assert [Path(data.name(number)).parent.name for number in range(len(data))] == ["aachen"]


def test_ids_that_cityscapes_has_not_are_named(tmp_path: Path) -> None:
    root = _layout(tmp_path)
    mask = root / "gtFine" / "val" / f"{SCENES['val'][0]}_gtFine_labelIds.png"
    Image.fromarray(np.full((HEIGHT, WIDTH), 34, np.uint8)).save(mask)
    with pytest.raises(ValueError, match=r"gtFine_labelIds.png: it holds class ids 34, none of 0 to 33 or 255"):
        Cityscapes(root, "test")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere is not a folder. Use cityscapes:DIR with leftImg8bit and gt"):
        Cityscapes(tmp_path / "nowhere")
    root = _layout(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"aachen/leftImg8bit/train is not there: .* holds a.*_leftImg8bit.png"):
        Cityscapes(root / "leftImg8bit" / "train" / "aachen")
    for file in (root / "gtFine").rglob("*labelIds.png"):
        file.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"gtFine/train holds aachen/, zurich/, no CITY/\*_gtFine_labelIds.png."
    ):
        Cityscapes(root)
    for folder in (root / "leftImg8bit" / "val").iterdir():
        shutil.rmtree(folder)
    _layout(tmp_path / "other")
    shutil.move(tmp_path / "other" / "gtFine", root / "again")
    shutil.rmtree(root / "gtFine")
    shutil.move(root / "again", root / "gtFine")
    with pytest.raises(
        FileNotFoundError, match=r"leftImg8bit/val holds nothing, no CITY/\*_leftImg8bit.png. Unpack left"
    ):
        Cityscapes(root, "test")
    shutil.rmtree(root / "gtFine" / "val")
    with pytest.raises(FileNotFoundError, match=r"gtFine/val is not there: .*gtFine holds train/. Use cityscapes:DIR"):
        Cityscapes(root, "test")
