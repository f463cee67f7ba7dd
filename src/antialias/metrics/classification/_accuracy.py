"""Scores of the answer itself: accuracy, and agreement with another network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from torch import Tensor

from antialias.metrics._adapter import ClassScores, Model, Options, check_positive
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._score import Score
from antialias.metrics._top1 import top1
from antialias.metrics.classification._consistency import label_of, window_protocol
from antialias.metrics.classification._formulas import correct, same_answer
from antialias.metrics.inputs import _shifts
from antialias.metrics.inputs._images import Images, Sample
from antialias.metrics.inputs._normalization import Normalize


def accuracy(
    model: Model,
    images: Images,
    labels: Tensor | None = None,
    *,
    window: int | None = None,
    top: int = 1,
    **options: Unpack[Options],
) -> Score:
    """Measure accuracy: the number without which no consistency means anything.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        images: As in `consistency`; an iterable gives `(images, labels)`, or labels are passed.
        labels: Classes `(N,)`, where the iterable does not give them.
        window: Side of the central window that is classified; default: the whole picture. For the accuracy that
            belongs to a consistency out of 256 pixels pass 224.
        top: A picture counts as right if its class is among this many first ones.
        **options: See `Options`.

    Raises:
        ValueError: a picture has no label, or there are not more than `top` classes.

    Example:
        >>> import torch
        >>> left = lambda x: torch.stack([x[..., :4].mean((1, 2, 3)), x[..., 4:].mean((1, 2, 3))], 1)
        >>> images = torch.zeros(2, 3, 8, 8)
        >>> images[:, :, :, 6] = 1
        >>> accuracy(left, images, torch.tensor([0, 1])).value
        0.5
    """

    def row(sample: Sample, logits: Tensor) -> Tensor:
        if not 1 <= top < logits.shape[1]:
            raise ValueError(f"top={top} is no choice among {logits.shape[1]} classes. Use 1 to {logits.shape[1] - 1}.")
        return correct(logits, label_of(sample), top)

    show = Show(ClassScores.of(model, **options), lambda sample: centre_of(sample, window))
    view = "whole pictures" if window is None else f"central windows of {window} pixels"
    name = "accuracy" if top == 1 else f"top-{top} accuracy"
    return about(measure(images, [show], row, labels), name, view, view=view).score()


def agreement(
    model: Model,
    reference: Model | Tensor,
    images: Images,
    *,
    shifts: int = 0,
    window: int | None = None,
    seed: int = 0,
    reference_normalize: Normalize = "model",
    **options: Unpack[Options],
) -> Score:
    """Measure how often two networks give the same top-1 class.

    After a change to a network that should keep its answers this says how many it kept. With `shifts` the reference
    answers by the mean of its probabilities over that many random windows, a steadier judge than one look. The model
    always sees the central window.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        reference: Another one, or its answers `(N, K)` from `shift_averaged_answers`.
        images: As in `consistency`.
        shifts: Random windows that the reference averages over; 0: it sees the central window.
        window: Side of the windows; default 7/8 of the shorter side, rounded down.
        seed: Chooses the windows.
        reference_normalize: `normalize` of the reference.
        **options: See `Options`; `normalize` is the model's.

    Raises:
        ValueError: the reference's answers are not one row a picture.
    """
    asked = ClassScores.of(model, **options)
    shows = [Show(asked, _frames(0, window, seed))]
    if isinstance(reference, Tensor):
        answers = reference

        def row(sample: Sample, logits: Tensor) -> Tensor:
            _check_rows(answers, max(sample.index + 1, len(answers)))
            return same_answer(logits, answers[sample.index][None].to(logits.device))

        judge, normalisation = "with given answers", []
    else:
        other = ClassScores.of(reference, batch_size=asked.batch_size, normalize=reference_normalize)
        shows.append(Show(other, _frames(shifts, window, seed)))

        def row(sample: Sample, logits: Tensor, judged: Tensor) -> Tensor:
            return same_answer(logits, _averaged(judged).to(logits.device))

        judge, normalisation = "with the reference on the central window", [other.normalization.protocol]
        if shifts:
            judge = f"with the reference averaged over {shifts} random window{'s' * (shifts > 1)}, seed {seed}"
    measured = measure(images, shows, row)
    if isinstance(reference, Tensor):
        _check_rows(reference, len(measured.rows))
    said = {"reference": judge, "reference_normalisation": normalisation, "windows": window_protocol(window)}
    return about(measured, "agreement", judge, **said).score()


def shift_averaged_answers(
    model: Model,
    images: Images,
    *,
    shifts: int = 8,
    window: int | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> Tensor:
    """Return the mean class probabilities over random windows of each picture: `(N, K)`.

    Averaging over shifts takes out what depends on the exact position of the picture; what stays is the best guess of
    the answer of a network that does not alias. The windows are those that `consistency` draws first.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        images: As in `consistency`.
        shifts: Windows per picture; 0: the central window alone.
        window: Side of the windows; default 7/8 of the shorter side, rounded down.
        seed: Chooses the windows.
        **options: See `Options`.
    """
    show = Show(ClassScores.of(model, **options), _frames(shifts, window, seed))
    return measure(images, [show], lambda _, logits: _averaged(logits)).rows


def centre_of(sample: Sample, window: int | None) -> Tensor:
    """Return an image's central window as `(1, C, w, w)`, or all of it where `window` is `None`.

    Raises:
        ValueError: The window does not fit.
    """
    if window is None:
        return sample.batch
    side = min(sample.pixels.shape[-2:])
    if not 1 <= window <= side:
        raise ValueError(f"window={window} does not fit a picture of {side} pixels. Use 1 <= window <= {side}.")
    return _shifts.centre_window(sample.batch, window)


def _frames(shifts: int, window: int | None, seed: int) -> Callable[[Sample], Tensor]:
    if shifts == 0:
        default = _shifts.default_window
        return lambda sample: centre_of(sample, window or max(1, default(min(sample.pixels.shape[-2:]))))
    check_positive(shifts=shifts)
    return lambda sample: _shifts.windows(sample.batch, shifts, window=window, seed=seed, first=sample.index)[0]


def _averaged(logits: Tensor) -> Tensor:
    top1(logits)  # refuses what is no number
    return logits.float().softmax(-1).mean(0, keepdim=True)


def _check_rows(answers: Tensor, count: int) -> None:
    if answers.ndim != 2 or len(answers) != count:
        raise ValueError(
            f"reference answers have shape {tuple(answers.shape)} for {count} pictures. Pass (pictures, classes)."
        )
