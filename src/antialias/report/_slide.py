"""A network's answers while a window moves over a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from antialias.metrics import Direction, Model, Normalize

from ._ask import probabilities
from ._pictures import Answer, Picture, Slider, Trace

DIRECTIONS: dict[Direction, tuple[int, int]] = {"horizontal": (1, 0), "vertical": (0, 1), "diagonal": (1, 1)}


def slide(
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
) -> Slider:
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
        ValueError: The direction is unknown, or the window leaves no room to move.
    """
    picture = Picture.of(pixels, name, credit=credit)
    side = window or 7 * min(picture.width, picture.height) // 8
    path = _path(picture, side, steps, direction)
    shown = pixels.float() if pixels.is_floating_point() else pixels.float() / 255
    frames = torch.stack([shown[:, y : y + side, x : x + side] for x, y in path])
    traces = tuple(
        Trace(network=key, answers=_answers(probabilities(model, frames, normalize), class_names, top))
        for key, model in networks.items()
    )
    return Slider(picture=picture, window=(side, side), path=path, traces=traces, truth=truth)


def _path(picture: Picture, side: int, steps: int, direction: Direction) -> tuple[tuple[int, int], ...]:
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r} is unknown. Use one of {', '.join(DIRECTIONS)}.")
    right, down = DIRECTIONS[direction]
    room = (picture.width - side, picture.height - side)
    moves = min([steps, *(space for space, used in zip(room, (right, down), strict=True) if used)])
    if moves < 1 or min(room) < 0:
        raise ValueError(
            f"A window of {side} pixels has no room to move in {picture.name!r}, which is "
            f"{picture.height}x{picture.width}. Use a smaller window or a larger picture."
        )
    left, top = (room[0] - right * moves) // 2, (room[1] - down * moves) // 2
    return tuple((left + right * i, top + down * i) for i in range(moves + 1))


def _answers(probabilities: Tensor, names: Sequence[str] | None, top: int) -> tuple[tuple[Answer, ...], ...]:
    if names is not None and len(names) != probabilities.shape[1]:
        raise ValueError(f"There are {len(names)} class names for {probabilities.shape[1]} classes. Give one a class.")
    values, indices = probabilities.topk(min(top, probabilities.shape[1]), dim=1)
    labels = names or [f"class {i}" for i in range(probabilities.shape[1])]
    return tuple(
        tuple(Answer(label=labels[i], probability=round(p, 4)) for p, i in zip(best, chosen, strict=True))
        for best, chosen in zip(values.tolist(), indices.tolist(), strict=True)
    )
