"""Files that cannot be used are all named; unusual ones are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from antialias.data import ImageFolder
from antialias.data._faults import Fault, read_picture, settle


def test_unusual_pictures_are_read(tmp_path: Path) -> None:
    for mode in ("L", "CMYK", "RGBA", "1", "P"):
        file = tmp_path / f"{mode}.tif"
        Image.new(mode, (5, 4)).save(file)
        assert read_picture(file).shape == (3, 4, 5)
    Image.fromarray(np.array([[0, 256, 65535]], dtype=np.uint16)).save(tmp_path / "deep.png")
    assert read_picture(tmp_path / "deep.png").tolist() == [[[0, 1, 255]]] * 3


def test_a_rotated_picture_is_turned_upright(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 255]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    picture.save(tmp_path / "turned.png", exif=exif)
    assert read_picture(tmp_path / "turned.png")[0].tolist() == [[0], [255]]


def _folder(root: Path) -> Path:
    (root / "cat").mkdir()
    noise = torch.randint(256, (40, 40, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    Image.fromarray(noise.numpy()).save(root / "cat" / "whole.png")
    content = (root / "cat" / "whole.png").read_bytes()
    (root / "cat" / "cut.png").write_bytes(content[: len(content) // 2])
    (root / "cat" / "corrupt.jpg").write_bytes(b"not a picture")
    (root / "cat" / "empty.jpg").touch()
    return root


def test_skipping_names_everything_it_leaves_out(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"1 cannot be used and are left out:\n.*empty.jpg: it is empty"):
        data = ImageFolder(_folder(tmp_path), on_broken="skip", size=8)
    with pytest.warns(UserWarning, match=r"2 cannot be used and are left out:\n.*corrupt.jpg(.|\n)*cut.png"):
        data.check()
    assert [file.name for file, _ in data.files] == ["whole.png"]
    assert [Path(fault.name).name for fault in data.faults] == ["empty.jpg", "corrupt.jpg", "cut.png"]


def test_stopping_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"1 cannot be used. Repair them, or use on_broken='skip':\n.*empty.jpg"):
        ImageFolder(_folder(tmp_path))


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "empty.jpg").touch()
    with (
        pytest.warns(UserWarning, match="1 cannot be used"),
        pytest.raises(ValueError, match="none of 1 pictures can be used. Use another folder."),
    ):
        ImageFolder(tmp_path, on_broken="skip")


def test_an_unknown_answer_to_faults_is_named() -> None:
    with pytest.raises(ValueError, match="on_broken='ask' is unknown. Use one of: stop, skip."):
        settle([Fault("a", "b")], "ask")  # type: ignore[arg-type]
