"""Image files: their size without decoding, their pixels, and parts of them.

Opening a data set looks at every image without decoding it: its header, the check sums of a PNG, the end of a JPEG; a
file that these do not vouch for is decoded. That takes about 0.04 ms a JPEG, a fiftieth of decoding it, and finds what
is missing, empty, cut short or something else. Of 600 JPEGs with bytes overwritten at random places, decoding refused
33 and opening missed 5 of them; such a file stops a run where it is read. `check` of each data set decodes everything.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from antialias._extras import require

from ._faults import Fault, UnusableContent, UnusableFile, faults_in, value_or_fault
from ._orientation import remaining_orientation, turn_upright, upright_size
from ._values import class_ids, rgb_bytes, stored_form
from ._whole import FORMATS, check_jpeg, check_pixels, check_png, content_of, decode

Box = tuple[int, int, int, int]
"""Top, left, height and width in pixels."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".webp", ".tif", ".tiff"})
"""Endings of files that are read as images, in lower case."""

R = TypeVar("R")

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def image_size(file: Path, ranges: FloatRanges | None = None) -> tuple[int, int]:
    """Return an upright image's height and width without decoding it, and make sure that the file is whole.

    Args:
        file: The image.
        ranges: Takes note of what floats there are.

    Raises:
        ValueError: The file is missing, empty, truncated or no image; the message names it.
    """

    def size(opened: Any, stream: io.BufferedReader) -> tuple[int, int]:
        upright, form = upright_size(opened, stream), stored_form(opened)
        if opened.format == "PNG":
            opened.verify()
            check_png(content_of(stream))
            return upright
        if opened.format == "JPEG":
            start = stream.tell()
            stream.seek(-min(64, stream.seek(0, io.SEEK_END)), io.SEEK_END)
            whole = stream.read().rstrip(b"\0").endswith(b"\xff\xd9")
            stream.seek(start)
            if whole or check_jpeg(content_of(stream)):
                return upright
        decode(opened, stream)
        if opened.mode in ("F", "I"):
            rgb_bytes(opened, form)
        if ranges is not None and opened.mode == "F":
            ranges.highest[file] = opened.getextrema()[1]
        return upright

    return open_image(file, size)


class FloatRanges:
    """What ranges the floats in the images of a data set have: one for all, or a dark image were read as a bright one.

    Attributes:
        highest: Largest number of each image of floats that was looked at.
    """

    def __init__(self) -> None:
        self.highest: dict[Path, float] = {}

    def faults(self) -> list[Fault]:
        """Return the images of floats up to 1 where others of the data set go up to 255; black ones fit both."""
        brightest = max(self.highest, key=self.highest.__getitem__, default=None)
        if brightest is None or self.highest[brightest] <= 1:
            return []
        beside = f"{brightest} up to {self.highest[brightest]:g}"
        reason = "either this is nearly black or its range is another one. Save all pictures with 8 bits"
        return [
            Fault(str(file), f"it holds floats up to {high:g}, and {beside}: {reason}")
            for file, high in sorted(self.highest.items())
            if 0 < high <= 1
        ]


def read_image(file: Path) -> Tensor:
    """Return the pixels `(3, H, W)` `uint8` of an image: upright, grey and CMYK as RGB, 16 bits as their upper 8.

    Raises:
        ValueError: The file is missing, empty, truncated, no image, or holds numbers that no rule scales; the message
            names it.
    """
    return open_image(file, upright_pixels)


def read_class_ids(file: Path) -> Tensor:
    """Return the class ids `(H, W)` of an image, upright, as the file stores them and not as they are shown.

    Raises:
        ValueError: The file is missing, empty, truncated, or holds something else; the message names it.
    """

    def ids(opened: Any, stream: io.BufferedReader) -> Tensor:
        form = stored_form(opened)
        if form == "LA;16B":  # four bytes a pixel, of which PIL drops the second and the fourth
            opened.tile = [tile._replace(args="RGBA") for tile in opened.tile]
        turn = remaining_orientation(opened)
        decode(opened, stream)
        return turn_upright(class_ids(opened, form), turn)

    return open_image(file, ids)


def read_square(file: Path, size: int) -> Tensor:
    """Return an image resized to `size` along its shorter side and cut to the central square `(3, size, size)`.

    Raises:
        ValueError: The file is missing, empty, truncated or no image; the message names it.
    """
    transforms = require("torchvision.transforms.v2.functional", extra="tasks")
    return transforms.center_crop(transforms.resize(read_image(file), [size], antialias=True), [size, size])


def read_crop(file: Path, choose: Callable[[int, int], Box], side: int) -> Tensor:
    """Return a part of an upright image, resized to `(3, side, side)` `uint8`.

    A JPEG is decoded at a half, a quarter or an eighth of its size where the part still has twice the sides that are
    returned: the decoder's own reduction is a sharper filter than the one that resizes, which has the last word so.

    Args:
        file: The image.
        choose: Says which part of an image of that height and width.
        side: Height and width of what is returned, in pixels.

    Raises:
        ValueError: The file is missing, empty, truncated or no image; the message names it.
    """

    def crop(opened: Any, stream: io.BufferedReader) -> Tensor:
        height, width = upright_size(opened, stream)
        top, left, tall, wide = choose(height, width)
        factor = min(tall, wide) // (2 * side)
        if opened.format == "JPEG" and factor > 1:
            opened.draft(None, (opened.size[0] // factor, opened.size[1] // factor))
        pixels = upright_pixels(opened, stream)
        down, across = pixels.shape[-2] / height, pixels.shape[-1] / width
        rows, columns = (
            slice(first := int(start * scale), max(first + 1, round((start + length) * scale)))
            for start, length, scale in ((top, tall, down), (left, wide, across))
        )
        transforms = require("torchvision.transforms.v2.functional", extra="tasks")
        return transforms.resize(pixels[:, rows, columns], [side, side], antialias=True)

    return open_image(file, crop)


def broken_images(files: Iterable[Path], read: Callable[[Path], Any]) -> list[Fault]:
    """Return what is wrong with each image, read by `image_size` (fast) or `read_image` (all of it)."""
    return faults_in(files, lambda file: [one] if isinstance(one := value_or_fault(read, file), Fault) else [])


def open_image(file: Path, use: Callable[[Any, io.BufferedReader], R]) -> R:
    """Return what `use` makes of PIL's image and its stream; what goes wrong names the file.

    Raises:
        UnusableFile: The file is missing, empty or no image, or `use` fails.
    """
    image = require("PIL.Image", extra="tasks")
    try:
        with file.open("rb") as stream, image.open(stream, formats=FORMATS) as opened:
            check_pixels(opened)
            return use(opened, stream)
    except FileNotFoundError as error:
        raise UnusableFile(file, "is missing", "Put it there, or take it off the list.") from error
    except UnusableContent as error:
        raise UnusableFile(file, error.reason, error.fix) from error
    except UnusableFile:
        raise
    except image.DecompressionBombError as error:
        raise UnusableFile(file, f"is too large ({str(error).partition(', ')[0]})", "Make it smaller.") from error
    except Exception as error:  # decoders raise whatever their parsers run into
        why = str(error)
        if isinstance(error, image.UnidentifiedImageError):
            tiff = file.read_bytes()[:4] in _TIFF
            why = (
                "a TIFF that is cut short, or of numbers or channels that PIL does not read, such as colours as floats"
                ": save those with 8 bits"
                if tiff
                else "of no known format"
            )
        if isinstance(error, OSError) and error.errno is not None:
            raise UnusableFile(file, f"cannot be read ({error.strerror})", "Remove or replace it.") from error
        reason = f"is not a readable picture ({why})" if file.stat().st_size else "is empty"
        raise UnusableFile(file, reason, "Remove or replace it.") from error


def upright_pixels(opened: Any, stream: io.BufferedIOBase) -> Tensor:
    """Return the pixels `(3, H, W)` `uint8` of an image that PIL has opened and not loaded, as `read_image` does.

    Args:
        opened: PIL's image.
        stream: Its file.

    Raises:
        UnusableContent: It ends early, holds numbers that no rule scales, or an orientation that is none.
    """
    form = stored_form(opened)
    turn = remaining_orientation(opened)
    decode(opened, stream)
    return turn_upright(rgb_bytes(opened, form), turn)
