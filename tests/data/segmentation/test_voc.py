"""VOC's layout made by hand, and what is said where a part of it is missing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from antialias.data import VocSegmentation, open_data
from antialias.data.images import image_size
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


def _dotted(root: Path, *lines: str) -> Path:
    """Write files whose names have dots and a list of one."""
    _layout(root)
    for number, name in enumerate(("cam", "cam.0001", "cam.0002.v1")):
        Image.new("RGB", (32, 24), (number,) * 3).save(root / "JPEGImages" / f"{name}.png")
        _save(np.full((24, 32), number, np.uint8), root / "SegmentationClass" / f"{name}.png")
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("\n".join(lines))
    return root


@pytest.mark.parametrize(
    "line", ["{}", "{}.png", "{}  1", "JPEGImages/{}.png", "/JPEGImages/{}.png /SegmentationClass/{}.png"]
)
def test_the_file_that_a_list_names_is_read_whatever_dots_it_has(tmp_path: Path, line: str) -> None:
    names = ("cam.0001", "cam", "cam.0002.v1")
    data = VocSegmentation(_dotted(tmp_path, *(line.format(name, name) for name in names)))
    assert [(int(image.max()), int(mask.max())) for image, mask in map(data.segmented, range(3))] == [
        (1, 1),
        (0, 0),
        (2, 2),
    ]


def test_a_list_may_name_a_mask_of_another_name_or_folder(tmp_path: Path) -> None:
    root = _dotted(tmp_path, "JPEGImages/cam.png SegmentationClass/cam.0001.png", "cam.png more/cam.png")
    _save(np.full((24, 32), 9, np.uint8), root / "more" / "cam.png")
    data = VocSegmentation(root)
    assert [int(data.segmented(number)[1].max()) for number in (0, 1)] == [1, 9]


def test_two_files_for_one_name_are_an_error_and_the_ending_settles_it(tmp_path: Path) -> None:
    root = _dotted(tmp_path, "cam.0001")
    Image.new("RGB", (32, 24)).save(root / "JPEGImages" / "cam.0001.JPG")
    Image.new("RGB", (32, 24)).save(root / "JPEGImages" / "._cam.0002.v1.jpg")
    message = "JPEGImages has cam.0001.JPG and cam.0001.png for the name 'cam.0001'. Keep one of them."
    for on_broken in ("stop", "skip"):
        with pytest.raises(ValueError, match=message):
            VocSegmentation(root, on_broken=on_broken)  # type: ignore[arg-type]
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text("cam.0001.png\ncam.0002.v1\n")
    assert _names(VocSegmentation(root)) == ["cam.0001", "cam.0002.v1"]
    Image.new("L", (32, 24)).save(root / "SegmentationClass" / "cam.0001.tif")
    with pytest.raises(
        ValueError, match=r"SegmentationClass has cam.0001.png and cam.0001.tif for the name 'cam.0001'"
    ):
        VocSegmentation(root)


def test_a_picture_that_a_list_repeats_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def size_of(file: Path, **options: Any) -> tuple[int, ...]:
        looked.append(file.stem)
        return image_size(file, **options)

    monkeypatch.setattr("antialias.data.segmentation._mask_files.image_size", size_of)
    data = VocSegmentation(_dotted(tmp_path, *["cam", "cam.0001"] * 3))
    assert (len(data), sorted(looked)) == (6, ["cam", "cam.0001"])


def test_a_name_without_a_file_is_missed_under_that_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"(?s)2 cannot be used.*JPEGImages/cam.0009.jpg: it is missing.*cam.0009.png"):
        VocSegmentation(_dotted(tmp_path, "cam.0009"))


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
