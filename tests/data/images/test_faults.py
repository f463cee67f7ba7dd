"""Files that cannot be used are all named; unusual ones are read."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import resize

from antialias.data import ImageFolder
from antialias.data.images import BrokenData, Fault, image_size, raise_or_report, read_crop, read_image, value_or_fault


def test_unusual_pictures_are_read(tmp_path: Path) -> None:
    for mode in ("L", "CMYK", "RGBA", "1", "P"):
        file = tmp_path / f"{mode}.tif"
        Image.new(mode, (5, 4)).save(file)
        assert read_image(file).shape == (3, 4, 5)
    Image.fromarray(np.array([[0, 256, 65535]], dtype=np.uint16)).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png").tolist() == [[[0, 1, 255]]] * 3


def test_a_rotated_picture_is_turned_upright(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 255]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    picture.save(tmp_path / "turned.png", exif=exif)
    assert read_image(tmp_path / "turned.png")[0].tolist() == [[0], [255]]


def _whole(root: Path) -> Path:
    (root / "cat").mkdir()
    noise = torch.randint(256, (40, 40, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    Image.fromarray(noise.numpy()).save(root / "cat" / "whole.png")
    return root


def _folder(root: Path) -> Path:
    _whole(root)
    content = (root / "cat" / "whole.png").read_bytes()
    (root / "cat" / "cut.png").write_bytes(content[: len(content) // 2])
    (root / "cat" / "corrupt.jpg").write_bytes(b"not a picture")
    (root / "cat" / "empty.jpg").touch()
    return root


def test_skipping_names_everything_it_leaves_out(tmp_path: Path) -> None:
    said = (
        r"3 cannot be used and are left out:\n.*corrupt.jpg: it is not .*\n.*cut.png: it is not .*\n.*empty.jpg: it is"
    )
    with pytest.warns(UserWarning, match=said):
        data = ImageFolder(_folder(tmp_path), on_broken="skip", size=8)
    assert [file.name for file, _ in data.files] == ["whole.png"]
    assert [Path(fault.name).name for fault in data.faults] == ["corrupt.jpg", "cut.png", "empty.jpg"]
    assert data.check() == []


def test_checking_decodes_what_opening_does_not(tmp_path: Path) -> None:
    data = ImageFolder(_whole(tmp_path), on_broken="skip", size=8)
    (tmp_path / "cat" / "whole.png").write_bytes(b"gone since")
    with pytest.warns(UserWarning, match="1 cannot be used"), pytest.raises(ValueError, match="none of 1 pictures"):
        data.check()


def test_stopping_names_every_file(tmp_path: Path) -> None:
    with pytest.raises(BrokenData, match=r"3 cannot be used. Repair them, or use on_broken='skip':\n") as said:
        ImageFolder(_folder(tmp_path))
    assert len(said.value.faults) == 3


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "PPM"])
def test_opening_sees_a_cut_anywhere(tmp_path: Path, format: str) -> None:
    noise = torch.randint(256, (24, 30, 3), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    file = tmp_path / "a.bin"
    Image.fromarray(noise.numpy()).save(file, format)
    content = file.read_bytes()
    assert (image_size(file), tuple(read_image(file).shape)) == ((24, 30), (3, 24, 30))
    for end in range(1, len(content), max(1, len(content) // 40)):
        file.write_bytes(content[:end])
        assert isinstance(value_or_fault(image_size, file), Fault), end


def test_opening_sees_what_decoding_a_damaged_png_would(tmp_path: Path) -> None:
    draws = random.Random(0)
    file = tmp_path / "a.png"
    Image.fromarray(np.frombuffer(draws.randbytes(24 * 30 * 3), dtype=np.uint8).reshape(24, 30, 3)).save(file)
    content, refused = file.read_bytes(), 0
    for _ in range(150):
        damaged = bytearray(content)
        start = draws.randrange(len(content) - 8)
        damaged[start : start + 8] = draws.randbytes(8)
        file.write_bytes(damaged)
        undecodable = isinstance(value_or_fault(read_image, file), Fault)
        refused += undecodable
        assert isinstance(value_or_fault(image_size, file), Fault) or not undecodable
    assert refused > 100


def test_a_jpeg_with_more_behind_its_end_is_read_and_one_without_end_is_not(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    Image.new("RGB", (30, 24), (200, 100, 50)).save(file)
    content = file.read_bytes()
    file.write_bytes(content + b"and a remark of a camera's" * 9)
    assert image_size(file) == (24, 30)
    assert read_image(file).shape == (3, 24, 30)
    file.write_bytes(content[:-2])
    assert isinstance(value_or_fault(image_size, file), Fault)


def test_the_size_of_a_turned_picture_is_the_upright_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("turned.jpg", "turned.png"):
        Image.new("RGB", (30, 24)).save(tmp_path / name, exif=exif)
        assert image_size(tmp_path / name) == (30, 24)
        assert read_image(tmp_path / name).shape == (3, 30, 24)


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
        raise_or_report([Fault("a", "b")], "ask")  # type: ignore[arg-type]


def test_a_part_of_a_large_jpeg_is_decoded_smaller_and_is_the_same_part(tmp_path: Path) -> None:
    smooth = torch.stack(torch.meshgrid(torch.arange(320), torch.arange(400), indexing="ij"))
    pixels = torch.stack([*(smooth / torch.tensor([320, 400]).view(2, 1, 1)), torch.zeros(320, 400)])
    picture = Image.fromarray((pixels * 255).byte().permute(1, 2, 0).numpy())
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise, so upright it is 400 high
    for name, options in (("upright.jpg", {}), ("turned.jpg", {"exif": exif}), ("upright.png", {})):
        picture.save(tmp_path / name, quality=95, **options) if "jpg" in name else picture.save(tmp_path / name)
    seen: list[tuple[int, int]] = []

    def choose(height: int, width: int) -> tuple[int, int, int, int]:
        seen.append((height, width))
        return 80, 40, 200, 240

    small, turned, whole = (
        read_crop(tmp_path / name, choose, 16) for name in ("upright.jpg", "turned.jpg", "upright.png")
    )
    assert seen == [(320, 400), (400, 320), (320, 400)]
    assert small.shape == (3, 16, 16)
    assert (small.int() - whole.int()).abs().max() <= 3
    upright = read_image(tmp_path / "turned.jpg")[:, 80:280, 40:280]
    expected = resize(upright, [16, 16], antialias=True)
    assert (turned.int() - expected.int()).abs().max() <= 3
    smallest = read_crop(tmp_path / "upright.jpg", lambda *_: (319, 399, 1, 1), 4)
    assert (smallest[:2].int() - 254).abs().max() <= 3


def test_a_part_decoded_smaller_is_nearly_what_it_would_be_of_the_whole(tmp_path: Path) -> None:
    coarse = torch.randint(256, (3, 40, 40), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    pixels = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(tmp_path / "a.jpg", quality=95)
    for length, side in ((64, 32), (128, 32), (256, 32)):
        found = read_crop(tmp_path / "a.jpg", lambda *_, length=length: (32, 64, length, length), side)
        whole = read_image(tmp_path / "a.jpg")[:, 32 : 32 + length, 64 : 64 + length]
        expected = resize(whole, [side, side], antialias=True)
        assert (found.int() - expected.int()).abs().float().mean() < 4
