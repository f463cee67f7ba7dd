"""What detectors find in a picture while a window moves over it: which appear, which vanish, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from antialias.metrics import Direction, Instances, Model, Normalize, SameInstance, Track, track_instances
from antialias.metrics.detection import TRACKED

from ._image import Image
from ._viewer import window_path

_OUTLINE = 192
"""Outlines of masks are of at most so many pixels along the longer side."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class MovingObject:
    """Follow one object of a detector along the window's path.

    Args:
        label: Its class.
        scores: How sure the detector is of it at each position, `None` where it does not find it.
        boxes: `x1, y1, x2, y2` in pixels of the picture.
        outlines: Its mask at each position as an SVG path in pixels of the picture, empty where there is none.
    """

    label: str
    scores: tuple[float | None, ...]
    boxes: tuple[Box | None, ...]
    outlines: tuple[str, ...]

    def counts(self, least: float) -> tuple[bool, ...]:
        """Say at which positions it counts: its score is at least `least`."""
        return tuple(score is not None and score >= least for score in self.scores)


@dataclass(frozen=True, kw_only=True)
class InstanceTrace:
    """Hold what one detector finds along the path, the surest object first."""

    network: str
    objects: tuple[MovingObject, ...]

    def changes(self, least: float) -> tuple[tuple[int, int], ...]:
        """Count, for each position, the objects that appear and that vanish there, beside the position before.

        Args:
            least: From which score an object counts.
        """
        rows = [one.counts(least) for one in self.objects]
        length = len(self.objects[0].scores) if self.objects else 0
        return tuple(
            (
                sum(row[i] and not row[i - 1] for row in rows) if i else 0,
                sum(row[i - 1] and not row[i] for row in rows) if i else 0,
            )
            for i in range(length)
        )


@dataclass(frozen=True, kw_only=True)
class InstanceView:
    """Move a window over a picture and show what detectors find at each position.

    Args:
        image: The picture.
        window: Height and width of what a detector sees, in pixels.
        path: Left and top of the window at each position.
        least: From which score an object counts.
        traces: What is found, one trace a network.

    Raises:
        ValueError: An object has not one score, box and outline for each position.
    """

    image: Image
    window: tuple[int, int]
    path: tuple[tuple[int, int], ...]
    least: float
    traces: tuple[InstanceTrace, ...]

    def __post_init__(self) -> None:
        for trace in self.traces:
            for one in trace.objects:
                lengths = {len(one.scores), len(one.boxes), len(one.outlines)}
                if lengths != {len(self.path)}:
                    raise ValueError(
                        f"An object of {trace.network!r} on {self.image.name!r} has {len(one.scores)} scores, "
                        f"{len(one.boxes)} boxes and {len(one.outlines)} outlines, the path {len(self.path)} "
                        "positions. Give one of each for each position."
                    )


def instance_view(
    networks: Mapping[str, Model],
    pixels: Tensor,
    name: str,
    *,
    class_names: Sequence[str] | None = None,
    window: int | None = None,
    steps: int = 16,
    direction: Direction = "diagonal",
    same: SameInstance | None = None,
    most: int = 8,
    credit: str = "",
    normalize: Normalize = "model",
) -> InstanceView:
    """Show detectors every position of a window that moves over a picture, and follow what they find.

    The window is seven eighths of the picture's sides unless given; instances of neighbouring positions are matched by
    `antialias.metrics.track_instances`, without labels.

    Args:
        networks: Detectors by the name the page shows.
        pixels: One picture `(3, H, W)`, uint8 or floats in [0, 1].
        name: What the page calls the picture.
        class_names: Name of each class, the first that of label 1, for 0 is the background; `None` writes "class 7".
        window: Side of the window in pixels.
        steps: Number of one-pixel moves, fewer where the picture has no room.
        direction: `"horizontal"`, `"vertical"` or `"diagonal"`.
        same: When two instances of neighbouring positions are one (default: boxes with an IoU above 0.5), and from
            which score they count.
        most: How many objects of a network are shown, the surest ones.
        credit: Where the picture comes from.
        normalize: What the networks expect of pixels; see `antialias.metrics`.

    Raises:
        ValueError: The direction is unknown, or the window leaves no room to move.
    """
    same, image = same or TRACKED, Image.of(pixels, name, credit=credit)
    size, path = window_path(image, window, steps, direction)
    (height, width), floats = size, pixels.float() if pixels.is_floating_point() else pixels.float() / 255
    windows: Any = [floats[:, y : y + height, x : x + width] for x, y in path]
    traces = []
    for network, model in networks.items():
        adapter = Instances.of(model, normalize=normalize)
        batches = [windows[i : i + adapter.batch_size] for i in range(0, len(windows), adapter.batch_size)]
        answers = [found for batch in batches for found in adapter(batch)]
        traces.append(instance_trace(network, answers, path, size, class_names=class_names, same=same, most=most))
    return InstanceView(image=image, window=size, path=path, least=same.score, traces=tuple(traces))


def instance_trace(
    network: str,
    answers: Sequence[Mapping[str, Tensor]],
    path: Sequence[tuple[int, int]],
    size: tuple[int, int],
    *,
    class_names: Sequence[str] | None = None,
    same: SameInstance = TRACKED,
    most: int = 8,
) -> InstanceTrace:
    """Follow what a detector has found in windows of an image.

    Args:
        network: Its name.
        answers: What it found in each window.
        path: Left and top of each window.
        size: Height and width of the windows.
        class_names: As in `instance_view`, and so are the others.
        same: When two instances of neighbouring positions are one, and from which score they count.
        most: How many objects are returned, the surest ones.
    """
    corners = [(y, x) for x, y in path]
    tracks = track_instances(answers, corners, size, same=same)[:most]
    return InstanceTrace(network=network, objects=tuple(_moving(track, corners, class_names or ()) for track in tracks))


def _moving(track: Track, corners: Sequence[tuple[int, int]], class_names: Sequence[str]) -> MovingObject:
    """Return a track in the picture's coordinates."""
    known = 0 < track.label <= len(class_names)
    scores, boxes, outlines = [], [], []
    for number, (top, left) in enumerate(corners):
        seen = track.sightings.get(number, {})
        scores.append(round(float(seen["score"]), 4) if seen else None)
        x1, y1, x2, y2 = seen["box"].tolist() if "box" in seen else [0.0] * 4
        box = (round(x1 + left, 1), round(y1 + top, 1), round(x2 + left, 1), round(y2 + top, 1))
        boxes.append(box if "box" in seen else None)
        outlines.append(outline(seen["mask"], (left, top)) if "mask" in seen else "")
    label = class_names[track.label - 1] if known else f"class {track.label}"
    return MovingObject(label=label, scores=tuple(scores), boxes=tuple(boxes), outlines=tuple(outlines))


def outline(mask: Tensor, origin: tuple[int, int] = (0, 0)) -> str:
    """Return the outline of a mask `(h, w)` as an SVG path along the edges of its pixels.

    Args:
        mask: The mask, `bool`.
        origin: x and y of its first pixel.

    Example:
        >>> import torch
        >>> outline(torch.tensor([[False, True], [False, True]]), (10, 20))
        'M11 20H12V22H11Z'
    """
    factor = -(-max(mask.shape) // _OUTLINE)
    coarse = F.max_pool2d(mask[None].float(), factor, ceil_mode=True)[0] > 0 if factor > 1 else mask
    padded = F.pad(coarse, (1, 1, 1, 1))
    # Clockwise, so that the mask is on the right: above to the right, right side down, below to the left, left side up.
    sides = (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    )
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for neighbour, (x1, y1), (x2, y2) in sides:
        for y, x in (coarse & ~neighbour).nonzero().tolist():
            following.setdefault((x + x1, y + y1), []).append((x + x2, y + y2))
    path = ""
    while following:
        loop = [next(iter(following))]
        while ends := following.get(loop[-1]):
            point = ends.pop()
            if not ends:
                del following[loop[-1]]
            loop.append(point)
        turns = [b for a, b, c in zip(loop[-2:-1] + loop, loop, loop[1:]) if (a[0] == b[0]) != (b[0] == c[0])]  # noqa: B905
        (x, y), *rest = [(factor * x + origin[0], factor * y + origin[1]) for x, y in turns]
        path += f"M{x} {y}"
        for corner in rest:
            path += f"V{corner[1]}" if corner[0] == x else f"H{corner[0]}"
            x, y = corner
        path += "Z"
    return path
