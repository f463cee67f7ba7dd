"""A network's predictions while a window moves over a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from antialias.metrics import Direction, Model, Normalize, shift_averaged_answers

from ._image import Image

DIRECTIONS: dict[Direction, tuple[int, int]] = {"horizontal": (1, 0), "vertical": (0, 1), "diagonal": (1, 1)}
"""Pixels to the right and down of one move."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """Name one class and the probability a network gives it."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Hold one network's most probable classes at each position of the window, best first."""

    network: str
    predictions: tuple[tuple[Prediction, ...], ...] = field(metadata={"formerly": "answers"})

    @classmethod
    def of(cls, network: str, probabilities: Tensor, class_names: Sequence[str] | None, *, top: int = 3) -> Trace:
        """Name the most probable classes of each of N positions.

        Args:
            network: Its name.
            probabilities: Of the classes, `(N, K)`.
            class_names: Name of each class; `None` writes "class 7".
            top: How many classes to keep at each position.

        Raises:
            ValueError: The names are not one a class.
        """
        classes = probabilities.shape[1]
        labels = class_names or [f"class {i}" for i in range(classes)]
        if len(labels) != classes:
            raise ValueError(f"There are {len(labels)} class names for {classes} classes. Give one a class.")
        values, indices = (best.tolist() for best in probabilities.topk(min(top, classes), dim=1))
        predictions = tuple(
            tuple(Prediction(label=labels[i], probability=round(p, 4)) for p, i in zip(*best, strict=True))
            for best in zip(values, indices, strict=True)
        )
        return cls(network=network, predictions=predictions)

    @property
    def labels(self) -> tuple[str, ...]:
        """The first prediction at each position."""
        return tuple(best[0].label for best in self.predictions)

    @property
    def flips(self) -> tuple[int, ...]:
        """The positions at which the first prediction differs from the one before."""
        labels = self.labels
        return tuple(i for i in range(1, len(labels)) if labels[i] != labels[i - 1])


@dataclass(frozen=True, kw_only=True)
class ShiftViewer:
    """Move a window over a picture and show what networks predict at each position.

    Args:
        image: The picture.
        window: Height and width of what a network sees, in pixels.
        path: Left and top of the window at each position.
        traces: The predictions, one trace a network.
        truth: The picture's true class, where known.

    Raises:
        ValueError: There is not one prediction for each position, or the window leaves the picture.
    """

    image: Image = field(metadata={"formerly": "picture"})
    window: tuple[int, int]
    path: tuple[tuple[int, int], ...]
    traces: tuple[Trace, ...]
    truth: str = ""

    def __post_init__(self) -> None:
        for trace in self.traces:
            if len(trace.predictions) != len(self.path):
                raise ValueError(
                    f"{trace.network!r} has {len(trace.predictions)} predictions on {self.image.name!r}, the path "
                    f"{len(self.path)} positions. Give one prediction for each position."
                )
        height, width = self.window
        for left, top in self.path:
            if min(left, top) < 0 or left + width > self.image.width or top + height > self.image.height:
                raise ValueError(
                    f"The window {height}x{width} at left={left}, top={top} leaves {self.image.name!r}, which is "
                    f"{self.image.height}x{self.image.width}. Shorten the path or the window."
                )


def shift_viewer(
    networks: Mapping[str, Model],
    pixels: Tensor,
    name: str,
    *,
    class_names: Sequence[str] | None = None,
    window: int | None = None,
    steps: int = 32,
    direction: Direction = "horizontal",
    top: int = 3,
    truth: str = "",
    credit: str = "",
    normalize: Normalize = "model",
) -> ShiftViewer:
    """Ask every network at every position of a window that moves over a picture pixel by pixel.

    The window is square, seven eighths of the picture's shorter side unless given, and its path is central; where the
    picture has no room for `steps` moves, there are as many as fit.

    Args:
        networks: Classifiers by the name the page shows.
        pixels: One picture `(3, H, W)`, uint8 or floats in [0, 1].
        name: What the page calls the picture.
        class_names: Name of each class; `None` writes "class 7".
        window: Side of the window in pixels.
        steps: Number of one-pixel moves.
        direction: `"horizontal"`, `"vertical"` or `"diagonal"`.
        top: How many classes to keep at each position.
        truth: The picture's true class.
        credit: Where the picture comes from.
        normalize: What the networks expect of pixels; see `antialias.metrics`.

    Raises:
        ValueError: The direction is unknown, the window leaves no room to move, or the names are not one a class.
    """
    image = Image.of(pixels, name, credit=credit)
    (side, _), path = window_path(image, window or 7 * min(image.width, image.height) // 8, steps, direction)
    floats = pixels.float() if pixels.is_floating_point() else pixels.float() / 255
    frames = torch.stack([floats[:, y : y + side, x : x + side] for x, y in path])
    traces = []
    for network, model in networks.items():
        probabilities = class_probabilities(model, frames, normalize)
        traces.append(Trace.of(network, probabilities, class_names, top=top))
    return ShiftViewer(image=image, window=(side, side), path=path, traces=tuple(traces), truth=truth)


def window_path(
    image: Image, window: int | None, steps: int, direction: Direction
) -> tuple[tuple[int, int], tuple[tuple[int, int], ...]]:
    """Return height and width of a window, and its left and top at each position of a central path.

    Args:
        image: Over which it moves.
        window: Its side; seven eighths of the picture's sides if `None`.
        steps: Number of one-pixel moves, fewer where the picture has no room.
        direction: `"horizontal"`, `"vertical"` or `"diagonal"`.

    Raises:
        ValueError: The direction is unknown, or the window leaves no room to move.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r} is unknown. Use one of {', '.join(DIRECTIONS)}.")
    width, height = (window or 7 * side // 8 for side in (image.width, image.height))
    right, down = DIRECTIONS[direction]
    room = (image.width - width, image.height - height)
    moves = min([steps, *(space for space, used in zip(room, (right, down), strict=True) if used)])
    if moves < 1 or min(room) < 0:
        sides = f"{width} pixels" if width == height else f"{height}x{width} pixels"
        raise ValueError(
            f"A window of {sides} has no room to move in {image.name!r}, which is "
            f"{image.height}x{image.width}. Use a smaller window or a larger picture."
        )
    left, upper = (room[0] - right * moves) // 2, (room[1] - down * moves) // 2
    return (height, width), tuple((left + right * i, upper + down * i) for i in range(moves + 1))


def class_probabilities(model: Model, frames: Tensor, normalize: Normalize = "model") -> Tensor:
    """Return class probabilities `(N, K)` of pixels in [0, 1] `(N, 3, h, w)`, of their central squares.

    Example:
        >>> class_probabilities(lambda x: x.mean((2, 3)), torch.zeros(1, 2, 8, 8)).tolist()
        [[0.5, 0.5]]
    """
    side = min(frames.shape[-2:])
    return shift_averaged_answers(model, frames, shifts=0, window=side, normalize=normalize, batch_size=16).cpu()
