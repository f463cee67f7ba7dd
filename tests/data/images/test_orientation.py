"""Which way up an image is: one rule for its size, its pixels, its parts and its class ids."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from antialias.data.images import Fault, image_size, read_class_ids, read_crop, read_image, value_or_fault

from .test_values import chunk

WORDS = (
    ("top-left", "Horizontal (normal)"),
    ("top-right", "Mirror horizontal"),
    ("bottom-right", "Rotate 180"),
    ("bottom-left", "Mirror vertical"),
    ("left-top", "Mirror horizontal and rotate 270 CW"),
    ("right-top", "Rotate 90 CW"),
    ("right-bottom", "Mirror horizontal and rotate 90 CW"),
    ("left-bottom", "Rotate 270 CW"),
)
PIXELS = Image.fromarray((np.arange(35).reshape(5, 7) * 7).astype(np.uint8))


def exif(value: int | str) -> bytes:
    """Return EXIF of one entry, whose orientation is a number or a text."""
    data = struct.pack("<H", value) if isinstance(value, int) else value.encode() + b"\0"
    place = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", 26)
    kind, count = (3, 1) if isinstance(value, int) else (2, len(data))
    entry = struct.pack("<HHHI", 1, 0x0112, kind, count)
    return b"Exif\0\0II*\0" + struct.pack("<I", 8) + entry + place + b"\0" * 4 + data


def xmp(value: str, form: str = '<x tiff:Orientation="{}"/>') -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{form.format(value)}</x:xmpmeta>'.encode()


def expected(number: int) -> torch.Tensor:
    """Return what PIL makes of the tag as a number, which is the outside reference."""
    turned = PIXELS.copy()
    turned.getexif()[0x0112] = number
    turned.info["exif"] = turned.getexif().tobytes()
    return torch.from_numpy(np.array(ImageOps.exif_transpose(turned)))


def check(file: Path, number: int, tolerance: int = 0) -> None:
    upright = expected(number)
    assert image_size(file) == upright.shape
    assert (read_image(file)[1].int() - upright.int()).abs().max() <= tolerance
    if file.suffix in (".png", ".tif"):
        assert torch.equal(read_class_ids(file), upright.int())

    def rows(height: int, width: int) -> tuple[int, int, int, int]:
        assert (height, width) == upright.shape
        return 0, 0, 5, 5

    assert (read_crop(file, rows, 5)[0].int() - upright[:5, :5].int()).abs().max() <= tolerance


def test_the_reference_turns() -> None:
    assert torch.equal(expected(6), torch.from_numpy(np.rot90(np.array(PIXELS), -1).copy()))


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
def test_exif_says_it_as_number_or_text(tmp_path: Path, suffix: str, number: int) -> None:
    how = {"jpg": {"quality": 100}, "webp": {"lossless": True}}.get(suffix, {})
    for said in (number, str(number), *WORDS[number - 1]):
        if suffix == "tif":
            tags = ImageFileDirectory_v2()
            tags.tagtype[0x0112] = 3 if isinstance(said, int) else 2
            tags[0x0112] = said
            PIXELS.save(tmp_path / "a.tif", tiffinfo=tags)
        else:
            PIXELS.convert("RGB" if suffix == "webp" else "L").save(tmp_path / f"a.{suffix}", exif=exif(said), **how)
        check(tmp_path / f"a.{suffix}", number, 3 if suffix == "jpg" else 0)


FORMS = ('<x tiff:Orientation="{}"/>', "<x tiff:Orientation = '{}'/>", "<tiff:Orientation>{}</tiff:Orientation>")
WRITERS: dict[str, Callable[[Path, bytes, int | None], None]] = {
    "jpg": lambda file, packet, tag: PIXELS.save(file, quality=100, xmp=packet, **_tag(tag)),
    "webp": lambda file, packet, tag: PIXELS.convert("RGB").save(file, lossless=True, xmp=packet, **_tag(tag)),
    "tif": lambda file, packet, tag: PIXELS.save(file, tiffinfo={700: packet} | ({} if tag is None else {0x0112: tag})),
    "png": lambda file, packet, tag: _png(file, packet, tag, late=False),
    "late.png": lambda file, packet, tag: _png(file, packet, tag, late=True),
}


def _tag(value: int | None) -> dict[str, bytes]:
    return {} if value is None else {"exif": exif(value)}


def _png(file: Path, packet: bytes, tag: int | None, *, late: bool) -> None:
    """Write metadata in front of the pixels, or behind them."""
    PIXELS.save(file)
    content = file.read_bytes()
    place = content.index(b"IEND" if late else b"IDAT") - 4
    chunks = [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)]
    if tag is not None:
        chunks.append((b"eXIf", exif(tag).removeprefix(b"Exif\0\0")))
    file.write_bytes(content[:place] + b"".join(chunk(name, data) for name, data in chunks) + content[place:])


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("number", [1, 3, 5, 6])
def test_xmp_says_it_where_exif_does_not(tmp_path: Path, suffix: str, number: int) -> None:
    file, write = tmp_path / f"a.{suffix}", WRITERS[suffix]
    tolerance = 3 if suffix == "jpg" else 0
    for form in (
        '<x tiff:Orientation="{}"/>',
        "<x tiff:Orientation = '{}'/>",
        "<tiff:Orientation>{}</tiff:Orientation>",
    ):
        write(file, xmp(str(number), form), None)
        check(file, number, tolerance)
    write(file, xmp(str(number)), 0)
    check(file, number, tolerance)
    write(file, xmp("8"), number)
    check(file, number, tolerance)


@pytest.mark.parametrize("said", [9, "9", "sideways", "-6"])
def test_an_orientation_that_is_none_is_refused_by_name(tmp_path: Path, said: int | str) -> None:
    file = tmp_path / "a.png"
    PIXELS.save(file, exif=exif(said))
    for read in (image_size, read_image, read_class_ids):
        assert value_or_fault(read, file) == Fault(str(file), f"it has the orientation {said!r}, none of 1 to 8")
    _png(file, xmp("12"), None, late=False)
    assert value_or_fault(read_image, file) == Fault(str(file), "it has the orientation 12 in XMP, none of 1 to 8")
