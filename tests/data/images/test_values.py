"""What the numbers in a file mean: bytes by stated rules, class ids as they are stored, everything else refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from antialias.data import ImageFolder
from antialias.data.images import Fault, image_size, read_class_ids, read_image, value_or_fault
from antialias.data.segmentation._mask_files import ImageAndMask, MaskFiles

UNREAD = "it is not a readable picture (a TIFF that is cut short, or of numbers or channels that PIL does not read, "
UNREAD += "such as colours as floats: save those with 8 bits)"
IDS = np.random.default_rng(0).integers(0, 2, (5, 11))


def write_png(file: Path, channels: np.ndarray, bits: int, kind: int, *chunks: tuple[bytes, bytes]) -> None:
    """Write `(H, W, C)` numbers as a PNG of a bit depth and a kind of colour that PIL cannot write."""
    height, width, _ = channels.shape
    if bits == 16:
        rows = channels.astype(">u2").reshape(height, -1).view(np.uint8)
    else:
        each = np.unpackbits(channels.reshape(height, -1, 1).astype(np.uint8), axis=2)[:, :, 8 - bits :]
        rows = np.packbits(each.reshape(height, -1), axis=1)
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    listed = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in listed))


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a part of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def stored(top: int, channels: int = 1) -> np.ndarray:
    """Return numbers of which the largest is `top`."""
    values = np.random.default_rng(1).integers(0, top, (5, 11, channels), endpoint=True)
    values[0, 0], values[0, 1] = top, 0
    return values


@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        *((kind, bits) for kind in ("grey", "one transparent grey") for bits in (1, 2, 4, 8, 16)),
        *((kind, bits) for kind in ("palette", "transparent palette") for bits in (1, 2, 4, 8)),
        *(("grey and alpha", bits) for bits in (8, 16)),
    ],
)
def test_a_png_holds_the_ids_that_were_written(tmp_path: Path, kind: str, bits: int) -> None:
    file, top = tmp_path / "a.png", 2 ** min(bits, 9) - 1
    palette = (b"PLTE", bytes(range(256)) * 3)
    options: dict[str, tuple[int, list[tuple[bytes, bytes]]]] = {
        "grey": (0, []),
        "one transparent grey": (0, [(b"tRNS", b"\0\1")]),
        "palette": (3, [(palette[0], palette[1][: 3 * 2 ** min(bits, 8)])]),
        "transparent palette": (3, [(palette[0], palette[1][: 3 * 2 ** min(bits, 8)]), (b"tRNS", b"\0\x80")]),
        "grey and alpha": (4, []),
    }
    colour, chunks = options[kind]
    ids = stored(top, 2 if colour == 4 else 1)
    write_png(file, ids, bits, colour, *chunks)
    assert read_class_ids(file).tolist() == ids[..., 0].tolist()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("type", ["bool", "u1", "u2", "i2", "u4", "i4", "f4"])
def test_a_tiff_holds_the_ids_that_were_written(tmp_path: Path, order: str, photometric: Any, type: str) -> None:
    ids = stored({"bool": 1, "u1": 255}.get(type, 300))[..., 0].astype(type)
    tifffile.imwrite(tmp_path / "a.tif", ids, photometric=photometric, byteorder=order)
    answer = value_or_fault(read_class_ids, tmp_path / "a.tif")
    if isinstance(answer, Fault):  # PIL reads few of those whose 0 is white, and no unsigned 32 bits in this order
        assert photometric == "miniswhite" or (type, order) == ("u4", ">")
        assert type not in ("bool", "u1")
        assert answer.reason == UNREAD
    else:
        assert answer.tolist() == ids.astype(int).tolist()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_tiff_of_few_bits_holds_the_ids_that_were_written(tmp_path: Path, bits: int) -> None:
    ids = stored(2**bits - 1)[..., 0].astype(np.uint8)
    packed = np.unpackbits(ids[..., None], axis=2)[:, :, 8 - bits :].reshape(5, -1)
    for photometric in (0, 1, 3):
        strip = np.packbits(packed, axis=1).tobytes()
        tags = {256: 11, 257: 5, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: 5, 279: len(strip)}
        if photometric == 3:
            tags[320] = 0  # the palette, behind the strip
        head = b"II*\0" + struct.pack("<I", 8 + len(strip) + len(strip) % 2)
        colours = 3 * 2**bits
        directory = 8 + len(strip) + len(strip) % 2
        behind = directory + 2 + 12 * len(tags) + 4
        entries = b"".join(
            struct.pack("<HHII", tag, 3, colours, behind) if tag == 320 else struct.pack("<HHII", tag, 4, 1, value)
            for tag, value in sorted(tags.items())
        )
        body = strip + b"\0" * (len(strip) % 2) + struct.pack("<H", len(tags)) + entries + b"\0" * 4
        (tmp_path / "a.tif").write_bytes(head + body + struct.pack(f"<{colours}H", *range(0, 200 * colours, 200)))
        assert read_class_ids(tmp_path / "a.tif").tolist() == ids.tolist(), photometric


@pytest.mark.parametrize(
    ("name", "image", "reason"),
    [
        ("a.png", Image.new("RGB", (3, 3)), "it is RGB, not a palette or grey picture of class ids"),
        ("a.png", Image.new("RGBA", (3, 3)), "it is RGBA, not a palette or grey picture of class ids"),
        ("a.tif", Image.new("CMYK", (3, 3)), "it is CMYK, not a palette or grey picture of class ids"),
        ("a.tif", Image.new("F", (3, 3), 0.5), "it holds numbers that are not whole, so no class ids"),
        ("a.jpg", Image.new("L", (3, 3)), "it is JPEG L, which does not keep class ids"),
        ("a.ppm", Image.new("L", (3, 3)), "it is PPM L, which does not keep class ids"),
        ("a.webp", Image.new("RGB", (3, 3)), "it is WEBP RGB, which does not keep class ids"),
    ],
)
def test_what_holds_no_ids_is_refused_by_name(tmp_path: Path, name: str, image: Image.Image, reason: str) -> None:
    image.save(tmp_path / name)
    assert value_or_fault(read_class_ids, tmp_path / name) == Fault(str(tmp_path / name), reason)


def test_masks_of_few_bits_are_read_and_checked(tmp_path: Path) -> None:
    pair = ImageAndMask(tmp_path / "a.jpg", tmp_path / "a.png")
    Image.new("RGB", (11, 5)).save(pair.image)
    ids = {number: number for number in range(16)}
    names = [str(number) for number in ids]
    for bits in (1, 2, 4):
        write_png(pair.mask, stored(2**bits - 1), bits, 0)
        data = MaskFiles([pair], names, ids)
        assert data.segmented(0)[1].tolist() == stored(2**bits - 1)[..., 0].tolist()
        assert data.check() == []
    write_png(pair.mask, stored(600), 16, 0)
    listed = ", ".join(map(str, sorted({number for number in stored(600).flatten().tolist() if number > 15})[:8]))
    with pytest.raises(ValueError, match=rf"a.png: it holds class ids {listed} and \d+ more, none of 0 to 14 or 255"):
        MaskFiles([pair], names, ids)


NUMBERS: dict[str, tuple[np.ndarray, dict[str, Any], float]] = {
    "0 to 1": (np.array([[0, 0.5, 1]], np.float32), {}, 128),
    "0 to 1, white is 0": (np.array([[0, 0.5, 1]], np.float32), {"photometric": "miniswhite"}, 127),
    "0 to 1, big-endian": (np.array([[0, 0.5, 1]], np.float32), {"byteorder": ">"}, 128),
    "0 to 255": (np.array([[0, 127.6, 255]], np.float32), {}, 128),
    "16 bits": (np.array([[0, 0x8012, 0xFFFF]], np.uint16), {}, 128),
    "16 bits, big-endian": (np.array([[0, 0x8012, 0xFFFF]], np.uint16), {"byteorder": ">"}, 128),
    "16 bits, white is 0": (np.array([[0, 0x8012, 0xFFFF]], np.uint16), {"photometric": "miniswhite"}, 127),
    "12 bits": (np.array([[0, 0x801, 0xFFF, 0]], np.uint16), {"bits": 12}, 128),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_become_bytes_by_a_stated_rule(tmp_path: Path, kind: str) -> None:
    numbers, options, middle = NUMBERS[kind]
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "a.tif"
    if options.pop("bits", 16) == 12:
        write_tiff_of_12_bits(file, numbers)
    else:
        tifffile.imwrite(file, numbers, **{"photometric": "minisblack", **options})
    first, last = (255, 0) if "white" in kind else (0, 255)
    assert read_image(file)[:, 0, :3].tolist() == [[first, middle, last]] * 3
    assert image_size(file) == numbers.shape
    assert ImageFolder(tmp_path, size=1).check() == []


def write_tiff_of_12_bits(file: Path, numbers: np.ndarray) -> None:
    """Write an even count of numbers in one row."""
    strip = b"".join(bytes((a >> 4, (a & 15) << 4 | b >> 8, b & 255)) for a, b in numbers.reshape(-1, 2).tolist())
    tags = {256: numbers.size, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(strip)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    head = b"II*\0" + struct.pack("<I", 8 + len(strip))
    file.write_bytes(head + strip + struct.pack("<H", len(tags)) + entries + b"\0" * 4)


REFUSED: dict[str, tuple[np.ndarray, str]] = {
    "beyond": (np.array([[0, 9000]], np.float32), "from 0 to 9000"),
    "below": (np.array([[-0.5, 0.5]], np.float32), "from -0.5 to 0.5"),
    "hardly beyond": (
        np.array([[0, 1.25]], np.float32),
        "from 0 to 1.25",
    ),
    "infinite": (np.array([[0, np.inf]], np.float32), "from 0 to inf"),
    "no number": (np.array([[0, np.nan]], np.float32), "from nan to nan"),
    "32 bits": (np.array([[0, 9000]], np.uint32), "it holds 32-bit integers, which no rule scales"),
    "signed": (np.array([[0, 9000]], np.int16), "it holds signed 16-bit integers, which no rule scales"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_numbers_without_a_rule_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    numbers, reason = REFUSED[kind]
    reason = f"it holds numbers {reason}, neither 0 to 1 nor 0 to 255" if reason.startswith("from") else reason
    (tmp_path / "a").mkdir()
    file = tmp_path / "a" / "a.tif"
    tifffile.imwrite(file, numbers, photometric="minisblack")
    for read in (image_size, read_image):
        assert value_or_fault(read, file) == Fault(str(file), reason)
    with pytest.raises(ValueError, match=f"a.tif: {reason}"):
        ImageFolder(tmp_path)


def floats(file: Path, highest: float) -> Path:
    file.parent.mkdir(exist_ok=True, parents=True)
    tifffile.imwrite(file, np.full((5, 11), highest, np.float32), photometric="minisblack")
    return file


def test_floats_of_a_data_set_have_one_range(tmp_path: Path) -> None:
    """A dark image from 0 to 255 would be read as a bright one from 0 to 1."""
    dark, black = floats(tmp_path / "a" / "dark.tif", 0.5), floats(tmp_path / "b" / "black.tif", 0)
    assert [round(float(255 * image.mean())) for image, _ in ImageFolder(tmp_path, size=5)] == [128, 0]
    bright = floats(tmp_path / "b" / "bright.tif", 200)
    with pytest.raises(
        ValueError, match=rf"{dark}: it holds floats up to 0\.5, and {bright} up to 200: .* with 8 bits$"
    ):
        ImageFolder(tmp_path, size=5)
    with pytest.warns(UserWarning, match=rf"1 cannot be used and are left out:\n +{dark}"):
        data = ImageFolder(tmp_path, size=5, on_broken="skip")
    assert [file for file, _ in data.files] == [black, bright]
    assert [round(float(255 * image.mean())) for image, _ in data] == [0, 200]


def test_floats_beside_masks_have_one_range(tmp_path: Path) -> None:
    pairs = [ImageAndMask(floats(tmp_path / f"{high}.tif", high), tmp_path / f"{high}.png") for high in (1, 200)]
    for pair in pairs:
        Image.fromarray(IDS.astype(np.uint8)).save(pair.mask)
    assert len(MaskFiles(pairs[:1], ["0", "1"], {0: 0, 1: 1})) == 1
    with pytest.raises(ValueError, match=rf"^1 cannot be used.*\n +{pairs[0].image}: it holds floats up to 1, and "):
        MaskFiles(pairs, ["0", "1"], {0: 0, 1: 1})


def test_a_tiff_of_several_floats_a_pixel_is_refused_by_name(tmp_path: Path) -> None:
    for order in ("<", ">"):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 7, 3), np.float32), photometric="rgb", byteorder=order)
        assert value_or_fault(image_size, tmp_path / "a.tif") == Fault(str(tmp_path / "a.tif"), UNREAD)


def test_every_depth_of_a_grey_png_is_shown_alike(tmp_path: Path) -> None:
    shown = []
    for bits in (1, 2, 4, 8, 16):
        write_png(tmp_path / "a.png", IDS[..., None] * (2**bits - 1), bits, 0)
        shown.append(read_image(tmp_path / "a.png"))
        assert shown[-1].tolist() == [(IDS * 255).tolist()] * 3
    write_png(tmp_path / "a.png", np.stack((IDS * 0xFFFF, IDS), axis=-1), 16, 4)
    assert torch.equal(read_image(tmp_path / "a.png"), shown[0])


def test_a_grey_map_of_16_bits_keeps_its_upper_8(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P5 3 1 65535\n" + np.array([0, 0x8012, 0xFFFF], ">u2").tobytes())
    assert read_image(tmp_path / "a.ppm")[0].tolist() == [[0, 128, 255]]
