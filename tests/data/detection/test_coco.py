"""A COCO layout made by hand, and what is said of every way to break it."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as rle

from antialias.data import CocoInstances, DetectionDataset, open_data

HEIGHT, WIDTH = 20, 30
POLYGON = [[4, 3, 14, 3, 14, 11, 4, 11]]


def _rectangle(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    mask[top : top + height, left : left + width] = 1
    return mask


def _run_lengths(mask: np.ndarray) -> dict[str, Any]:
    """Return the lengths of runs down the columns, beginning with zeros."""
    flat = mask.flatten(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], ends, [flat.size]])).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": [0, *runs] if flat[0] else runs}


def _compressed(mask: np.ndarray) -> dict[str, Any]:
    code = rle.encode(mask)
    return {"size": code["size"], "counts": code["counts"].decode()}


def _annotation(number: int, image: int, category: int, box: list[float], shape: Any, **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, "bbox": box, "segmentation": shape, **more}


def _content() -> dict[str, Any]:
    images = [{"id": 10 * i, "file_name": f"{i}.png", "height": HEIGHT, "width": WIDTH} for i in range(1, 4)]
    return {
        "images": images,
        "categories": [{"id": 44, "name": "dog"}, {"id": 7, "name": "cat"}],
        "annotations": [
            _annotation(1, 10, 44, [4, 3, 10, 8], POLYGON),
            _annotation(2, 10, 7, [20, 5, 6, 6], _run_lengths(_rectangle(5, 20, 6, 6)), iscrowd=1),
            _annotation(3, 20, 7, [0, 0, 9, 5], _compressed(_rectangle(0, 0, 5, 9)), iscrowd=0),
        ],
    }


def _layout(root: Path, content: dict[str, Any], name: str = "train2017", folder: str = "") -> Path:
    pictures = root / (folder or name)
    pictures.mkdir(parents=True)
    for image in content["images"]:
        Image.new("RGB", (WIDTH, HEIGHT), (image["id"],) * 3).save(pictures / image["file_name"])
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / f"instances_{name}.json").write_text(json.dumps(content))
    return root


def test_polygons_run_lengths_and_crowds_are_read(tmp_path: Path) -> None:
    data = open_data(f"coco:{_layout(tmp_path, _content())}", "train", want="instances")
    assert isinstance(data, DetectionDataset)
    assert (data.classes, len(data)) == (("cat", "dog"), 3)
    assert data.name(0) == str(tmp_path / "train2017" / "1.png")
    first, second, third = (data.annotated(i) for i in range(3))
    assert first.boxes.tolist() == [[4, 3, 14, 11], [20, 5, 26, 11]]
    assert (first.labels.tolist(), first.crowd.tolist(), first.image_id) == ([1, 0], [False, True], 10)
    expected = [_rectangle(3, 4, 8, 10), _rectangle(5, 20, 6, 6)]
    assert torch.equal(first.masks, torch.from_numpy(np.stack(expected)).bool())
    assert torch.equal(second.masks[0], torch.from_numpy(_rectangle(0, 0, 5, 9)).bool())
    assert (third.masks.shape, third.boxes.shape, third.image[0, 0, 0].item()) == ((0, HEIGHT, WIDTH), (0, 4), 30)


def test_masks_are_those_of_pycocotools(tmp_path: Path) -> None:
    content = _content()
    star = [[15.5, 1.2, 18.0, 8.0, 27.3, 8.4, 20.1, 12.0, 23.0, 19.1, 15.0, 14.9, 6.2, 18.8, 10.0, 12.0], POLYGON[0]]
    content["annotations"] = [_annotation(1, 20, 7, [4, 1, 23, 18], star)]
    mask = CocoInstances(_layout(tmp_path, content)).annotated(1).masks[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its arrays and numpy 2
        expected = rle.decode(rle.merge(rle.frPyObjects(star, HEIGHT, WIDTH)))
    assert mask.sum() > 100
    assert np.array_equal(mask.numpy(), expected.astype(bool))


def test_other_names_and_places_do_as_well(tmp_path: Path) -> None:
    _layout(tmp_path, _content(), "train", "images/train")
    _layout(tmp_path, _content(), "val2017")
    assert len(CocoInstances(tmp_path, "train")) == len(CocoInstances(tmp_path, "test")) == 3
    assert CocoInstances(tmp_path, "test").name(0).endswith("val2017/1.png")


def test_pictures_without_objects_stay_unless_they_are_not_wanted(tmp_path: Path) -> None:
    root = _layout(tmp_path, _content())
    assert [CocoInstances(root, empty="leave out").annotated(i).image_id for i in range(2)] == [10, 20]
    with pytest.raises(ValueError, match="empty='drop' is unknown. Use one of: keep, leave out."):
        CocoInstances(root, empty="drop")  # type: ignore[arg-type]


def test_a_size_scales_everything(tmp_path: Path) -> None:
    item = open_data(f"coco:{_layout(tmp_path, _content())}", "train", want="instances", size=10).annotated(0)
    assert item.image.shape == (3, 10, 15)
    assert item.masks.shape == (2, 10, 15)
    assert item.boxes[0].tolist() == [2, 1.5, 7, 5.5]


BROKEN = {
    "its bbox [4, 3, 0, 8] has no inside": {"bbox": [4, 3, 0, 8]},
    "its segmentation is empty": {"segmentation": []},
    "a polygon has 4 numbers, not 6, 8, 10 ..": {"segmentation": [[1, 2, 3, 4]]},
    "its run lengths are for (5, 5), the picture is (20, 30)": {"segmentation": {"size": [5, 5], "counts": [25]}},
    "its run lengths cover 25 pixels of 600": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [25]}},
    "its category_id 3 is not listed": {"category_id": 3},
    "its image_id 5 is not listed": {"image_id": 5},
    "its bbox is None": {"bbox": None},
    "its bbox [1, 2, 3] is not x, y, width and height": {"bbox": [1, 2, 3]},
    "its bbox ['a', 3, 5, 8] is not x, y, width and height": {"bbox": ["a", 3, 5, 8]},
    "its bbox [30, 3, 5, 8] lies outside of the picture, which is (20, 30)": {"bbox": [30, 3, 5, 8]},
    "its bbox [-9, 3, 9, 8] lies outside of the picture, which is (20, 30)": {"bbox": [-9, 3, 9, 8]},
    "its segmentation is None": {"segmentation": None},
    "its bbox [4, 3, 1e+300, 8] reaches far beyond the picture, which is (20, 30)": {"bbox": [4, 3, 1e300, 8]},
    "a polygon reaches far beyond the picture, which is (20, 30)": {"segmentation": [[0, 0, 1e9, 0, 0, 9]]},
    "a polygon's lines are 1,160,000 pixels long": {"segmentation": [[0, 0, 29, 9] * 20_000]},
    "its run lengths cover 33554431 pixels of 600": {
        "segmentation": {"size": [20, 30], "counts": "ooooo0"},
    },
    "a polygon is no list of numbers": {"segmentation": [4, 3, 14, 3, 14, 11]},
    "its run lengths lack size or counts": {"segmentation": {"size": [HEIGHT, WIDTH]}},
    "its run lengths are no whole numbers from 0": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": [-5, 605]}},
    "its category_id is 'dog'": {"category_id": "dog"},
    "its image_id is [10]": {"image_id": [10]},
    "its image_id is '10'": {"image_id": "10"},
    "its category_id is True": {"category_id": True},
    "its iscrowd is 'maybe', not 0 or 1": {"iscrowd": "maybe"},
    "its iscrowd is None, not 0 or 1": {"iscrowd": None},
    "its iscrowd is 2, not 0 or 1": {"iscrowd": 2},
    "its iscrowd is [], not 0 or 1": {"iscrowd": []},
    "its bbox [4, '3', 10, 8] is not x, y, width and height": {"bbox": [4, "3", 10, 8]},
    "its bbox [True, 3, 10, 8] is not x, y, width and height": {"bbox": [True, 3, 10, 8]},
}


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_annotation_stops_or_is_reported_and_left_out(tmp_path: Path, reason: str) -> None:
    content = _content()
    content["annotations"][0].update(BROKEN[reason])
    root = _layout(tmp_path, content)
    with pytest.raises(ValueError, match="annotation 1") as stopped:
        CocoInstances(root)
    assert reason in str(stopped.value)
    with pytest.warns(UserWarning, match="annotation 1") as said:
        data = CocoInstances(root, on_broken="skip")
    assert reason in str(said[0].message)
    assert (len(data), data.annotated(0).labels.tolist()) == (3, [0])
    assert [fault.reason for fault in data.faults] == [reason]


def test_crowds_are_read_as_numbers_and_as_text(tmp_path: Path) -> None:
    for number, (said, crowd) in enumerate([(0, 0), (1, 1), ("0", 0), ("1", 1), (" 1 ", 1), (1.0, 1), (False, 0)]):
        content = _content()
        content["annotations"][0]["iscrowd"] = said
        data = CocoInstances(_layout(tmp_path / str(number), content))
        assert data.annotated(0).crowd.tolist() == [bool(crowd), True]


def test_two_images_of_one_file_and_files_without_a_name_are_refused(tmp_path: Path) -> None:
    content = _content()
    root = _layout(tmp_path, content)
    content["images"][2]["file_name"] = "1.png"
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"2017.json lists 1.png for images 10 and 30. Give each its own file."):
        CocoInstances(root, on_broken="skip")
    content["images"][2]["file_name"] = ""
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"2017.json, image 30: its file_name is ''"):
        CocoInstances(root)


def test_entries_that_say_too_little_are_reported_with_everything_else(tmp_path: Path) -> None:
    content = _content()
    root = _layout(tmp_path, content)
    content["annotations"][0].pop("bbox")
    content["annotations"].append(7)
    content["images"][1].pop("height")
    content["images"].append({"file_name": "4.png"})
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="5 cannot be used") as said:
        CocoInstances(root)
    for words in ("image 20: it has no height", "image 3: it has no id", "annotation 1: it has no bbox"):
        assert words in str(said.value)
    assert "annotation 3: it is 7, which says nothing" in str(said.value)
    assert "annotation 3: its image_id 20 is not listed" in str(said.value)
    with pytest.warns(UserWarning, match="5 cannot be used and are left out"):
        data = CocoInstances(root, on_broken="skip")
    assert [data.annotated(i).image_id for i in range(len(data))] == [10, 30]


def test_what_an_entry_says_is_shown_in_a_line(tmp_path: Path) -> None:
    content = _content()
    content["annotations"] += [["a" * 9000], {"id": {"a": "b" * 9000}}]
    content["images"].append({"id": 9, "file_name": "9.png", "height": "7" * 9000, "width": 3})
    root = _layout(tmp_path, _content())
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="3 cannot be used") as said:
        CocoInstances(root)
    assert max(map(len, str(said.value).splitlines())) < 300 + len(str(root))


def test_a_broken_category_is_an_error_since_it_would_shift_the_others(tmp_path: Path) -> None:
    content = _content()
    content["categories"][0].pop("name")
    with pytest.raises(ValueError, match=r"json, category 44 cannot be used: it has no name. Download the file again."):
        CocoInstances(_layout(tmp_path, content), on_broken="skip")


@pytest.mark.parametrize("mode", ["L", "CMYK", "I;16", "turned"])
def test_unusual_pictures_are_read_as_they_are_meant(tmp_path: Path, mode: str) -> None:
    content = _content()
    for image in content["images"]:
        image["file_name"] = f"{image['id']}.tif"
    root = _layout(tmp_path, content)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("L", (HEIGHT, WIDTH)) if mode == "turned" else Image.new(mode, (WIDTH, HEIGHT))
    picture.save(root / "train2017" / "10.tif", **({"exif": exif} if mode == "turned" else {}))
    item = CocoInstances(root).annotated(0)
    assert item.image.shape == (3, HEIGHT, WIDTH)
    assert item.image.unique().tolist() == [255 if mode == "CMYK" else 0]


def test_floats_have_one_range(tmp_path: Path) -> None:
    root = _layout(tmp_path, _content())
    for number, high in ((1, 0.9), (2, 90)):
        file = root / "train2017" / f"{number}.png"
        Image.fromarray(np.full((HEIGHT, WIDTH), high, np.float32)).save(file, format="TIFF")
    with pytest.raises(ValueError, match=r"1\.png: it holds floats up to 0\.9, and .*2\.png up to 90: "):
        open_data(f"coco:{root}", "train", want="instances")


def test_missing_and_empty_pictures_are_all_reported_at_once(tmp_path: Path) -> None:
    root = _layout(tmp_path, _content())
    (root / "train2017" / "1.png").unlink()
    (root / "train2017" / "3.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"(?s)1\.png.*3\.png"):
        CocoInstances(root)
    with pytest.warns(UserWarning, match=r"(?s)1\.png.*3\.png"):
        data = CocoInstances(root, on_broken="skip")
    assert [data.annotated(i).image_id for i in range(len(data))] == [20]


def test_pictures_of_another_size_and_other_files_are_named_at_once(tmp_path: Path) -> None:
    root = _layout(tmp_path, _content())
    Image.new("RGB", (8, 8)).save(root / "train2017" / "1.png")
    (root / "train2017" / "3.png").write_bytes(b"not a picture")
    message = r"(?s)2 cannot be used.*1\.png: it is 8x8, its annotations are for 20x30"
    with pytest.raises(ValueError, match=message) as said:
        CocoInstances(root)
    assert "3.png: it is not a readable picture (of no known format)" in str(said.value)
    with pytest.warns(UserWarning, match="2 cannot be used and are left out"):
        some = CocoInstances(root, on_broken="skip")
    assert (len(some), some.annotated(0).image_id, len(some.faults)) == (1, 20, 2)
    with pytest.raises(ValueError, match="on_broken='go on' is unknown. Use one of: stop, skip."):
        CocoInstances(root, on_broken="go on")  # type: ignore[arg-type]


def test_what_only_reading_shows_is_named(tmp_path: Path) -> None:
    content = _content()
    data = CocoInstances(_layout(tmp_path, content), on_broken="skip")
    Image.new("RGB", (8, 8)).save(tmp_path / "train2017" / "1.png")
    data.images[1].objects[0].segmentation["counts"] = "no run lengths"
    with pytest.raises(ValueError, match="1.png is 8x8, its annotations are for 20x30. Use the pictures that were"):
        data.annotated(0)
    with pytest.raises(ValueError, match=r"instances_train2017.json: a mask of 2.png cannot be read \(.*\). Repair"):
        data.annotated(1)
    with pytest.warns(UserWarning, match=r"(?s)2 cannot be used and are left out.*1\.png.*8x8.*2\.png"):
        assert len(data.check()) == 2
    assert (len(data), data.annotated(0).image_id, len(data.faults)) == (1, 30, 2)


@pytest.mark.parametrize("name", ["../1.png", "/etc/passwd", "a/../../1.png", "..\\1.png", "a\0.png"])
def test_a_file_name_does_not_leave_the_folder_of_images(tmp_path: Path, name: str) -> None:
    root, content = _layout(tmp_path, _content()), _content()
    content["images"][2]["file_name"] = name
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "1.png")
    with pytest.raises(ValueError, match=r"image 30: its file_name '.*' leaves the folder of images"):
        CocoInstances(root)
    with pytest.warns(UserWarning, match="leaves the folder of images"):
        assert len(CocoInstances(root, on_broken="skip")) == 2


def test_more_masks_than_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = CocoInstances(_layout(tmp_path, _content()))
    monkeypatch.setattr("antialias.data.detection._coco._MOST", 1000)
    message = r"1.png has 2 objects, whose masks take 1,200 bytes, more than 1,000. Cut the picture into smaller ones."
    with pytest.raises(ValueError, match=message):
        data.annotated(0)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder. Use coco:DIR with an existing DIR."):
        CocoInstances(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="has no instances_train2017.json or instances_train2014.json or"):
        CocoInstances(tmp_path)
    with pytest.raises(ValueError, match="split='dev' is unknown. Use one of: train, test."):
        CocoInstances(tmp_path, "dev")
    with pytest.raises(ValueError, match="data='coco' names no folder. Use coco:DIR."):
        open_data("coco", want="instances")
    root = _layout(tmp_path, _content(), folder="elsewhere")
    with pytest.raises(FileNotFoundError, match="has no folder train2017 or images/train2017. Put the pictures there."):
        CocoInstances(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"instances_train2017.json is not JSON \(.*\). Download it again."),
        ("[]", r"instances_train2017.json is not JSON \(a list, no object\). Download it again."),
        ('{"images": [], "annotations": []}', "has no 'categories'"),
        ('{"images": [], "annotations": [], "categories": []}', "lists no picture that can be used"),
        (
            json.dumps({**_content(), "images": [{**_content()["images"][0], "file_name": "1.png"}] * 2}),
            "lists 2 images by 1 ids. Give each its own.",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str, message: str) -> None:
    root = _layout(tmp_path, _content())
    (root / "annotations" / "instances_train2017.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        CocoInstances(root)
