"""What is measured of maps of classes: overlaps with the truth, and what two crops of one picture agree on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from antialias._conventions import IGNORED as IGNORED
from antialias.metrics._score import Score


def overlaps(predicted: Tensor, truth: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return the pixels of each class in both of two masks `(H, W)`, and in either: `(K,)` each; 255 in truth is out.

    Example:
        >>> overlaps(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 1, 255]]), 2)
        (tensor([1, 1]), tensor([1, 1]))
    """
    seen = truth != IGNORED
    found, there = predicted[seen].long(), truth[seen].long()
    both, first, second = (part.bincount(minlength=num_classes) for part in (found[found == there], found, there))
    return both, first + second - both


def mean_of_ious(both: Tensor, either: Tensor) -> Tensor:
    """Return the mean IoU `(...)` of pixels `(..., K)`; a class that is in neither truth nor prediction is left out."""
    return (both.double() / either.double()).nanmean(-1)


def accuracy_of(both: Tensor, either: Tensor) -> Tensor:
    """Return the share `(...)` of pixels `(..., K)` that are right: n pixels are 2 n - right in either."""
    right, all_of = both.double().sum(-1), either.double().sum(-1)
    return 2 * right / (all_of + right)


def mean_iou_of(both: Tensor, either: Tensor, protocol: Mapping[str, Any] | None = None, level: float = 0.95) -> Score:
    """Return data-set mean IoU of pictures' `overlaps` `(N, K)`: sums first, then one IoU a class, then their mean."""
    return _score_of("mean IoU", mean_of_ious, both, either, protocol, level)


def pixel_accuracy_of(
    both: Tensor, either: Tensor, protocol: Mapping[str, Any] | None = None, level: float = 0.95
) -> Score:
    """Return the share of right pixels of pictures' `overlaps` `(N, K)` taken together."""
    return _score_of("pixel accuracy", accuracy_of, both, either, protocol, level)


_Formula = Callable[[Tensor, Tensor], Tensor]


def _score_of(
    name: str, formula: _Formula, both: Tensor, either: Tensor, protocol: Mapping[str, Any] | None, level: float
) -> Score:
    if not bool(either.any()):
        raise ValueError(f"{name}: none of {len(either)} pictures has a pixel that counts. Add some.")
    pixels = both.double(), either.double()
    said = {"in_words": f"of the whole set, without pixels of class {IGNORED}", **(protocol or {})}

    def statistic(counts: Tensor) -> Tensor:
        return formula(*(counts.double() @ part for part in pixels))

    return Score.from_statistic(name, statistic, len(both), said, level)


def overlap_shares(maps: Tensor, corners: Tensor, truth: Tensor | None = None) -> Tensor:
    """Return the share of pixels in the overlap of two crops that both give one class, for each of R pairs: `(R,)`.

    Args:
        maps: `(2 R, h, w)` classes, two after two a pair.
        corners: `(2 R, 2)` where the crops were cut, y and x.
        truth: Classes `(H, W)` of the whole picture: then those pixels count that the first crop classifies as there,
            and a pair without any is NaN.
    """
    pairs = zip(maps[::2], maps[1::2], corners.unflatten(0, (-1, 2)), strict=True)
    return torch.stack([_share(first, second, places, truth) for first, second, places in pairs])


def _share(first: Tensor, second: Tensor, corners: Tensor, truth: Tensor | None) -> Tensor:
    start = corners.amax(0)
    sides = (torch.tensor(first.shape) - (start - corners.amin(0))).tolist()
    a, b = (_window(one, (start - own).tolist(), sides) for one, own in zip((first, second), corners, strict=True))
    counted = torch.ones_like(a, dtype=torch.bool)
    if truth is not None:
        counted = a == _window(truth.to(a.device), start.tolist(), sides)
    return ((a == b) & counted).sum() / counted.sum()


def _window(one: Tensor, corner: list[int], sides: list[int]) -> Tensor:
    return one[corner[0] : corner[0] + sides[0], corner[1] : corner[1] + sides[1]]


def consistency_of(shares: Tensor, protocol: Mapping[str, Any], level: float, *, only_correct: bool) -> Score:
    """Return the score of shares `(N, R)` of R pairs of each of N pictures, with its spread over the pairs."""
    name = "segmentation consistency" + " on correctly classified pixels" * only_correct
    score = Score.from_pictures(name, shares.nanmean(1), protocol, level)
    repeats = shares.double().nanmean(0)
    return replace(score, spread=float(repeats.std()) if len(repeats) > 1 else None)
