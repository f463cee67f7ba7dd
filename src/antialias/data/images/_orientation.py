"""Which way up an image is: EXIF's tag, as number or text, else XMP's; one rule for sizes and pixels."""

from __future__ import annotations

import io
import re
from typing import Any

from torch import Tensor

from antialias._extras import require

from ._faults import UnusableContent

_TAG = 0x0112
_WIDTH, _HEIGHT = 256, 257  # TIFF's tags
_XMP = re.compile(r"tiff:Orientation\s*(?:=\s*[\"']|>)\s*(\d+)")
_WORDS = (
    ("top-left", "horizontal (normal)"),
    ("top-right", "mirror horizontal"),
    ("bottom-right", "rotate 180"),
    ("bottom-left", "mirror vertical"),
    ("left-top", "mirror horizontal and rotate 270 cw"),
    ("right-top", "rotate 90 cw"),
    ("right-bottom", "mirror horizontal and rotate 90 cw"),
    ("left-bottom", "rotate 270 cw"),
)  # by number from 1: where row 0 and column 0 are (EXIF 2.32, tag 274), and exiftool's words for it


def orientation(opened: Any) -> int:
    """Return the orientation 1 to 8 of an image that PIL has opened and not loaded, a PNG excepted.

    EXIF decides; where it says nothing or 0, XMP does; 1 where neither says anything.

    Raises:
        UnusableContent: The orientation is something else.
    """
    packets = {key: opened.info.pop(key) for key in ("XML:com.adobe.xmp", "xmp") if key in opened.info}
    value = 0
    if opened.format == "TIFF" or "exif" in opened.info or "Raw profile type exif" in opened.info:
        # A PNG's own getexif would decode it; with XMP in sight PIL would guess.
        value = require("PIL.Image", extra="tasks").Image.getexif(opened).get(_TAG, 0)
    opened.info.update(packets)
    if value:
        word = (value.decode(errors="replace") if isinstance(value, bytes) else str(value)).strip(" \0").lower()
        for number, words in enumerate(_WORDS, 1):
            if word in (str(number), f"{number}.0", *words):
                return number
        if word not in ("0", ""):
            raise UnusableContent(f"has the orientation {value!r}, none of 1 to 8", "Correct or remove this tag.")
    for packet in packets.values():
        match = _XMP.search(packet.decode(errors="replace") if isinstance(packet, bytes) else packet)
        if match and match[1] != "0":
            if not 1 <= int(match[1]) <= len(_WORDS):
                raise UnusableContent(f"has the orientation {match[1]} in XMP, none of 1 to 8", "Correct or remove it.")
            return int(match[1])
    return 1


def upright_size(opened: Any, stream: io.BufferedReader) -> tuple[int, int]:
    """Return the upright height and width of an image that PIL has opened, which is not loaded.

    Raises:
        UnusableContent: The orientation is none of 1 to 8.
    """
    if opened.format == "PNG" and _has_late_metadata(stream):
        place = stream.tell()
        stream.seek(0)
        opened = require("PIL.Image", extra="tasks").open(io.BytesIO(stream.read()))
        opened.load()
        stream.seek(place)
    width, height = opened.size
    if opened.format == "TIFF":  # PIL turns the size of some
        width, height = opened.tag_v2[_WIDTH], opened.tag_v2[_HEIGHT]
    return (width, height) if orientation(opened) >= 5 else (height, width)


def remaining_orientation(opened: Any) -> int:
    """Return the orientation that the pixels have once they are loaded; PIL turns those of most TIFFs itself.

    Raises:
        UnusableContent: The orientation is none of 1 to 8.
    """
    if opened.format == "PNG":
        opened.load()
    number = orientation(opened)
    return 1 if opened.format == "TIFF" and opened.getexif().get(_TAG) in range(2, 9) else number


def turn_upright(pixels: Tensor, number: int) -> Tensor:
    """Turn pixels `(..., H, W)` of an orientation upright.

    Example:
        >>> import torch
        >>> turn_upright(torch.tensor([[1, 2, 3]]), 6).tolist()
        [[1], [2], [3]]
    """
    if number >= 5:
        pixels = pixels.transpose(-1, -2)
    flips = {2: (-1,), 3: (-1, -2), 4: (-2,), 6: (-1,), 7: (-1, -2), 8: (-2,)}.get(number, ())
    return (pixels.flip(flips) if flips else pixels).contiguous()


def _has_late_metadata(stream: io.BufferedReader) -> bool:
    """Say whether a PNG has EXIF or XMP behind its pixels, where PIL sees it only once they are decoded."""
    start, behind, late = stream.tell(), False, False
    place = stream.seek(8)
    while not late and len(head := stream.read(28)) >= 12:
        name, data = head[4:8], head[8:]
        behind = behind or name == b"IDAT"
        late = behind and (name == b"eXIf" or data.startswith((b"XML:com.adobe.xmp\0", b"Raw profile type ")))
        place = stream.seek(place + int.from_bytes(head[:4], "big") + 12)
    stream.seek(start)
    return late
