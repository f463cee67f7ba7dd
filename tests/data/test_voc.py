"""VOC's layout made by hand, and what is said where a part of it is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from antialias.data import VocSegmentation, open_data
from antialias.tasks import TrainConfig, fit, task_named

SIZES = {"2007_000032": (24, 32), "2007_000039": (30, 20), "2011_003271": (24, 24)}
LISTS = {"train": ["2007_000032"], "val": ["2007_000039"], "trainval": ["2007_000032", "2007_000039"]}


def _mask(name: str, shift: int = 0) -> np.ndarray:
    """Return a border of 255 around a rectangle of one class on the background."""
    mask = np.zeros(SIZES[name], dtype=np.uint8)
    mask[4:16, 3:15] = 255
    mask[6:14, 5:13] = 1 + (list(SIZES).index(name) * 7 + shift) % 20
    return mask


def _grey(name: str) -> int:
    return 40 + 50 * list(SIZES).index(name)


def _save(mask: np.ndarray, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask, mode="P")
    image.putpalette([(37 * number) % 256 for number in range(768)])
    image.save(file)


def _layout(root: Path, *, augmented: bool = False) -> Path:
    (root / "JPEGImages").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    for name, (height, width) in SIZES.items():
        Image.new("RGB", (width, height), (_grey(name),) * 3).save(root / "JPEGImages" / f"{name}.jpg")
    for name in LISTS["trainval"]:
        _save(_mask(name), root / "SegmentationClass" / f"{name}.png")
    for split, names in LISTS.items():
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n\n")
    if augmented:
        for name in SIZES:
            _save(_mask(name, shift=3), root / "SegmentationClassAug" / f"{name}.png")
        lines = [f"/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png" for name in SIZES]
        (root / "ImageSets" / "Segmentation" / "trainaug.txt").write_text("\n".join(lines))
    return root


def _names(data: VocSegmentation) -> list[str]:
    return [Path(data.name(number)).stem for number in range(len(data))]


def test_lists_choose_pictures_and_palettes_are_classes(tmp_path: Path) -> None:
    root = _layout(tmp_path)
    data = open_data(f"voc:{root}", "train", want="semantic")
    assert (len(data.classes), data.classes[0], data.classes[15]) == (21, "background", "person")
    image, mask = data.segmented(0)
    assert mask.tolist() == _mask("2007_000032").tolist()
    assert image.shape == (3, 24, 32)
    assert (image.int() - 40).abs().max() <= 2
    for split, names in {"test": LISTS["val"], **LISTS}.items():
        assert _names(VocSegmentation(root, split)) == names
    assert VocSegmentation(root, "test").list == root / "ImageSets" / "Segmentation" / "val.txt"


@pytest.mark.parametrize("place", ["VOC2012", "VOCdevkit/VOC2012"])
def test_folders_around_it_do_as_well(tmp_path: Path, place: str) -> None:
    _layout(tmp_path / place)
    assert _names(VocSegmentation(tmp_path)) == ["2007_000032"]
    assert _names(VocSegmentation((tmp_path / place).parent)) == ["2007_000032"]


def test_the_larger_training_set_is_taken_where_it_is_whole(tmp_path: Path) -> None:
    root = _layout(tmp_path, augmented=True)
    data = VocSegmentation(root)
    assert _names(data) == list(SIZES)
    assert data.segmented(0)[1].tolist() == _mask("2007_000032", shift=3).tolist()
    test = VocSegmentation(root, "test")
    assert test.segmented(0)[1].tolist() == _mask("2007_000039").tolist()
    shutil.rmtree(root / "SegmentationClassAug")
    assert _names(VocSegmentation(root)) == ["2007_000032"]
    with pytest.raises(ValueError, match=r"SegmentationClass/2011_003271.png: it is missing"):
        VocSegmentation(root, "trainaug")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"nowhere is not a folder. Use voc:DIR with VOC2012 as DIR, which holds"
    ):
        VocSegmentation(tmp_path / "nowhere")
    (tmp_path / "pictures").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds pictures/. Use voc:DIR with VOC2012 as DIR"):
        VocSegmentation(tmp_path)
    root = _layout(tmp_path / "VOC2012")
    with pytest.raises(
        FileNotFoundError, match=r"dev.txt is not there for split='dev'; .* holds train.txt, trainval.t"
    ):
        VocSegmentation(root, "dev")
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("\n\n")
    with pytest.raises(ValueError, match=r"train.txt lists no picture. Use one name a line, such as 2007_000032."):
        VocSegmentation(root)
    for name in ("SegmentationClass", "JPEGImages"):
        shutil.rmtree(root / name)
        with pytest.raises(
            FileNotFoundError, match=f"VOC2012 has no folder {name}: it holds ImageSets/.*Put it there."
        ):
            VocSegmentation(root)
    with pytest.raises(ValueError, match=r"data='voc' names no folder. Use voc:DIR."):
        open_data("voc", want="semantic")


def test_a_class_that_voc_has_not_is_named(tmp_path: Path) -> None:
    root = _layout(tmp_path)
    mask = _mask("2007_000032")
    mask[0, :2] = 21, 77
    _save(mask, root / "SegmentationClass" / "2007_000032.png")
    with pytest.raises(ValueError, match=r"000032.png: it holds class ids 21, 77, none of 0 to 20 or 255"):
        VocSegmentation(root)


def test_a_run_on_vocs_layout_measures_its_pictures(tmp_path: Path) -> None:
    data = f"voc:{_layout(tmp_path / 'voc', augmented=True)}"
    how = {
        "data": data,
        "window": 32,
        "batch_size": 2,
        "accelerator": "cpu",
        "devices": 1,
        "out": str(tmp_path / "run"),
    }
    run = fit(TrainConfig(task="semantic", max_steps=2, **how))
    pictures = VocSegmentation(tmp_path / "voc", "test")
    assert run.scores == task_named("semantic").evaluate(run.model, pictures, run.config)
    counted = int((pictures.segmented(0)[1] != 255).sum())
    with torch.no_grad():
        image, mask = pictures.segmented(0)
        right = run.model((image[None].float() / 255 - 0.5) / 0.25)[0].argmax(0) == mask
    assert run.scores["pixel_accuracy"].value == int(right.sum()) / counted
