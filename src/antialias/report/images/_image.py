"""A picture as the page embeds it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from torch import Tensor

from antialias._extras import require


@dataclass(frozen=True, kw_only=True)
class Image:
    """Hold one picture as the page shows it.

    Args:
        name: What the page calls it.
        width: In pixels.
        height: In pixels.
        data: Its bytes as a `data:` URI.
        credit: Where it comes from.

    Raises:
        ValueError: `data` is an address, or no picture.
    """

    name: str
    width: int
    height: int
    data: str
    credit: str = ""

    def __post_init__(self) -> None:
        if not self.data.startswith("data:image/"):
            raise ValueError(f"The picture {self.name!r} is {self.data[:24]!r}, not a data:image/ URI. Use Image.of.")

    @classmethod
    def of(cls, pixels: Tensor, name: str, *, credit: str = "", quality: int = 88) -> Image:
        """Encode pixels of shape `(3, H, W)`, uint8 or floats in [0, 1], as JPEG.

        The page shows the JPEG; the networks' predictions come from the pixels themselves.

        Args:
            pixels: The picture.
            name: What the page calls it.
            credit: Where it comes from.
            quality: JPEG quality, 1 to 95.

        Raises:
            ValueError: `pixels` has another shape.
            ImportError: Pillow is missing; the message names the extra.
        """
        if pixels.ndim != 3 or pixels.shape[0] != 3:
            raise ValueError(f"pixels has shape {tuple(pixels.shape)}. Give one picture of shape (3, H, W).")
        pixels = pixels.detach().cpu()
        if pixels.is_floating_point():
            pixels = (pixels.float().clamp(0, 1) * 255).round()
        buffer = io.BytesIO()
        picture = require("PIL.Image", extra="report").fromarray(pixels.byte().permute(1, 2, 0).numpy())
        picture.save(buffer, "JPEG", quality=quality, optimize=True)
        data = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        return cls(name=name, width=pixels.shape[2], height=pixels.shape[1], data=data, credit=credit)
