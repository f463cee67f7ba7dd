"""Scores of change: flip rates against shift distance, and the one-pixel protocols of Azulay and Weiss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, Unpack

import torch
from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics._adapter import ClassScores, Model, Options, check_positive
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._score import Curve, Score
from antialias.metrics.classification._formulas import flips, pair_absolute_change, pair_change
from antialias.metrics.inputs import _shifts
from antialias.metrics.inputs._images import Images, Sample

Direction = Literal["horizontal", "vertical", "diagonal"]
Shift = Literal["crop", "embed", "inpaint", "scale"]

_STEPS = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1)}
_SHIFTS = {
    "crop": "a window moves over the picture",
    "embed": "the shrunken picture moves on black (zeros in pixel space)",
    "inpaint": "the shrunken picture moves with a surround diffused from its border",
    "scale": "the shrunken picture, centred on black (zeros in pixel space), grows",
}


@renamed_keywords(pairs="passes", repeats="passes")
def flip_rate(
    model: Model,
    images: Images,
    distances: Iterable[int] = range(1, 9),
    direction: Direction = "horizontal",
    *,
    passes: int = 1,
    window: int | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> Curve:
    """Measure how often moving the window by each distance changes the top-1 class.

    One number hides the shape: an aliasing network flips as often at one pixel as at eight and comes back at multiples
    of its stride, a stable one rises slowly. Each picture has one random start per pass; all its distances share it.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        images: As in `consistency`.
        distances: Shifts in pixels.
        direction: `"horizontal"`, `"vertical"` or `"diagonal"` (both at once).
        passes: Random starts per picture.
        window: Side of the windows; default 7/8 of the shorter side, less where the longest shift needs room.
        seed: Chooses the starts.
        **options: See `Options`.

    Raises:
        ValueError: no distance, a distance below 1, or no room in the picture.

    Example:
        >>> import torch
        >>> corner = lambda x: torch.stack([x[:, 0, 0, 0], 1 - x[:, 0, 0, 0]], 1)
        >>> stripes = (torch.arange(64) % 2).float().expand(30, 3, 64, 64)
        >>> flip_rate(corner, stripes, distances=(1, 2, 3)).values
        [1.0, 0.0, 1.0]
    """
    steps = list(distances)
    if direction not in _STEPS:
        raise ValueError(f'direction="{direction}" is unknown. Use "horizontal", "vertical" or "diagonal".')
    if not steps or min(steps) < 1:
        raise ValueError(f"distances={steps} are not shifts. Use one or more, each at least 1 pixel.")
    check_positive(passes=passes)
    moves = torch.tensor([0, *steps])[:, None] * torch.tensor(_STEPS[direction])

    def frames(sample: Sample) -> Tensor:
        square = _shifts.central_square(sample.batch)
        size = window_with_room(square.shape[-1], window, max(steps))
        room = square.shape[-1] - size - max(steps) + 1
        starts = _shifts.random_offsets(room, passes, seed=seed, index=sample.index)
        offsets = (starts[:, None] + moves).flatten(0, 1)
        return _shifts.slide(square[0], offsets, size)

    def row(_: Sample, logits: Tensor) -> Tensor:
        answers = logits.unflatten(0, (passes, -1))[None]
        return flips(answers[:, :, 0], answers[:, :, 1:])

    measured = measure(images, [Show(ClassScores.of(model, **options), frames)], row)
    scores = {
        distance: about(
            measured,
            "flip rate",
            f"{distance} pixel{'s' * (distance > 1)} {direction}, seed {seed}",
            measured.rows[:, column],
            distance=distance,
            direction=direction,
            windows=_windows(window, max(steps)),
            starts="per picture and pass, uniform where all distances fit",
            passes=passes,
            seed=seed,
        ).score()
        for column, distance in enumerate(steps)
    }
    return Curve("flip rate", direction, scores)


class OnePixelChanges(NamedTuple):
    """Both scores of one pass over the frames."""

    top1_change: Score
    mean_absolute_change: Score


@renamed_keywords(pairs="passes", repeats="passes")
def one_pixel_changes(
    model: Model,
    images: Images,
    *,
    shift: Shift = "crop",
    passes: int = 8,
    size: int | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> OnePixelChanges:
    """Measure P(top-1 change) and mean absolute change over consecutive one-pixel steps, in one pass.

    Every picture gives `passes + 1` frames, each one diagonal pixel (or one pixel of size) from the one before.
    P(top-1 change) is the share of steps with another top-1 class; mean absolute change is the mean of
    |p1[a] - p2[a]| with a = arg max p1 and p = softmax.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        images: As in `consistency`; the central square is used, of side S.
        shift: `"crop"`: a window moves over the picture. `"embed"`: the picture, shrunk, moves on an S x S black
            frame. `"inpaint"`: the same with a surround diffused from its border. `"scale"`: shrunk and centred on
            black, it grows by one pixel a step.
        passes: Steps per picture.
        size: Crop: side of the window (default 7/8 of S, less where the steps need room). Else: side of the shrunken
            picture (default S // 2).
        seed: Chooses the place of the window or of the shrunken picture.
        **options: See `Options`.

    Raises:
        ValueError: `shift` is unknown or the steps do not fit the picture.

    Source: Azulay & Weiss, "Why do deep convolutional networks generalize so poorly to small image
    transformations?", JMLR 2019 (arXiv 1805.12177), section 2. Size and place are this library's choices.
    """
    if shift not in _SHIFTS:
        raise ValueError(f'shift="{shift}" is unknown. Use "crop", "embed", "inpaint" or "scale".')
    check_positive(passes=passes)

    def frames(sample: Sample) -> Tensor:
        return one_pixel_frames(sample.batch, shift=shift, passes=passes, size=size, seed=seed, first=sample.index)[0]

    def row(_: Sample, logits: Tensor) -> Tensor:
        before, after = logits[None, :-1], logits[None, 1:]
        return torch.stack([pair_change(before, after), pair_absolute_change(before, after)], 1)

    measured = measure(images, [Show(ClassScores.of(model, **options), frames)], row)
    step = "one-pixel size" if shift == "scale" else "diagonal one-pixel"
    words = f"{passes} {step} step{'s' * (passes > 1)} each, {shift}, seed {seed}"
    default = _windows(None, passes)["size"] if shift == "crop" else "floor(shorter side / 2)"
    protocol = {
        "shift": shift,
        "method": _SHIFTS[shift],
        "pairs": passes,
        "size": default if size is None else size,
        "interpolation": None if shift == "crop" else "bilinear, anti-aliased",
        "seed": seed,
    }
    names = ("P(top-1 change)", "mean absolute change")
    columns = zip(names, measured.rows.unbind(1), strict=True)
    return OnePixelChanges(*(about(measured, name, words, column, **protocol).score() for name, column in columns))


@renamed_keywords(pairs="passes", repeats="passes")
def top1_change(
    model: Model,
    images: Images,
    *,
    shift: Shift = "crop",
    passes: int = 8,
    size: int | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> Score:
    """Measure P(top-1 change): see `one_pixel_changes`, which gives both scores for the price of one.

    Args:
        model: As in `one_pixel_changes`, and so are the others.
        images: What is shown.
        shift: How the image moves.
        passes: Steps per image.
        size: Side of the window or of the shrunken image.
        seed: Chooses the place.
        **options: See `Options`.
    """
    scores = one_pixel_changes(model, images, shift=shift, passes=passes, size=size, seed=seed, **options)
    return scores.top1_change


@renamed_keywords(pairs="passes", repeats="passes")
def mean_absolute_change(
    model: Model,
    images: Images,
    *,
    shift: Shift = "crop",
    passes: int = 8,
    size: int | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> Score:
    """Measure mean absolute change of confidence: see `one_pixel_changes`, which gives both for the price of one.

    Args:
        model: As in `one_pixel_changes`, and so are the others.
        images: What is shown.
        shift: How the image moves.
        passes: Steps per image.
        size: Side of the window or of the shrunken image.
        seed: Chooses the place.
        **options: See `Options`.
    """
    scores = one_pixel_changes(model, images, shift=shift, passes=passes, size=size, seed=seed, **options)
    return scores.mean_absolute_change


@renamed_keywords(pairs="passes", repeats="passes")
def one_pixel_frames(
    images: Tensor, *, shift: Shift = "crop", passes: int = 8, size: int | None = None, seed: int = 0, first: int = 0
) -> Tensor:
    """Make the frames of `one_pixel_changes` from `(N, C, H, W)`: `(N, passes + 1, C, h, w)`.

    Args:
        images: Pixels in [0, 1].
        shift: As in `one_pixel_changes`, and so are `passes`, `size` and `seed`.
        passes: Steps per image.
        size: Side of the window or of the shrunken image.
        seed: Chooses the place.
        first: Number of the first image within its data set.

    Raises:
        ValueError: The steps do not fit the images.

    Example:
        >>> import torch
        >>> one_pixel_frames(torch.rand(2, 3, 64, 64), shift="embed").shape
        torch.Size([2, 9, 3, 64, 64])
    """
    squares = _shifts.central_square(images)
    return torch.stack([_frames(square, shift, passes, size, seed, first + i) for i, square in enumerate(squares)])


def _frames(square: Tensor, shift: str, passes: int, size: int | None, seed: int, index: int) -> Tensor:
    side = square.shape[-1]
    if shift == "crop":
        size = window_with_room(side, size, passes)
        start = _shifts.random_offsets(side - size - passes + 1, 1, seed=seed, index=index)
        return _shifts.slide(square, start + torch.arange(passes + 1)[:, None], size)
    size = _embedded_size(side, size, passes)
    if shift == "scale":
        return _shifts.scaled_on_black(square, range(size, size + passes + 1), side)
    start = _shifts.random_offsets(side - size - passes + 1, 1, seed=seed, index=index)
    fill = "inpaint" if shift == "inpaint" else "black"
    canvas = _shifts.embed(_shifts.resized(square[None], size), side + passes, start + passes, fill)[0]
    return _shifts.slide(canvas, (passes - torch.arange(passes + 1))[:, None].expand(-1, 2), side)


def window_with_room(side: int, window: int | None, longest: int) -> int:
    """Return the side of the windows that can move by `longest` pixels over an image of `side`.

    Raises:
        ValueError: There is no room for the move.
    """
    size = min(_shifts.default_window(side), side - longest) if window is None else window
    if size < 1 or size + longest > side:
        raise ValueError(
            f"a shift of {longest} pixels needs window + {longest} pixels and the picture has {side}. "
            + (f"Use window={side - longest} or less." if side > longest else "Use larger pictures or shorter shifts.")
        )
    return size


def _embedded_size(side: int, size: int | None, passes: int) -> int:
    size = side // 2 if size is None else size
    if size < 1 or size + passes > side:
        raise ValueError(
            f"size={size} and {passes} steps do not fit a frame of {side} pixels. "
            + (f"Use size={side - passes} or less." if side > passes else "Use larger pictures or fewer passes.")
        )
    return size


def _windows(window: int | None, longest: int) -> dict[str, Any]:
    size = f"min(floor(7/8 * shorter side), shorter side - {longest})" if window is None else window
    return {"size": size, "cut_from": "central square"}
