"""Pictures, a network's answers while they move, and maps of its predicted filters."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

from torch import Tensor

from antialias._extras import require


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Hold one picture as the page shows it: its name, size in pixels and bytes as a `data:` URI."""

    name: str
    width: int
    height: int
    data: str
    credit: str = ""

    def __post_init__(self) -> None:
        if not self.data.startswith("data:image/"):
            raise ValueError(f"The picture {self.name!r} is {self.data[:24]!r}, not a data:image/ URI. Use Picture.of.")

    @classmethod
    def of(cls, pixels: Tensor, name: str, *, credit: str = "", quality: int = 88) -> Picture:
        """Encode pixels of shape `(3, H, W)`, uint8 or floats in [0, 1], as JPEG.

        The page shows the JPEG; the networks' answers come from the pixels themselves.

        Args:
            pixels: The picture.
            name: What the page calls it.
            credit: Where it comes from.
            quality: JPEG quality, 1 to 95.

        Raises:
            ValueError: `pixels` has another shape.
        """
        if pixels.ndim != 3 or pixels.shape[0] != 3:
            raise ValueError(f"pixels has shape {tuple(pixels.shape)}. Give one picture of shape (3, H, W).")
        image = require("PIL.Image", extra="report")
        buffer = io.BytesIO()
        image.fromarray(_bytes(pixels).permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality, optimize=True)
        data = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        return cls(name=name, width=pixels.shape[2], height=pixels.shape[1], data=data, credit=credit)


def _bytes(pixels: Tensor) -> Tensor:
    pixels = pixels.detach().cpu()
    return (pixels.float().clamp(0, 1) * 255).round().byte() if pixels.is_floating_point() else pixels.byte()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Name one class and the probability a network gives it."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Hold one network's most probable classes at each position of the window, best first."""

    network: str
    answers: tuple[tuple[Answer, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The first answer at each position."""
        return tuple(best[0].label for best in self.answers)

    @property
    def flips(self) -> tuple[int, ...]:
        """The positions at which the first answer differs from the one before."""
        labels = self.labels
        return tuple(i for i in range(1, len(labels)) if labels[i] != labels[i - 1])


@dataclass(frozen=True, kw_only=True)
class Slider:
    """Move a window over a picture and show what networks answer at each position.

    Args:
        picture: The picture.
        window: Height and width of what a network sees, in pixels.
        path: Left and top of the window at each position.
        traces: The answers, one trace a network.
        truth: The picture's true class, where known.
    """

    picture: Picture
    window: tuple[int, int]
    path: tuple[tuple[int, int], ...]
    traces: tuple[Trace, ...]
    truth: str = ""

    def __post_init__(self) -> None:
        for trace in self.traces:
            if len(trace.answers) != len(self.path):
                raise ValueError(
                    f"{trace.network!r} has {len(trace.answers)} answers on {self.picture.name!r}, the path "
                    f"{len(self.path)} positions. Give one answer for each position."
                )
        for left, top in self.path:
            if not self._holds(left, top):
                height, width = self.window
                raise ValueError(
                    f"The window {height}x{width} at left={left}, top={top} leaves {self.picture.name!r}, which is "
                    f"{self.picture.height}x{self.picture.width}. Shorten the path or the window."
                )

    def _holds(self, left: int, top: int) -> bool:
        height, width = self.window
        inside = left + width <= self.picture.width and top + height <= self.picture.height
        return left >= 0 and top >= 0 and inside


@dataclass(frozen=True, kw_only=True)
class SiteMap:
    """Map one site's filter variance over the picture, row by row; `taps` is the filter's number of weights."""

    site: str
    height: int
    width: int
    taps: int
    values: tuple[float, ...]

    @classmethod
    def of(cls, site: str, variance: Tensor, *, taps: int) -> SiteMap:
        """Make a map of a tensor of shape `(H, W)`; values keep four significant digits."""
        if variance.ndim != 2:
            raise ValueError(f"The map of {site!r} has shape {tuple(variance.shape)}. Give one picture's map, (H, W).")
        values = tuple(float(f"{value:.4g}") for value in variance.flatten().tolist())
        return cls(site=site, height=variance.shape[0], width=variance.shape[1], taps=taps, values=values)


@dataclass(frozen=True, kw_only=True)
class FilterMaps:
    """Show, for one picture and each site of a network, where the predicted filters blur and where they do not."""

    picture: Picture
    network: str
    sites: tuple[SiteMap, ...]
