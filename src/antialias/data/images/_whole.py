"""Whether an image may be decoded, and was to its end: what PIL leaves out, quietly."""

from __future__ import annotations

import io
import mmap
import re
import zlib
from typing import Any

from antialias._extras import require

from ._faults import UnusableContent

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""What is read, whatever a file is called. Of others PIL starts programs (EPS) or knows no end."""

_FIX = "Remove or replace it."
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff]")
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_JPEG_EMPTY = (127, 128, 129)  # what libjpeg shows where there is nothing, in any colours, give or take rounding
_NOISE = bytes(range(1, 255)) * 8
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_TIFF_SIDES, _TIFF_PLANES = (256, 257), 284


def check_pixels(opened: Any) -> None:
    """Refuse an image of more pixels than `PIL.Image.MAX_IMAGE_PIXELS`, a WebP of half as many, before it is decoded.

    WebP's decoder holds three images of four bytes a pixel. So decoding takes less than a gigabyte, whatever is in a
    file.

    Raises:
        UnusableContent: It has more.
    """
    most = require("PIL.Image", extra="tasks").MAX_IMAGE_PIXELS
    if most is None:
        return
    most = most // 2 if opened.format == "WEBP" else most
    width, height = opened.size
    if width * height > most:
        kind = f"{opened.format} of {width:,} x {height:,} pixels"
        raise UnusableContent(
            f"is a {kind}, more than {most:,}", "Make it smaller, or raise PIL.Image.MAX_IMAGE_PIXELS."
        )


def decode(opened: Any, stream: io.BufferedIOBase) -> None:
    """Decode an image that PIL has opened, all of it.

    PIL shows what a file lacks as black or grey, if only the file ends as it should.

    Args:
        opened: PIL's image.
        stream: Its file.

    Raises:
        UnusableContent: The file ends early.
    """
    if opened.format == "TIFF":
        _check_tiles(opened)
    opened.load()
    if opened.format not in ("JPEG", "MPO", "PNG"):
        return
    content = content_of(stream)
    if opened.format == "PNG":
        _check_rows(opened, content)
    else:
        _check_corner(opened, content, check_jpeg(content))


def content_of(stream: Any) -> Any:
    """Return what a file holds, without reading it where it is on a disk."""
    return (
        stream.getbuffer() if isinstance(stream, io.BytesIO) else mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    )


def _check_tiles(opened: Any) -> None:
    """Refuse a TIFF whose strips or tiles do not cover it."""
    width, height = (opened.tag_v2[tag] for tag in _TIFF_SIDES)  # PIL turns the size of some
    planes = len(opened.getbands()) if opened.tag_v2.get(_TIFF_PLANES) == 2 and len(opened.tile) > 1 else 1
    boxes = [tile.extents or (0, 0, width, height) for tile in opened.tile]
    covered = sum(max(0, min(x2, width) - x1) * max(0, min(y2, height) - y1) for x1, y1, x2, y2 in boxes)
    if covered < width * height * planes:
        share = covered / (width * height * planes)
        raise UnusableContent(f"ends early: its strips or tiles are {share:.0%} of it", _FIX)


# ---- JPEG ------------------------------------------------------------------------------------------------------------


def check_jpeg(content: Any) -> int:
    """Return where the end marker of a JPEG is.

    Args:
        content: Of the file.

    Raises:
        UnusableContent: There is none, or parts of the image are missing.
    """
    coded: dict[int, list[int]] = {}  # of each component: up to which bit each coefficient is there
    progressive, place = False, 2
    while (match := _JPEG_MARKER.search(content, place)) is not None:
        code, place = content[match.start() + 1], match.end()
        if code == 0xD9:
            if not coded or any(bit for bits in coded.values() for bit in bits):
                raise UnusableContent("ends early: it is a JPEG that lacks scans", _FIX)
            return match.start()
        if code == 0x01 or 0xD0 <= code <= 0xD8:
            continue
        length = int.from_bytes(content[place : place + 2], "big")
        part = bytes(content[place + 2 : place + length])
        place += max(2, length)
        if code in _JPEG_FRAMES and not coded:
            progressive = code in _JPEG_PROGRESSIVE
            coded = {component: [99] * 64 for component in part[6::3]}
        elif code == 0xDA and part:
            components, (first, last, bits) = part[1 : 1 + 2 * part[0] : 2], part[-3:]
            band, bit = (slice(first, last + 1), bits & 15) if progressive else (slice(64), 0)
            for component in components:
                if component in coded:
                    coded[component][band] = [bit] * len(coded[component][band])
    raise UnusableContent("ends early: it is a JPEG without an end", _FIX)


def _check_corner(opened: Any, content: Any, end: int) -> None:
    """Refuse a JPEG whose data end before its last pixel, which is grey then: more data would change it."""
    width, height = opened.size
    corner = opened.getpixel((width - 1, height - 1))
    if not all(value in _JPEG_EMPTY for value in (corner if isinstance(corner, tuple) else (corner,))):
        return
    image = require("PIL.Image", extra="tasks")
    as_it_is, longer = (
        image.open(io.BytesIO(bytes(content[:end]) + more + b"\xff\xd9"), formats=("JPEG",)).tobytes()
        for more in (b"", _NOISE)
    )
    if as_it_is != longer:
        raise UnusableContent("ends early: it is a JPEG whose last pixels are missing", _FIX)


# ---- PNG -------------------------------------------------------------------------------------------------------------


def check_png(content: Any) -> list[tuple[bytes, int, int]]:
    """Return the name of each chunk of a PNG and from where to where its data are.

    Raises:
        UnusableContent: The file ends before the last chunk does.
    """
    chunks, place, name = [], 8, b""
    while name != b"IEND":
        head = bytes(content[place : place + 8])
        start, name = place + 8, head[4:]
        place = start + int.from_bytes(head[:4], "big") + 4
        if place > len(content):
            raise UnusableContent("ends early: it is a PNG without an end", _FIX)
        chunks.append((name, start, place - 4))
    return chunks


def _check_rows(opened: Any, content: Any) -> None:
    """Refuse a PNG whose data end before its last row; a last row that is not black was there."""
    chunks = check_png(content)
    (_, start, _), (width, height) = chunks[0], opened.size
    bits, kind, interlaced = content[start + 8], content[start + 9], content[start + 12]
    if not interlaced and opened.crop((0, height - 1, width, height)).tobytes().strip(b"\0"):
        return
    wanted = 0
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        wanted += rows * (1 + -(-columns * bits * _PNG_CHANNELS[kind] // 8)) if columns > 0 and rows > 0 else 0
    found, inflate = 0, zlib.decompressobj()
    for name, start, stop in chunks:
        data = bytes(content[start:stop]) if name == b"IDAT" else b""
        while data and not inflate.eof and found < wanted:
            found += len(inflate.decompress(data, 1 << 20))
            data = inflate.unconsumed_tail
    if found < wanted:
        raise UnusableContent(f"ends early: {found:,} bytes of pixels are there, {wanted:,} are needed", _FIX)
