"""Scores of staying the same: random windows, circular and fractional shifts, the worst of a grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, Unpack

import torch
from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics._adapter import ClassScores, Model, Options, check_positive
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._measurement import Measurement
from antialias.metrics._score import Score
from antialias.metrics.classification._formulas import all_agree, correct, counted_if, pair_agreement
from antialias.metrics.inputs import _shifts
from antialias.metrics.inputs._images import Images, Sample

_ON_CORRECT = " on correctly classified pictures"
_COUNTED = "pictures whose central window is classified correctly"


@renamed_keywords(pairs="passes", repeats="passes")
def consistency(
    model: Model,
    images: Images,
    *,
    passes: int = 5,
    window: int | None = None,
    seed: int = 0,
    labels: Tensor | None = None,
    only_correct: bool = False,
    **options: Unpack[Options],
) -> Score:
    """Measure how often two random windows of one picture get the same top-1 class.

    Each pair is drawn per picture, from (seed, number of the picture, pass), so neither batch size nor loader changes
    the score. A classifier that always says the same is 100 % consistent: show accuracy beside it, or pass labels and
    `only_correct=True`, which counts the pictures whose central window is classified correctly.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`. A module runs in eval mode, then gets its
            training flags back.
        images: Floats in [0, 1], `(N, 3, H, W)`, or an iterable of such tensors or of `(images, labels)`.
        passes: Pairs per picture.
        window: Side of the windows in pixels; default 7/8 of the picture's shorter side, rounded down (224 of 256).
        seed: Chooses the offsets, from {0..d-1}^2 with d = shorter side - window.
        labels: Classes `(N,)`, where the iterable does not give them.
        only_correct: Count pictures classified correctly only.
        **options: `normalize`, `resize`, `batch_size`, `level`, `progress`: see `Options`.

    Raises:
        ValueError: images, window or logits cannot be measured; the message says what to change.

    Example:
        >>> import torch
        >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1)
        >>> print(consistency(brightness, torch.ones(20, 3, 64, 64)))  # doctest: +NORMALIZE_WHITESPACE
        classification consistency 100.0 % (95 % interval 83.9 to 100.0; 20 images, 5 pairs each of 56-pixel windows
        out of 64, seed 0)

    Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, section 4.1; Zou et al., BMVC 2020.
    """
    check_positive(passes=passes)

    def frames(sample: Sample) -> Tensor:
        shown = _shifts.windows(sample.batch, 2 * passes, window=window, seed=seed, first=sample.index)[0]
        return torch.cat([shown, _shifts.centre_window(sample.batch, shown.shape[-1])]) if only_correct else shown

    def row(sample: Sample, logits: Tensor) -> Tensor:
        agreed = _pairwise(logits[: 2 * passes])
        if not only_correct:
            return agreed
        return counted_if(agreed, correct(logits[-1:], label_of(sample)))

    measured = measure(images, [Show(ClassScores.of(model, **options), frames)], row, labels)
    low, high = measured.protocol["pictures"]["shorter_side"]
    sides = f"{low}" if low == high else f"{low} to {high}"
    side = f"{_shifts.default_window(low) if window is None else window}-pixel windows"
    windows = "windows of 7/8 of the shorter side" if window is None and low != high else side
    return about(
        measured,
        "classification consistency" + _ON_CORRECT * only_correct,
        f"{pairs_in_words(passes)} of {windows} out of {sides}, seed {seed}",
        passes=passes,
        windows=window_protocol(window),
        offsets="per picture, uniform on {0..d-1}^2, d = shorter side - window; both windows of a pair independently",
        counted=_COUNTED if only_correct else "all pictures",
        seed=seed,
    ).score()


def on_correct(same: Score, right: Score) -> Score | None:
    """Restrict a consistency to the pictures that an accuracy of the same windows counts as right.

    It is what `consistency(only_correct=True)` measures, without another pass.

    Args:
        same: What `consistency` returned.
        right: What `accuracy` returned for the same pictures, `window` being the consistency's.

    Returns:
        The score, or `None` where no picture is right.

    Raises:
        ValueError: The scores come from different numbers of pictures.
    """
    if len(same.per_image) != len(right.per_image):
        raise ValueError(
            f"the scores come from {len(same.per_image)} and {len(right.per_image)} pictures. Measure both on the same."
        )
    if not right.per_image.any():
        return None
    rows, protocol = counted_if(same.per_image, right.per_image), {**same.protocol, "counted": _COUNTED}
    return Measurement(same.name + _ON_CORRECT, rows, protocol, same.level).score()


@renamed_keywords(pairs="passes", repeats="passes")
def circular_consistency(
    model: Model,
    images: Images,
    *,
    passes: int = 5,
    limit: int | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> Score:
    """Measure how often two random circular shifts of one picture get the same top-1 class.

    Nothing enters or leaves the picture, so this isolates the network's own sampling: exactly 100 % is reachable, and
    polyphase networks with circular padding reach it. Both pictures of a pair are rolled, by whole offsets from
    {0..limit-1}^2; `limit` defaults to an eighth of the shorter side, rounded up (32 of 256).

    Args:
        model: Any callable from images `(N, 3, H, W)` to logits `(N, K)`.
        images: As in `consistency`.
        passes: Pairs per picture.
        limit: Offsets are below this many pixels.
        seed: Chooses the offsets.
        **options: See `Options`.

    Source: Chaman & Dokmanic, "Truly Shift-Invariant Convolutional Neural Networks", CVPR 2021.
    """
    return _rolled(images, passes, limit, seed, ClassScores.of(model, **options), fraction=False)


@renamed_keywords(pairs="passes", repeats="passes")
def fractional_consistency(
    model: Model,
    images: Images,
    *,
    passes: int = 5,
    limit: int | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> Score:
    """Measure how often two random sub-pixel circular shifts of one picture get the same top-1 class.

    The Fourier shift theorem moves the band-limited picture exactly, so a change of answer is the network's. Both
    pictures of a pair are shifted by real offsets uniform on [0, limit)^2. Polyphase selection, exact for whole
    pixels, is not exact here.

    Args:
        model: Any callable from images `(N, 3, H, W)` to logits `(N, K)`.
        images: As in `consistency`.
        passes: Pairs per picture.
        limit: Offsets are below this many pixels; default: an eighth of the shorter side, rounded up.
        seed: Chooses the offsets.
        **options: See `Options`.

    Source: Michaeli et al., "Alias-Free Convnets: Fractional Shift Invariance via Polynomial Activations", CVPR 2023.
    """
    return _rolled(images, passes, limit, seed, ClassScores.of(model, **options), fraction=True)


def _rolled(
    images: Images, passes: int, limit: int | None, seed: int, adapter: ClassScores, *, fraction: bool
) -> Score:
    check_positive(passes=passes, **({} if limit is None else {"limit": limit}))
    draw: Callable[..., Tensor] = _shifts.random_fractions if fraction else _shifts.random_offsets
    move = _shifts.fractional if fraction else _shifts.circular

    def frames(sample: Sample) -> Tensor:
        below = math.ceil(min(sample.pixels.shape[-2:]) / 8) if limit is None else limit
        offsets = draw(below, 2 * passes, seed=seed, index=sample.index)
        return move(sample.batch.expand(2 * passes, -1, -1, -1), offsets)

    kind = "fractional" if fraction else "circular"
    below = "an eighth of the side" if limit is None else f"{limit} pixels"
    return about(
        measure(images, [Show(adapter, frames)], lambda _, logits: _pairwise(logits)),
        f"{kind} shift consistency",
        f"{pairs_in_words(passes)} of {kind} shifts below {below}, seed {seed}",
        passes=passes,
        shift="Fourier shift, circular, not clipped" if fraction else "torch.roll",
        offsets="per picture, uniform on " + ("[0, limit)^2" if fraction else "{0..limit-1}^2"),
        limit="ceil(shorter side / 8)" if limit is None else limit,
        seed=seed,
    ).score()


def worst_of_grid(
    model: Model,
    images: Images,
    *,
    radius: float = 2,
    step: float = 1,
    shift: Literal["crop", "circular", "fractional"] = "crop",
    **options: Unpack[Options],
) -> Score:
    """Measure the share of pictures whose top-1 class is the same over *all* shifts of a grid.

    Random pairs say how often an answer moves; an opponent, or a camera that has time, finds the one shift that moves
    it. The grid is the square -radius, -radius + step .. radius around the centre, 25 shifts by default, and the
    classes at all of them must be equal.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        images: As in `consistency`.
        radius: Largest shift in pixels, each way.
        step: Distance of neighbouring shifts in pixels; whole unless `shift="fractional"`.
        shift: `"crop"` moves a window of 7/8 of the shorter side; `"circular"` and `"fractional"` roll the picture.
        **options: See `Options`.

    Raises:
        ValueError: the grid leaves the picture, or `step` does not suit `shift`.
    """
    offsets = _grid(radius, step, shift)
    move: Callable[[Tensor, Tensor], Tensor] = _MOVES[shift]

    def frames(sample: Sample) -> Tensor:
        return move(sample.batch.expand(len(offsets), -1, -1, -1), offsets)

    return about(
        measure(images, [Show(ClassScores.of(model, **options), frames)], lambda _, logits: all_agree(logits[None])),
        "worst-of-grid consistency",
        f"the same answer at all {len(offsets)} {shift} shifts within {radius:g} pixels, step {step:g}",
        shift=shift,
        radius=radius,
        step=step,
        shifts=len(offsets),
        windows=window_protocol(None) if shift == "crop" else None,
    ).score()


def _crops_around_centre(images: Tensor, offsets: Tensor) -> Tensor:
    squares = _shifts.central_square(images)
    side = squares.shape[-1]
    window = _shifts.default_window(side)
    centre, radius = (side - window) // 2, int(offsets.max())
    if radius > centre:
        raise ValueError(f"radius={radius} does not fit {side} pixels. Use radius={centre} or larger pictures.")
    return _shifts.crop(squares, offsets + centre, window)


_MOVES = {"crop": _crops_around_centre, "circular": _shifts.circular, "fractional": _shifts.fractional}


def _grid(radius: float, step: float, shift: str) -> Tensor:
    if shift not in _MOVES:
        raise ValueError(f'shift="{shift}" is unknown. Use "crop", "circular" or "fractional".')
    if not 0 < step <= radius:
        raise ValueError(f"step={step:g} and radius={radius:g} give no grid. Use 0 < step <= radius.")
    if shift == "fractional":
        return _shifts.grid(radius, step)
    if step != int(step):
        raise ValueError(f'step={step:g} is not whole and shift="{shift}" moves whole pixels. Use shift="fractional".')
    return _shifts.grid(radius, step).long()


def _pairwise(logits: Tensor) -> Tensor:
    pairs = logits.unflatten(0, (-1, 2))
    return pair_agreement(pairs[None, :, 0], pairs[None, :, 1])


def pairs_in_words(passes: int) -> str:
    """Say how many pairs an image gives: `5 pairs each`."""
    return f"{passes} pair{'s' * (passes > 1)} each"


def label_of(sample: Sample) -> Tensor:
    """Return an image's label `(1,)`.

    Raises:
        ValueError: There is none.
    """
    label = sample.label
    if label is None:
        raise ValueError(f"picture {sample.index} has no label. Pass labels= or an iterable of (images, labels).")
    return torch.tensor([label])


def window_protocol(window: int | None) -> dict[str, Any]:
    """Say the windows to a machine."""
    size = "floor(7/8 * shorter side)" if window is None else window
    return {"size": size, "cut_from": "central square"}
