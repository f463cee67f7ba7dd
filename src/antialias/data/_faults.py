"""Files that cannot be used: found, named with their reason, and then a stop or left out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from antialias._extras import require

OnBroken = Literal["stop", "skip"]


class Fault(NamedTuple):
    """A file or an annotation that cannot be used, and why."""

    name: str
    reason: str


def settle(faults: Sequence[Fault], on_broken: OnBroken) -> None:
    """Stop at faults, or report them: one message with every name and reason.

    Raises:
        ValueError: There are faults and `on_broken="stop"`, or `on_broken` is unknown.
    """
    if on_broken not in get_args(OnBroken):
        raise ValueError(f"on_broken={on_broken!r} is unknown. Use one of: {', '.join(get_args(OnBroken))}.")
    if not faults:
        return
    report = "\n".join(f"  {fault.name}: {fault.reason}" for fault in faults)
    if on_broken == "stop":
        raise ValueError(f"{len(faults)} cannot be used. Repair them, or use on_broken='skip':\n{report}")
    warnings.warn(f"{len(faults)} cannot be used and are left out:\n{report}", stacklevel=3)


def broken_files(files: Iterable[Path]) -> list[Fault]:
    """Return which files are missing or empty, asked in threads; what is in them shows when they are read."""
    files = list(files)
    with ThreadPoolExecutor(16) as pool:
        sizes = list(pool.map(_size, files))
    faulty = ((file, size) for file, size in zip(files, sizes, strict=True) if size < 1)
    return [Fault(str(file), "it is missing" if size < 0 else "it is empty") for file, size in faulty]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def read_picture(file: Path) -> Tensor:
    """Return the pixels `(3, H, W)` `uint8` of a picture: upright, grey and CMYK as RGB, 16 bits as their upper 8.

    Raises:
        ValueError: The file is missing, truncated or no picture; the message names it.
    """
    image, ops = require("PIL.Image", extra="tasks"), require("PIL.ImageOps", extra="tasks")
    transforms = require("torchvision.transforms.v2.functional", extra="tasks")
    try:
        with image.open(file) as opened:
            upright = ops.exif_transpose(opened)
            deep = upright.mode.startswith("I")
            pixels = transforms.pil_to_tensor(upright if deep else upright.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{file} is not a readable picture ({error}). Remove or replace it.") from error
    return _upper_bits(pixels) if deep else pixels


def _upper_bits(pixels: Tensor) -> Tensor:
    # PIL's own conversion clips 16 bits at 255, which makes nearly everything white.
    return (pixels.long() >> 8).clamp(0, 255).to(torch.uint8).repeat(3, 1, 1)
