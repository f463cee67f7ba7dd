"""What the numbers in an image file mean: bytes to look at, by stated rules, and class ids as they are stored."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from antialias._extras import require

from ._faults import UnusableContent

_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0  # TIFF's tag
_GREY = ("1", "L", "LX", "LA", "P", "PX", "PA", "I", "F")


def stored_form(opened: Any) -> str:
    """Return how PIL's decoders call the pixels of an image that is not loaded, such as `L;4`, `LA;16B` or `RGB`."""
    form = opened.tile[0].args if opened.tile else None
    return str(form[0] if isinstance(form, tuple) else form or opened.mode)


def rgb_bytes(opened: Any, form: str) -> Tensor:
    """Return the pixels `(3, H, W)` `uint8` of an image as they are shown.

    Grey, palettes, CMYK and YCbCr become RGB and transparency is dropped. Of 12 and 16 bits the upper 8 are kept.
    Floats from 0 to 1 are multiplied by 255, others from 0 to 255 are taken as they are, both rounded.

    Args:
        opened: PIL's image.
        form: Its `stored_form`.

    Raises:
        UnusableContent: It holds other numbers, which no rule scales.
    """
    transforms = require("torchvision.transforms.v2.functional", extra="tasks")
    if opened.mode != "F" and not opened.mode.startswith("I"):
        if opened.mode == "La":  # premultiplied
            opened = opened.convert("LA")
        if opened.mode == "P" and "transparency" in opened.info:  # PIL warns of what it drops
            opened = opened.convert("RGBA")
        return transforms.pil_to_tensor(opened if opened.mode == "RGB" else opened.convert("RGB"))
    inverted = opened.format == "TIFF" and opened.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    numbers = _numbers(opened)
    if opened.mode == "F":
        low, high = float(numbers.min()), float(numbers.max())
        if not (low >= 0 and (high <= 1 or 2 <= high <= 255)):  # NaN, too
            reason = f"holds numbers from {low:g} to {high:g}, neither 0 to 1 nor 0 to 255"
            raise UnusableContent(reason, "Save it in one of these ranges.")
        numbers = (numbers * 255 if high <= 1 else numbers).round()
    elif opened.mode == "I" and opened.format not in ("PNG", "PPM"):
        kind = "signed 16-bit" if form.startswith("I;16") else "32-bit"
        raise UnusableContent(f"holds {kind} integers, which no rule scales", "Save it with 8 or 16 bits, unsigned.")
    else:
        # PIL's own conversion clips 16 bits at 255, which makes nearly everything white.
        numbers = numbers >> (4 if form == "I;12" else 8)
    pixels = numbers.clamp(0, 255).to(torch.uint8)
    return (255 - pixels if inverted else pixels).repeat(3, 1, 1)


def class_ids(opened: Any, form: str) -> Tensor:
    """Return the class ids `(H, W)` of an image as the file stores them, not as they are shown.

    Grey of any depth, with transparency or without, palettes by number, and floats that are whole.

    Args:
        opened: PIL's image; of the form `LA;16B`, of which PIL keeps the upper bytes, as RGBA.
        form: Its `stored_form`.

    Raises:
        UnusableContent: The file stores colours, does not keep ids, or holds other numbers.
    """
    mode = opened.mode
    if opened.format not in ("PNG", "TIFF") and not (opened.format in ("BMP", "GIF") and form == mode):
        raise UnusableContent(f"is {opened.format} {mode}, which does not keep class ids", "Use PNG or TIFF.")
    if form != "LA;16B" and form.partition(";")[0] not in _GREY:
        reason = f"is {mode}, not a palette or grey picture of class ids"
        raise UnusableContent(reason, "Use the masks of this data set, not their colours.")
    ids = _numbers(opened)
    if form == "LA;16B":
        return (ids[..., 0] << 8) + ids[..., 1]
    if mode == "F":
        if not bool((ids == ids.round()).all()):
            raise UnusableContent("holds numbers that are not whole, so no class ids", "Save them as integers.")
        return ids.int()
    if mode in ("1", "L"):  # PIL stretches fewer than 8 bits to 0 to 255, and shows 0 as white where TIFF says so
        bits = {"1": 1, "L;2": 2, "L;4": 4}.get(form[:1] if mode == "1" else form[:3], 8)
        ids = ids // (255 // (2**bits - 1)) if mode == "L" else ids
        return 2**bits - 1 - ids if form.endswith(("I", "IR")) else ids
    return ids[..., 0] if ids.ndim == 3 else ids


def _numbers(opened: Any) -> Tensor:
    numpy = require("numpy", extra="tasks")
    values = numpy.asarray(opened)
    return torch.from_numpy(values.astype(numpy.float64 if values.dtype.kind == "f" else numpy.int32))
