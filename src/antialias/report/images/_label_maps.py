"""What segmenters answer on a picture, and which pixels change their class while it moves."""

from __future__ import annotations

import base64
import colorsys
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from antialias._extras import require
from antialias.metrics import LabelMaps, Model, Normalize

from ._image import Image

_IGNORED = 255


@dataclass(frozen=True, kw_only=True)
class LabelMap:
    """Hold one segmenter's answer on a picture.

    Args:
        network: Its name.
        labels: The classes of the first window's pixels, in the colours of the view's legend.
        flips: How often each pixel changed its class, from dark (never) to bright (the view's `most`).
        share: Of pixels that change their class when the picture moves by one pixel.
        ever: Share of pixels that changed it at least once.
    """

    network: str
    labels: Image
    flips: Image
    share: float
    ever: float


@dataclass(frozen=True, kw_only=True)
class SegmentationView:
    """Show what segmenters answer on one picture, and where the answer changes while a window moves over it.

    Args:
        image: What the first window sees.
        maps: One a network.
        moves: Number of one-pixel moves, diagonally.
        most: Most changes of any pixel in any network: the bright end of every map of flips.
        legend: Name and colour, as `#rrggbb`, of each class that is answered somewhere.
    """

    image: Image
    maps: tuple[LabelMap, ...]
    moves: int
    most: int
    legend: tuple[tuple[str, str], ...]


def segmentation_view(
    networks: Mapping[str, Model],
    pixels: Tensor,
    name: str,
    *,
    class_names: Sequence[str] | None = None,
    moves: int = 16,
    multiple: int | None = None,
    normalize: Normalize = "model",
    credit: str = "",
) -> SegmentationView:
    """Move a window diagonally over a picture and count, pixel by pixel, how often each segmenter changes its answer.

    A pixel is compared between two windows that both show it; which of them shows it where does not matter to a network
    that moves with its input.

    Args:
        networks: Segmenters by the name the page shows.
        pixels: One picture `(3, H, W)`, uint8 or floats in [0, 1].
        name: What the page calls the picture.
        class_names: Name of each class; `None` writes "class 7".
        moves: Number of one-pixel moves, fewer where the picture has no room.
        multiple: What heights and widths that the networks see are multiples of; as in `antialias.metrics`.
        normalize: What the networks expect of pixels; see `antialias.metrics`.
        credit: Where the picture comes from.

    Raises:
        ValueError: The picture leaves no room to move.
    """
    floats = pixels.float() if pixels.is_floating_point() else pixels.float() / 255
    adapters = {
        network: LabelMaps.of(model, normalize=normalize, **({} if multiple is None else {"multiple": multiple}))
        for network, model in networks.items()
    }
    step = max(adapter.sides_of for adapter in adapters.values())
    height, width = ((side - min(moves, side // 8)) // step * step for side in pixels.shape[-2:])
    room = min(pixels.shape[-2] - height, pixels.shape[-1] - width, moves)
    if min(height, width) < 1 or room < 1:
        raise ValueError(
            f"{name!r} of {pixels.shape[-2]}x{pixels.shape[-1]} leaves a window of multiples of {step} no room to "
            "move. Use a larger picture."
        )
    windows = torch.stack([floats[:, i : i + height, i : i + width] for i in range(room + 1)])
    answers = {
        network: torch.cat([adapter(one[None]).cpu() for one in windows]) for network, adapter in adapters.items()
    }
    flips = {network: changes_along(labels) for network, labels in answers.items()}
    most = max(1, *(int(counts.max()) for counts in flips.values()))
    present = sorted({int(label) for labels in answers.values() for label in labels[0].unique()})
    maps = []
    for network, labels in answers.items():
        maps.append(
            LabelMap(
                network=network,
                labels=label_image(labels[0], f"{name}, classes of {network}"),
                flips=ramped_image(flips[network] / most, f"{name}, flips of {network}"),
                share=round(share_of_changes(labels), 6),
                ever=round(float((flips[network] > 0).float().mean()), 6),
            )
        )
    legend = tuple(legend_entry(label, class_names) for label in present)
    first = Image.of(windows[0], name, credit=credit)
    return SegmentationView(image=first, maps=tuple(maps), moves=room, most=most, legend=legend)


def changes_along(labels: Tensor) -> Tensor:
    """Count how often each pixel changed its class while a window moved diagonally.

    Args:
        labels: Classes `(M + 1, H, W)` in windows each of which begins one pixel further down and right.

    Returns:
        Changes `(H, W)` of the pixels of the first window, as far as they stay in view.

    Example:
        >>> labels = torch.tensor([[[0, 0], [0, 1]], [[2, 0], [0, 0]]])
        >>> changes_along(labels)
        tensor([[0, 0],
                [0, 1]])
    """
    counts = torch.zeros(labels.shape[1:], dtype=torch.long)
    for number, (before, after) in enumerate(pairwise(labels)):
        changed = before[1:, 1:] != after[:-1, :-1]
        seen = changed[: max(changed.shape[0] - number, 0), : max(changed.shape[1] - number, 0)]
        counts[number + 1 : number + 1 + seen.shape[0], number + 1 : number + 1 + seen.shape[1]] += seen
    return counts


def share_of_changes(labels: Tensor) -> float:
    """Return the mean share of pixels that two windows next to each other classify differently.

    Args:
        labels: As for `changes_along`.
    """
    return float((labels[:-1, 1:, 1:] != labels[1:, :-1, :-1]).float().mean())


def class_colour(label: int) -> tuple[int, int, int]:
    """Return a colour for a class, dark grey for class 0 and what is ignored, others far from their neighbours.

    Example:
        >>> class_colour(0), class_colour(1) != class_colour(2)
        ((58, 62, 68), True)
    """
    if label in (0, _IGNORED):
        return (58, 62, 68)
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1, (0.75, 0.5)[label % 2], (0.95, 0.8)[label // 2 % 2])
    return round(255 * red), round(255 * green), round(255 * blue)


def legend_entry(label: int, class_names: Sequence[str] | None) -> tuple[str, str]:
    """Return a class's name and its colour as `#rrggbb`.

    Example:
        >>> legend_entry(0, ["road"]), legend_entry(1, None)[0]
        (('road', '#3a3e44'), 'class 1')
    """
    known = class_names or ()
    colour = "#{:02x}{:02x}{:02x}".format(*class_colour(label))
    return known[label] if label < len(known) else f"class {label}", colour


def label_image(labels: Tensor, name: str) -> Image:
    """Draw classes `(H, W)` in their colours.

    Args:
        labels: The classes.
        name: What the page calls it.
    """
    return _png(torch.tensor([class_colour(label) for label in range(int(labels.max()) + 1)])[labels.long()], name)


def ramped_image(shares: Tensor, name: str) -> Image:
    """Draw shares in [0, 1] `(H, W)` from near black over red to light yellow.

    Args:
        shares: The shares.
        name: What the page calls it.
    """
    stops = torch.tensor([[22.0, 24, 28], [150, 30, 70], [240, 110, 40], [255, 240, 160]])
    place = shares.clamp(0, 1) * (len(stops) - 1)
    low = place.floor().long().clamp(max=len(stops) - 2)
    return _png(stops[low] + (place - low)[..., None] * (stops[low + 1] - stops[low]), name)


def _png(pixels: Tensor, name: str) -> Image:
    """Encode colours `(H, W, 3)` in 0 to 255 without loss."""
    buffer = io.BytesIO()
    picture = require("PIL.Image", extra="report").fromarray(pixels.round().byte().numpy())
    picture.save(buffer, "PNG", optimize=True)
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Image(name=name, width=pixels.shape[1], height=pixels.shape[0], data=data)
