"""Images that somebody sends: what is taken, what is refused and why, and how long it is held."""

from __future__ import annotations

import io
import secrets
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

import torch.nn.functional as F
from torch import Tensor

from antialias._extras import require
from antialias.data.images import upright_pixels

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_LEAST, _LONGEST = 32, 4


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much the page takes.

    Attributes:
        upload: Bytes of a file.
        pixels: Of an image, as its header declares them.
        request: Bytes of any other request.
        held: Bytes of uploads in memory; the longest unused go first.
        answers: Bytes of answers in memory.
        uploads: Files that are received at once; others wait.
        waiting: Clients that wait for their turn at most.
        rate: Requests a second of an address.
        burst: Requests of an address at once.
        seconds: How long a request may take to arrive.
    """

    upload: int = 20 << 20
    pixels: int = 40_000_000
    request: int = 64 << 10
    held: int = 128 << 20
    answers: int = 128 << 20
    uploads: int = 4
    waiting: int = 128
    rate: float = 60.0
    burst: int = 240
    seconds: float = 30.0


class Refused(Exception):
    """What is not done for a client, with the status that says so."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class Shelf(Generic[K, V]):
    """Hold values up to so many bytes; what was not used for the longest time goes first.

    Args:
        most: Bytes.
        size: Returns those of a value.

    Example:
        >>> shelf = Shelf(most=5, size=len)
        >>> shelf.put("a", "12"), shelf.put("b", "34"), shelf.get("a"), shelf.put("c", "56")
        (None, None, '12', None)
        >>> shelf.get("b"), shelf.get("a")
        (None, '12')
    """

    def __init__(self, most: int, size: Callable[[V], int]) -> None:
        self.most, self.size, self.bytes = most, size, 0
        self._lock = Lock()  # requests are checked in one thread and computed in another
        self._values: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return a value, or `None` if it is not there any more."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Hold a value; one that is larger than all that is held goes at once."""
        with self._lock:
            if key in self._values:
                self.bytes -= self.size(self._values.pop(key))
            self._values[key] = value
            self.bytes += self.size(value)
            while self.bytes > self.most:
                self.bytes -= self.size(self._values.popitem(last=False)[1])


@dataclass(frozen=True, eq=False)
class Held:
    """An image that can be explored.

    Attributes:
        id: Names it; nobody guesses that of an upload.
        name: What the page calls it.
        pixels: `(3, H, W)` `uint8`.
    """

    id: str
    name: str
    pixels: Tensor

    @classmethod
    def of(cls, name: str, pixels: Tensor, side: int) -> Held:
        """Hold an image, resampled so that its shorter side has `side` pixels; one that is much longer is cut.

        Args:
            name: What the page calls it.
            pixels: `(3, H, W)` `uint8`.
            side: Of the shorter side.
        """
        height, width = pixels.shape[1:]
        longest = _LONGEST * min(height, width)
        top, left = (max(0, (long - longest) // 2) for long in (height, width))
        pixels = pixels[:, top : top + longest, left : left + longest]
        scale = side / min(pixels.shape[1:])
        if scale != 1:
            sides = [max(side, round(scale * long)) for long in pixels.shape[1:]]
            # In bytes: as floats an image as large as is taken would need half a gigabyte.
            pixels = F.interpolate(pixels[None], sides, mode="bilinear", antialias=True)[0]
        return cls(secrets.token_urlsafe(12), name, pixels.contiguous())


def shown_name(name: str) -> str:
    r"""Return what the page calls a file that came with this name: no folders, nothing that does not print, 80 letters.

    Example:
        >>> shown_name("../../etc/passwd"), shown_name("C:\\cats\\a.png"), shown_name("\0")
        ('passwd', 'a.png', 'image')
    """
    base = name.replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in base if letter.isprintable()).strip()[:80] or "image"


def decode(data: bytes, limits: Limits) -> Tensor:
    """Return the pixels `(3, H, W)` `uint8` of an image file in memory, upright.

    Its header is read first, and what it declares decides whether anything is decoded.

    Args:
        data: The file.
        limits: How many pixels it may have.

    Raises:
        Refused: It is no image of the formats, broken, animated, too small or too large.
        ImportError: Pillow is missing.
    """
    image = require("PIL.Image", extra="explore")
    formats, stream = ", ".join(FORMATS), io.BytesIO(data)
    try:
        with warnings.catch_warnings(category=image.DecompressionBombWarning, action="ignore"):
            opened = image.open(stream, formats=FORMATS)
    except image.DecompressionBombError as error:
        raise too_large(str(error).partition(",")[0], limits) from error
    except image.UnidentifiedImageError as error:
        message = f"The file of {len(data):,} bytes is no image of a known format. Use one of: {formats}."
        raise Refused(415, message) from error
    except Exception as error:  # parsers of headers raise whatever they run into
        raise Refused(415, f"The file's header cannot be read ({short(error)}). Use one of: {formats}.") from error
    width, height = opened.size
    if width * height > limits.pixels:
        raise too_large(f"The header declares {width:,} x {height:,} pixels", limits)
    if min(width, height) < _LEAST:
        raise Refused(422, f"The image has {width} x {height} pixels. Use {_LEAST} or more on each side.")
    if getattr(opened, "n_frames", 1) > 1:
        raise Refused(415, f"The file is animated, {opened.n_frames} frames. Use a still image.")
    try:
        return upright_pixels(opened, stream)
    except Exception as error:  # so do decoders
        message = f"The {opened.format} of {width} x {height} pixels cannot be decoded ({short(error)}). Save it anew."
        raise Refused(422, message) from error


def too_large(fact: str, limits: Limits) -> Refused:
    """Return the refusal of an image with too many pixels."""
    return Refused(413, f"{fact}, more than {limits.pixels:,}. Use a smaller image.")


def short(error: Exception) -> str:
    """Return the first line of what went wrong, without its end."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120].rstrip(".")
