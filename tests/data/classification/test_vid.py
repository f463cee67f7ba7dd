"""ImageNet VID's layout: which frames, what is in them, and what is said when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from antialias.data import BrokenData, VideoFrames, open_data
from antialias.data.classification._vid import MAPPING, VideoClass, read_video_classes

CLASSES = """
# two of the thirty
n02691156 airplane: 404 n02690373 895
n02958343 motor car: 436, 511  # and more
"""


def layout(root: Path, videos: dict[str, tuple[int, list[str]]], mapping: str = CLASSES) -> Path:
    """Write videos of so many frames whose brightness is their number, with what is in all of them."""
    (root / MAPPING).write_text(mapping)
    for video, (length, synsets) in videos.items():
        pictures, annotations = (root / kind / "VID" / "val" / video for kind in ("Data", "Annotations"))
        pictures.mkdir(parents=True)
        annotations.mkdir(parents=True)
        objects = "".join(f"<object><name>{synset}</name></object>" for synset in synsets)
        for number in range(length):
            Image.new("RGB", (48, 40), (number,) * 3).save(pictures / f"{number:06}.JPEG", quality=100)
            (annotations / f"{number:06}.xml").write_text(f"<annotation>{objects}</annotation>")
    return root


TWO = {"flight": (10, ["n02691156"]), "street": (13, ["n02958343", "n02958343", "n02691156"]), "sky": (5, [])}


def test_frames_lie_at_one_two_and_three_fifths(tmp_path: Path) -> None:
    data = open_data(f"vid:{layout(tmp_path, TWO)}", "test", size=32)
    assert data.videos == ("flight", "sky", "street")
    frames = list(data.frames([0, 2]))
    assert {frame.shape for frame in frames} == {(3, 32, 32)}
    assert [round(float(255 * frame.mean())) for frame in frames] == [2, 4, 6, 2, 5, 7]
    assert data.truths([0, 1, 2]).tolist() == [[True, False]] * 3 + [[False, False]] * 3 + [[True, True]] * 3
    assert data.classes == ("airplane", "motor car")
    assert data.groups == [(404, 895), (436, 511)]


def test_floats_have_one_range(tmp_path: Path) -> None:
    frames = layout(tmp_path, TWO) / "Data" / "VID" / "val"
    for video, high in (("flight", 0.9), ("sky", 90)):
        Image.new("F", (48, 40), high).save(frames / video / f"{2 if video == 'flight' else 1:06}.JPEG", format="TIFF")
    with pytest.raises(
        BrokenData, match=r"flight/000002\.JPEG: it holds floats up to 0\.9, and .*sky/000001\.JPEG up to 90"
    ):
        open_data(f"vid:{tmp_path}", "test", size=32)


def test_lines_of_the_mapping_are_read_with_numbers_and_synsets(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text(CLASSES)
    assert read_video_classes(tmp_path / "m.txt")[0] == VideoClass("n02691156", "airplane", (404, 895))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("airplane: 404\n", "m.txt, line 1: 'airplane: 404' is no class. Write SYNSET NAME: ID ID ..., as n02691156"),
        ("\nn02691156 airplane:\n", "m.txt, line 2: 'n02691156 airplane:' is no class."),
        (
            "n02691156 airplane: 1000\n",
            "line 1: 1000 is none of ImageNet's 1000 classes. Use a number from 0 to 999 or",
        ),
        ("n02691156 airplane: n02690374\n", "n02690374 is none of .* or a WordNet id, such as n02690373"),
        ("n02691156 airplane: 404\n", "m.txt names 1 classes. Write a line for each of two or more."),
        ("n02691156 a: 1\nn02691157 b: 2 1\n", "m.txt: a and b both have ImageNet class 1. Leave it to one of them."),
        ("n02691156 a: 1\nn02691156 b: 2\n", "m.txt: a and b both have n02691156. Leave it to one of them."),
    ],
)
def test_a_wrong_mapping_is_explained(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_video_classes(tmp_path / "m.txt")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match="VID/val is not there: .* holds nothing. Use vid:DIR with Data/VID/val"
    ):
        VideoFrames(tmp_path)
    layout(tmp_path, TWO)
    (tmp_path / MAPPING).unlink()
    with pytest.raises(FileNotFoundError, match=f"{MAPPING} is not a file. Write a line for each class of the videos"):
        VideoFrames(tmp_path)
    with pytest.raises(ValueError, match="split='train' of vid:.* is not for training. Use it to evaluate."):
        open_data(f"vid:{tmp_path}", "train")
    layout(tmp_path / "no videos", {}) if (tmp_path / "no videos").mkdir() else None
    for kind in ("Data", "Annotations"):
        (tmp_path / "no videos" / kind / "VID" / "val").mkdir(parents=True)
    (tmp_path / "no videos" / MAPPING).write_text(CLASSES)
    with pytest.raises(FileNotFoundError, match="val holds nothing, no folder of a video. Unpack VID there."):
        VideoFrames(tmp_path / "no videos")


def _broken(root: Path) -> Path:
    layout(root, {**TWO, "short": (4, ["n02691156"]), "other": (5, ["n01443537"]), "cut": (5, []), "mute": (5, [])})
    frame = root / "Data" / "VID" / "val" / "cut" / "000002.JPEG"
    frame.write_bytes(frame.read_bytes()[:-40])
    (root / "Annotations" / "VID" / "val" / "mute" / "000001.xml").unlink()
    (root / "Annotations" / "VID" / "val" / "mute" / "000003.xml").write_text("<annotation>")
    return root


def test_everything_that_is_broken_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BrokenData, match=r"7 cannot be used. Repair them") as said:
        VideoFrames(_broken(tmp_path))
    for words in (
        r"short: it has 4 frames, and 5 are needed",
        r"other/000001.xml: it names n01443537, which imagenet_classes.txt does not map",
        r"cut/000002.JPEG: it ends early",
        r"mute/000001.xml: it is missing",
        r"mute/000003.xml: it is no XML (no element found",
    ):
        assert words in str(said.value)


def test_broken_videos_are_left_out_as_a_whole(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="7 cannot be used and are left out"):
        data = VideoFrames(_broken(tmp_path), on_broken="skip")
    assert data.videos == ("flight", "sky", "street")
    assert data.check() == []
    (tmp_path / "Data" / "VID" / "val" / "sky" / "000002.JPEG").write_bytes(b"gone since")
    with pytest.warns(UserWarning, match="1 cannot be used"):
        assert len(data.check()) == 1
    assert data.videos == ("flight", "street")


def test_frames_are_in_the_order_of_their_numbers_and_have_a_name_each(tmp_path: Path) -> None:
    root = layout(tmp_path, {"flight": (20, []), "street": (5, [])})
    for kind, ending in (("Data", "JPEG"), ("Annotations", "xml")):
        folder = root / kind / "VID" / "val" / "flight"
        for number in range(20):
            (folder / f"{number:06}.{ending}").rename(folder / f"{number}.{ending}")
    (root / "Data" / "VID" / "val" / ".ipynb_checkpoints").mkdir()
    data = VideoFrames(root, size=8)
    assert [round(float(255 * frame.mean())) for frame in data.frames([0])] == [4, 8, 12]
    frame = root / "Data" / "VID" / "val" / "street" / "000001"
    frame.with_suffix(".jpg").write_bytes(frame.with_suffix(".JPEG").read_bytes())
    with pytest.raises(BrokenData, match="street: it has two frames of the name 000001"):
        VideoFrames(root, size=8)


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    layout(tmp_path, {"short": (4, [])})
    with (
        pytest.warns(UserWarning, match="1 cannot be used"),
        pytest.raises(ValueError, match="no video can be used: 1 faults were found. Use another folder."),
    ):
        VideoFrames(tmp_path, on_broken="skip")


def test_only_chosen_frames_are_read(tmp_path: Path) -> None:
    root = layout(tmp_path, {"flight": (10, [])})
    (root / "Data" / "VID" / "val" / "flight" / "000003.JPEG").write_bytes(b"nobody looks here")
    assert torch.stack(list(VideoFrames(root, size=8).frames([0]))).shape == (3, 3, 8, 8)
