"""Files that lie about what is in them: cut but ended properly, too large, or programs."""

from __future__ import annotations

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from antialias.data.images import image_size, read_class_ids, read_crop, read_image
from antialias.explore._images import Limits, Refused, decode

PIXELS = np.random.default_rng(0).integers(1, 255, (64, 80, 3), dtype=np.uint8)


def encoded(format: str, pixels: np.ndarray = PIXELS, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format, **options)
    return stream.getvalue()


def png(rows: int, *, interlaced: bool = False, height: int = 64, end: bytes = b"IEND") -> bytes:
    """Return a PNG of grey 80 pixels wide that has the data of some of its rows."""
    data = b"".join(b"\0" + bytes([9]) * 80 for _ in range(rows))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 80, height, 8, 0, 0, 0, interlaced)), (b"IDAT", zlib.compress(data))]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in (*parts, (end, b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def few_strips(options: dict[str, object]) -> bytes:
    """Return a TIFF that lists half of its strips or tiles."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, PIXELS, photometric="rgb", **options)
    content = bytearray(stream.getvalue())
    (directory,) = struct.unpack_from("<I", content, 4)
    for entry in range(struct.unpack_from("<H", content, directory)[0]):
        place = directory + 2 + 12 * entry
        tag, _, count, _ = struct.unpack_from("<HHII", content, place)
        if tag in (273, 279, 324, 325):
            struct.pack_into("<I", content, place + 4, count // 2)
    return bytes(content)


BASELINE, PROGRESSIVE = encoded("JPEG", quality=95), encoded("JPEG", quality=95, progressive=True)
CUT = {
    "PNG of fewer rows": (png(40), "ends early: 3,240 bytes of pixels are there, 5,184 are needed"),
    "PNG without an end": (png(64)[:-9], "ends early: it is a PNG without an end"),
    "JPEG, ended": (BASELINE[: len(BASELINE) // 2] + b"\xff\xd9", "ends early: it is a JPEG whose last pixels"),
    "JPEG, zeros": (BASELINE[: len(BASELINE) // 2].ljust(len(BASELINE), b"\0"), "ends early: it is a JPEG without"),
    "progressive, ended": (PROGRESSIVE[: len(PROGRESSIVE) // 2] + b"\xff\xd9", "ends early: it is a JPEG that lacks"),
    "TIFF of fewer strips": (few_strips({"rowsperstrip": 8}), "ends early: its strips or tiles are 50% of it"),
    "TIFF of fewer tiles": (few_strips({"tile": (16, 16)}), "ends early: its strips or tiles are 50% of it"),
}


@pytest.mark.parametrize("kind", CUT)
def test_what_is_cut_and_ended_is_no_picture(tmp_path: Path, kind: str) -> None:
    content, reason = CUT[kind]
    (tmp_path / "a.png").write_bytes(content)
    for read in (read_image, lambda file: read_crop(file, lambda height, width: (0, 0, height, width), 8)):
        with pytest.raises(ValueError, match=re.escape(f"a.png {reason}") + ".*Remove or replace it"):
            read(tmp_path / "a.png")
    if "TIFF" not in kind:
        with pytest.raises(Refused, match="cannot be decoded .it ends early: "):
            decode(content, Limits())


def test_masks_that_are_cut_and_ended_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(63))
    with pytest.raises(ValueError, match="a.png ends early: 5,103 bytes of pixels are there, 5,184 are needed"):
        read_class_ids(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["PNG without an end", "JPEG, zeros"])
def test_opening_sees_a_missing_end(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(CUT[kind][0])
    with pytest.raises(ValueError, match=r"a\.png (ends early|is not a readable picture .truncated PNG file)"):
        image_size(tmp_path / "a.png")


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8, 9, 33])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("interlace", [0, 1])
def test_black_pngs_of_any_kind_are_whole(tmp_path: Path, mode: str, side: int, interlace: int) -> None:
    Image.new(mode, (side, 5)).save(tmp_path / "a.png")
    if interlace:  # as many bytes as the seven passes have, all zero
        content = (tmp_path / "a.png").read_bytes()
        bits, channels = {"1": (1, 1), "I;16": (16, 1)}.get(mode, (8, {"LA": 2, "RGB": 3, "RGBA": 4}.get(mode, 1)))
        wide, high = np.arange(side), np.arange(5)
        passes = [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)]
        sizes = [(len(wide[x::dx]), len(high[y::dy])) for x, dx, y, dy in passes]
        data = zlib.compress(bytes(sum(h * (1 + -(-w * bits * channels // 8)) for w, h in sizes if w and h)))
        start = content.index(b"IDAT") - 4
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        head = bytearray(content[:start])
        head[28] = 1
        head[29:33] = struct.pack(">I", zlib.crc32(head[12:29]))
        idat = struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))
        (tmp_path / "a.png").write_bytes(bytes(head) + idat + content[end:])
    assert read_image(tmp_path / "a.png").count_nonzero() == 0
    assert image_size(tmp_path / "a.png") == (5, side)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 2}])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_grey_jpegs_are_whole(tmp_path: Path, mode: str, options: dict[str, object]) -> None:
    grey = Image.new(mode, (21, 13), {"L": 128, "RGB": (128,) * 3, "CMYK": (127,) * 4}[mode])
    grey.save(tmp_path / "a.jpg", **options)
    assert read_image(tmp_path / "a.jpg").shape == (3, 13, 21)
    assert read_crop(tmp_path / "a.jpg", lambda height, width: (0, 0, height, width), 2).shape == (3, 2, 2)
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes() + b"a remark" * 40)
    assert image_size(tmp_path / "a.jpg") == (13, 21)


def test_large_pictures_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for format in ("PNG", "WEBP", "JPEG", "TIFF"):
        (tmp_path / format).write_bytes(encoded(format, np.zeros((90, 100, 3), np.uint8)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8999)
    fix = "Make it smaller, or raise PIL.Image.MAX_IMAGE_PIXELS."
    for format, most in (("PNG", "8,999"), ("WEBP", "4,499"), ("JPEG", "8,999"), ("TIFF", "8,999")):
        message = f"{format} is a {format} of 100 x 90 pixels, more than {most}. {fix}"
        with pytest.warns(Image.DecompressionBombWarning), pytest.raises(ValueError, match=message):
            read_image(tmp_path / format)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4000)
    with pytest.raises(ValueError, match=r"PNG is too large \(Image size .9000 pixels. exceeds limit of 8000 pixels"):
        read_image(tmp_path / "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_image(tmp_path / "PNG").shape == (3, 90, 100)


def test_programs_are_no_pictures(tmp_path: Path) -> None:
    """PIL would have them run."""
    (tmp_path / "a.png").write_bytes(encoded("EPS"))
    with pytest.raises(ValueError, match=r"a.png is not a readable picture .of no known format"):
        read_image(tmp_path / "a.png")
    assert torch.equal(read_image_of(encoded("BMP"), tmp_path), torch.from_numpy(PIXELS).permute(2, 0, 1))


def read_image_of(content: bytes, folder: Path) -> torch.Tensor:
    (folder / "b.png").write_bytes(content)
    return read_image(folder / "b.png")
