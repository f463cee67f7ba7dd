"""Scores of the answer itself: accuracy, and agreement with another network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from torch import Tensor

from antialias.metrics._loop import Model, Options, Question, Settings, check_positive, measure
from antialias.metrics._score import Score
from antialias.metrics.classification._consistency import label_of, window_protocol
from antialias.metrics.classification._formulas import correct, same_answer
from antialias.metrics.inputs import _shifts
from antialias.metrics.inputs._images import Images, Picture
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
    settings = Settings(**options)
    question = Question.of(model, lambda picture: seen_centre(picture, window), settings.normalize)

    def verdict(picture: Picture, logits: Tensor) -> Tensor:
        if not 1 <= top < logits.shape[1]:
            raise ValueError(f"top={top} is no choice among {logits.shape[1]} classes. Use 1 to {logits.shape[1] - 1}.")
        return correct(logits, label_of(picture), top)[0]

    measured = measure(images, [question], verdict, settings, labels)
    view = "whole pictures" if window is None else f"central windows of {window} pixels"
    return measured.score("accuracy" if top == 1 else f"top-{top} accuracy", view, view=view)


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
    settings = Settings(**options)
    questions = [Question.of(model, _view(0, window, seed), settings.normalize)]
    if isinstance(reference, Tensor):
        measured = measure(images, questions, lambda picture, logits: _same(logits, _row(reference, picture)), settings)
        _check_rows(reference, measured.pictures.count)
    else:
        questions.append(Question.of(reference, _view(shifts, window, seed), reference_normalize))
        measured = measure(images, questions, lambda _, *logits: _same(logits[0], _averaged(logits[1])), settings)
    judge = "with given answers" if isinstance(reference, Tensor) else _judge(shifts, seed)
    seen_by = [question.normalization.protocol for question in questions[1:]]
    return measured.score(
        "agreement", judge, reference=judge, reference_normalisation=seen_by, windows=window_protocol(window)
    )


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
    settings = Settings(**options)
    question = Question.of(model, _view(shifts, window, seed), settings.normalize)
    return measure(images, [question], lambda _, logits: _averaged(logits)[0], settings).values


def seen_centre(picture: Picture, window: int | None) -> Tensor:
    """Return a picture's central window as `(1, C, w, w)`, or all of it where `window` is `None`."""
    if window is None:
        return picture.batch
    _check_window(window, min(picture.pixels.shape[-2:]))
    return _shifts.centre_window(picture.batch, window)


def _check_window(window: int, side: int) -> None:
    if not 1 <= window <= side:
        raise ValueError(f"window={window} does not fit a picture of {side} pixels. Use 1 <= window <= {side}.")


def _window(picture: Picture) -> int:
    return max(1, _shifts.default_window(min(picture.pixels.shape[-2:])))


def _view(shifts: int, window: int | None, seed: int) -> Callable[[Picture], Tensor]:
    if shifts == 0:
        return lambda picture: seen_centre(picture, window or _window(picture))
    check_positive(shifts=shifts)
    return lambda picture: _shifts.windows(picture.batch, shifts, window=window, seed=seed, first=picture.index)[0]


def _averaged(logits: Tensor) -> Tensor:
    return logits.float().softmax(-1).mean(0, keepdim=True)


def _same(logits: Tensor, reference: Tensor) -> Tensor:
    return same_answer(logits, reference.to(logits.device))[0]


def _row(answers: Tensor, picture: Picture) -> Tensor:
    _check_rows(answers, max(picture.index + 1, len(answers)))
    return answers[picture.index][None]


def _check_rows(answers: Tensor, count: int) -> None:
    if answers.ndim != 2 or len(answers) != count:
        raise ValueError(
            f"reference answers have shape {tuple(answers.shape)} for {count} pictures. Pass (pictures, classes)."
        )


def _judge(shifts: int, seed: int) -> str:
    if shifts == 0:
        return "with the reference on the central window"
    return f"with the reference averaged over {shifts} random window{'s' * (shifts > 1)}, seed {seed}"
