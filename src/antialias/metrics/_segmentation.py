"""Mean IoU of a whole data set, from what each picture adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from antialias.metrics._score import Score

IGNORED = 255


def overlaps(predicted: Tensor, truth: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return the pixels of each class in both of two masks `(H, W)`, and in either: `(K,)` each; 255 in truth is out.

    Example:
        >>> import torch
        >>> overlaps(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 1, 255]]), 2)
        (tensor([1, 1]), tensor([1, 1]))
    """
    seen = truth != IGNORED
    cells = truth[seen].long() * num_classes + predicted[seen].long()
    confusion = cells.bincount(minlength=num_classes**2).view(num_classes, num_classes)
    both = confusion.diagonal()
    return both, confusion.sum(0) + confusion.sum(1) - both


def mean_iou_of(both: Tensor, either: Tensor, protocol: Mapping[str, Any] | None = None) -> Score:
    """Return data-set mean IoU of pictures' `overlaps` `(N, K)`: sums first, then one IoU a class, then their mean.

    A class that is in neither truth nor prediction does not count.
    """
    pixels = both.double(), either.double()

    def statistic(counts: Tensor) -> Tensor:
        shared, all_of = (counts.double() @ part for part in pixels)
        return (shared / all_of).nanmean(1)

    return Score.from_statistic("mean IoU", statistic, len(both), protocol)
