"""The scores of classifiers as torchmetrics objects: shells that keep rows and let `_formulas` measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from antialias.metrics._measurement import Measurement
from antialias.metrics._score import Curve
from antialias.metrics._stateful import ScoreMetric
from antialias.metrics.classification import _formulas
from antialias.metrics.classification._video import by_video, checked_truths, checked_videos, grouped_answer


class _PairMetric(ScoreMetric):
    formula: ClassVar[Callable[[Tensor, Tensor], Tensor]]

    def update(self, first: Tensor, second: Tensor, counts: Tensor | None = None) -> None:
        """Add pictures by the logits of their pairs.

        Args:
            first: `(N, K)`, or `(N, P, K)` for P pairs of each picture. Pairs of one picture belong into one update.
            second: The other shift of the same pictures, same shape.
            counts: `(N,)`, false for pictures to leave out, such as wrongly classified ones.

        Raises:
            ValueError: the shapes differ or are not those above.
        """
        if first.shape != second.shape or first.ndim not in (2, 3):
            shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
            raise ValueError(f"the logits of the pairs are {shapes}. Pass two of (N, K) or (N, P, K).")
        if first.ndim == 2:
            first, second = first[:, None], second[:, None]
        self.keep(type(self).formula(first, second), counts)


class ClassificationConsistency(_PairMetric):
    """Share of pairs with the same top-1: the state of `consistency`.

    `window_pairs(images, seed=seed, first=number_of_first_picture)` makes the pairs that `consistency` would.

    Example:
        >>> import torch
        >>> from antialias.metrics import ClassificationConsistency
        >>> metric = ClassificationConsistency(protocol={"in_words": "1 pair each"})
        >>> metric.update(torch.eye(4).repeat(5, 1), torch.eye(4).repeat(5, 1).roll(1, 1))
        >>> print(metric.compute())
        classification consistency 0.0 % (95 % interval 0.0 to 16.1; 20 images, 1 pair each)
    """

    name = "classification consistency"
    higher_is_better = True
    formula = staticmethod(_formulas.pair_agreement)


class CircularConsistency(_PairMetric):
    """Share of pairs of circular shifts with the same top-1: the state of `circular_consistency`."""

    name = "circular shift consistency"
    higher_is_better = True
    formula = staticmethod(_formulas.pair_agreement)


class FractionalConsistency(_PairMetric):
    """Share of pairs of fractional shifts with the same top-1: the state of `fractional_consistency`."""

    name = "fractional shift consistency"
    higher_is_better = True
    formula = staticmethod(_formulas.pair_agreement)


class Top1Change(_PairMetric):
    """P(top-1 change): the state of `top1_change`. With frames `(N, F, K)`: `update(z[:, :-1], z[:, 1:])`."""

    name = "P(top-1 change)"
    higher_is_better = False
    formula = staticmethod(_formulas.pair_change)


class MeanAbsoluteChange(_PairMetric):
    """Mean |p1[a] - p2[a]|: the state of `mean_absolute_change`. With frames: `update(z[:, :-1], z[:, 1:])`."""

    name = "mean absolute change"
    higher_is_better = False
    formula = staticmethod(_formulas.pair_absolute_change)


class WorstOfGrid(ScoreMetric):
    """Share of pictures with one answer over all shifts: the state of `worst_of_grid`."""

    name = "worst-of-grid consistency"
    higher_is_better = True

    def update(self, logits: Tensor, counts: Tensor | None = None) -> None:
        """Add pictures by the logits `(N, S, K)` of all their S shifts; `counts` `(N,)` leaves some out."""
        _check_ndim(logits, "(N, S, K)", 3)
        self.keep(_formulas.all_agree(logits), counts)


class FlipRate(ScoreMetric):
    """Flip rate against distance: the state of `flip_rate`; `compute()` gives a `Curve`.

    Args:
        distances: Of the shifted logits, in their order.
        direction: For the protocol.
        **kwargs: Of `ScoreMetric`.
    """

    name = "flip rate"
    higher_is_better = False

    def __init__(
        self, distances: Sequence[int] = tuple(range(1, 9)), direction: str = "horizontal", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.distances = list(distances)
        self.direction = direction

    def update(self, reference: Tensor, shifted: Tensor) -> None:
        """Add pictures by their logits `(N, K)` before and `(N, D, K)` after each of the D shifts.

        With P starts a picture: `(N, P, K)` and `(N, P, D, K)`.

        Raises:
            ValueError: the shapes do not fit each other or the distances.
        """
        if reference.ndim == 2:
            reference, shifted = reference[:, None], shifted[:, None]
        expected = (*reference.shape[:2], len(self.distances), reference.shape[-1])
        if tuple(shifted.shape) != expected:
            raise ValueError(f"shifted logits are {tuple(shifted.shape)}. Pass {expected}, one of each distance.")
        self.keep(_formulas.flips(reference, shifted))

    @property
    def row_shape(self) -> tuple[int, ...]:
        """A number for each distance."""
        return (len(self.distances),)

    def compute(self) -> Curve:
        """Return one score per distance over all images seen since the last reset, in all processes."""
        measured, scores = self.measurement(), {}
        for column, distance in enumerate(self.distances):
            protocol = {**self.protocol, "distance": distance, "direction": self.direction}
            scores[distance] = replace(measured, rows=measured.rows[:, column], protocol=protocol).score()
        return Curve(self.name, self.direction, scores)


class Accuracy(ScoreMetric):
    """Top-1 accuracy with its interval over pictures: the state of `accuracy`."""

    name = "accuracy"
    higher_is_better = True

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add pictures by their logits `(N, K)` and labels `(N,)`."""
        _check_ndim(logits, "(N, K)", 2)
        self.keep(_formulas.correct(logits, labels))


class Agreement(ScoreMetric):
    """Share of pictures to which two networks give one answer: the state of `agreement`."""

    name = "agreement"
    higher_is_better = True

    def update(self, logits: Tensor, reference: Tensor) -> None:
        """Add pictures by the logits `(N, K)` of the network and logits or probabilities `(N, K)` of the reference."""
        _check_ndim(logits, "(N, K)", 2)
        self.keep(_formulas.same_answer(logits, reference.to(logits.device)))


def _check_ndim(logits: Tensor, wanted: str, ndim: int) -> None:
    if logits.ndim != ndim:
        raise ValueError(f"logits are {tuple(logits.shape)}. Pass {wanted}.")


class VideoAccuracy(ScoreMetric):
    """Accuracy on frames of videos by a network of other, finer classes: the state of `video_accuracy`.

    Args:
        groups: Outputs of the network that mean each of the G classes.
        **kwargs: Of `ScoreMetric`.

    Example:
        >>> metric = VideoAccuracy([[0, 2], [1]])
        >>> truths = torch.tensor([[True, False], [False, True]])
        >>> metric.update(torch.tensor([[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]), truths, torch.tensor([0, 1]))
        >>> metric.compute().value
        0.5
    """

    name = "accuracy on videos"
    higher_is_better = True

    def __init__(self, groups: Sequence[Sequence[int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groups = [list(group) for group in groups]

    def update(self, logits: Tensor, truths: Tensor, videos: Tensor) -> None:
        """Add frames.

        Args:
            logits: `(F, K)`.
            truths: Classes of each frame's objects `(F, G)` `bool`; a frame without any does not count.
            videos: Number of each frame's video `(F,)`, from 0.

        Raises:
            ValueError: `groups` do not fit the logits, the shapes do not fit each other, or a video has no number.
        """
        if len(logits) != len(videos):
            raise ValueError(f"there are {len(logits)} logits and {len(videos)} videos. Pass one of each a frame.")
        truths = checked_truths(truths, len(videos), len(self.groups))
        right = truths.gather(1, grouped_answer(logits, self.groups).to(truths.device)[:, None])[:, 0]
        values = torch.where(truths.any(1), right.float(), torch.nan)
        self.keep(torch.stack([checked_videos(videos).to(values).float(), values], 1))

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Number of the video, and whether the frame is right."""
        return (2,)

    def measurement(self) -> Measurement:
        """Return what was measured of each video."""
        frames = super().measurement()
        videos, values = frames.rows.unbind(1)
        protocol = {"unit": "video", "classes": self.groups, **self.protocol}
        return replace(frames, rows=by_video(values, videos), protocol=protocol)
