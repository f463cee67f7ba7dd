"""Files that cannot be used: found before anything starts, named with their reason, and then a stop or left out.

Opening a data set looks at every picture without decoding it: its header, the check sums of a PNG, the end of a JPEG; a
file that these do not vouch for is decoded. That takes about 0.04 ms a JPEG, a fiftieth of decoding it, and finds what
is missing, empty, cut short or something else. Of 600 JPEGs with bytes overwritten at random places, decoding refused
33 and opening missed 5 of them; such a file stops a run where it is read. `check` of each data set decodes everything.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import torch
from torch import Tensor

from antialias._extras import require

OnBroken = Literal["stop", "skip"]
"""What files that cannot be used do: stop, or be reported and left out."""

Box = tuple[int, int, int, int]
"""Top, left, height and width in pixels."""

T = TypeVar("T")
R = TypeVar("R")

_CHUNK = 256
_TURNED = 0x0112  # EXIF's orientation; from 5 on, height and width are swapped


class Fault(NamedTuple):
    """A file or an annotation that cannot be used, and why."""

    name: str
    reason: str


class BrokenData(ValueError):
    """Files that cannot be used, all of them.

    Attributes:
        faults: What is broken.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__(f"{len(faults)} cannot be used. Repair them, or use on_broken='skip':\n{_report(faults)}")


class Unusable(ValueError):
    """One file that cannot be used; `fault` is the line of a report."""

    def __init__(self, file: Path, reason: str, fix: str) -> None:
        self.fault = Fault(str(file), f"it {reason}")
        super().__init__(f"{file} {reason}. {fix}")


def settle(faults: Sequence[Fault], on_broken: OnBroken) -> None:
    """Stop at faults, or report them: one message with every name and reason.

    Raises:
        BrokenData: There are faults and `on_broken="stop"`.
        ValueError: `on_broken` is unknown.
    """
    if on_broken not in get_args(OnBroken):
        raise ValueError(f"on_broken={on_broken!r} is unknown. Use one of: {', '.join(get_args(OnBroken))}.")
    if faults and on_broken == "stop":
        raise BrokenData(faults)
    if faults:
        warnings.warn(f"{len(faults)} cannot be used and are left out:\n{_report(faults)}", stacklevel=3)


def _report(faults: Sequence[Fault]) -> str:
    return "\n".join(f"  {fault.name}: {fault.reason}" for fault in faults)


def faults_in(items: Iterable[T], look: Callable[[T], Iterable[Fault]]) -> list[Fault]:
    """Return what `look` finds wrong with the items, in their order, looked at in threads."""
    items = list(items)
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    with ThreadPoolExecutor(16) as pool:
        found = pool.map(lambda chunk: [fault for item in chunk for fault in look(item)], chunks)
        return [fault for faults in found for fault in faults]


def attempt(read: Callable[[Path], R], file: Path) -> R | Fault:
    """Return what a file holds, or what is wrong with it."""
    try:
        return read(file)
    except Unusable as error:
        return error.fault
    except ValueError as error:
        return Fault(str(file), str(error))


def broken_pictures(files: Iterable[Path], read: Callable[[Path], Any]) -> list[Fault]:
    """Return what is wrong with each picture, read by `picture_size` (fast) or `read_picture` (all of it)."""
    return faults_in(files, lambda file: [found] if isinstance(found := attempt(read, file), Fault) else [])


def picture_size(file: Path) -> tuple[int, int]:
    """Return an upright picture's height and width without decoding it, and make sure that the file is whole.

    Raises:
        ValueError: The file is missing, empty, truncated or no picture; the message names it.
    """
    return used(file, _glance)


def read_picture(file: Path) -> Tensor:
    """Return the pixels `(3, H, W)` `uint8` of a picture: upright, grey and CMYK as RGB, 16 bits as their upper 8.

    Raises:
        ValueError: The file is missing, empty, truncated or no picture; the message names it.
    """
    return used(file, _pixels)


def read_crop(file: Path, choose: Callable[[int, int], Box], side: int) -> Tensor:
    """Return a part of an upright picture, resized to `(3, side, side)` `uint8`.

    A JPEG is decoded at a half, a quarter or an eighth of its size where the part still has twice the sides that are
    returned: the decoder's own reduction is a sharper filter than the one that resizes, which has the last word so.

    Args:
        file: The picture.
        choose: Says which part of a picture of that height and width.
        side: Height and width of what is returned, in pixels.

    Raises:
        ValueError: The file is missing, empty, truncated or no picture; the message names it.
    """

    def crop(opened: Any, stream: io.BufferedReader) -> Tensor:
        height, width = _upright_size(opened)
        top, left, tall, wide = choose(height, width)
        _decode_smaller_(opened, min(tall, wide) // (2 * side))
        pixels = _pixels(opened, stream)
        down, across = pixels.shape[-2] / height, pixels.shape[-1] / width
        rows, columns = _between(top, tall, down), _between(left, wide, across)
        transforms = require("torchvision.transforms.v2.functional", extra="tasks")
        return transforms.resize(pixels[:, rows, columns], [side, side], antialias=True)

    return used(file, crop)


def _between(start: int, length: int, scale: float) -> slice:
    first = int(start * scale)
    return slice(first, max(first + 1, round((start + length) * scale)))


def _decode_smaller_(opened: Any, factor: int) -> None:
    if opened.format == "JPEG" and factor > 1:
        width, height = opened.size
        opened.draft(None, (width // factor, height // factor))


def used(file: Path, use: Callable[[Any, io.BufferedReader], R]) -> R:
    """Return what `use` makes of a picture's file; what goes wrong names the file."""
    image = require("PIL.Image", extra="tasks")
    try:
        with file.open("rb") as stream, image.open(stream) as opened:
            return use(opened, stream)
    except FileNotFoundError as error:
        raise Unusable(file, "is missing", "Put it there, or take it off the list.") from error
    except Unusable:
        raise
    except Exception as error:  # decoders raise whatever their parsers run into
        unknown = isinstance(error, image.UnidentifiedImageError)
        why = f"is not a readable picture ({'of no known format' if unknown else error})"
        reason = why if file.stat().st_size else "is empty"
        raise Unusable(file, reason, "Remove or replace it.") from error


def _upright_size(opened: Any) -> tuple[int, int]:
    width, height = opened.size
    return (width, height) if _turn(opened) >= 5 else (height, width)


def _glance(opened: Any, stream: io.BufferedReader) -> tuple[int, int]:
    size = _upright_size(opened)
    if opened.format == "PNG":
        opened.verify()
    elif not (opened.format == "JPEG" and _is_whole_jpeg(stream)):
        opened.load()
    return size


def _turn(opened: Any) -> int:
    return opened.getexif().get(_TURNED, 1) if "exif" in opened.info else 1


def _is_whole_jpeg(stream: io.BufferedReader) -> bool:
    place = stream.tell()
    stream.seek(-min(64, stream.seek(0, io.SEEK_END)), io.SEEK_END)
    end = stream.read()
    stream.seek(place)
    return end.rstrip(b"\0").endswith(b"\xff\xd9")


def _pixels(opened: Any, _: io.BufferedReader) -> Tensor:
    ops = require("PIL.ImageOps", extra="tasks")
    transforms = require("torchvision.transforms.v2.functional", extra="tasks")
    upright = ops.exif_transpose(opened)
    if upright.mode.startswith("I"):
        return _upper_bits(transforms.pil_to_tensor(upright))
    return transforms.pil_to_tensor(upright.convert("RGB"))


def _upper_bits(pixels: Tensor) -> Tensor:
    # PIL's own conversion clips 16 bits at 255, which makes nearly everything white.
    return (pixels.long() >> 8).clamp(0, 255).to(torch.uint8).repeat(3, 1, 1)
