"""What is measured of label maps: overlaps with the truth, and what two crops of one image agree on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from antialias._conventions import IGNORED as IGNORED
from antialias.metrics._adapter import LabelMaps
from antialias.metrics._measurement import Statistic, register_statistic
from antialias.metrics.inputs._images import Sample


def checked_map(labels: Tensor, num_classes: int, whose: str) -> Tensor:
    """Return a map of labels, all of which the network knows.

    Args:
        labels: Whole classes; pixels of 255 do not count.
        num_classes: Outputs of the network.
        whose: What the map is of, such as `"picture 3"`.

    Raises:
        ValueError: A label is out of range or not whole.
    """
    if labels.is_floating_point() and not torch.equal(labels, labels.round()):
        raise ValueError(f"{whose} is of {labels.dtype} and not whole. Use whole classes from 0.")
    known = labels[labels != IGNORED]
    if known.numel() and not 0 <= int(known.min()) <= int(known.max()) < num_classes:
        raise ValueError(
            f"{whose} has pixels of classes {int(known.min())} to {int(known.max())}, the network "
            f"{num_classes} outputs. Use classes from 0, and {IGNORED} for what does not count."
        )
    return labels.long()


def truth_of(sample: Sample, adapter: LabelMaps) -> Tensor:
    """Return the classes `(H, W)` of an image that has been answered.

    Raises:
        ValueError: There are none, they are of another size, or the network does not know them.
    """
    return checked_map(sample.label_map, min(adapter.outputs), f"picture {sample.index}")


def overlaps(predicted: Tensor, truth: Tensor, num_classes: int) -> Tensor:
    """Return the pixels of each class in both of two masks `(H, W)`, and in either: `(2, K)`; 255 in truth is out.

    Example:
        >>> overlaps(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 1, 255]]), 2)
        tensor([[1, 1],
                [1, 1]])
    """
    counted = truth != IGNORED
    first, second = predicted[counted].long(), truth[counted].long()
    both, a, b = (part.bincount(minlength=num_classes) for part in (first[first == second], first, second))
    return torch.stack([both, a + b - both])


def mean_of_ious(both: Tensor, either: Tensor) -> Tensor:
    """Return the mean IoU `(...)` of pixels `(..., K)`; a class that is in neither truth nor prediction is left out."""
    return (both.double() / either.double()).nanmean(-1)


def accuracy_of(both: Tensor, either: Tensor) -> Tensor:
    """Return the share `(...)` of pixels `(..., K)` that are right: n pixels are 2 n - right in either."""
    right, all_of = both.double().sum(-1), either.double().sum(-1)
    return 2 * right / (all_of + right)


def _pooled(formula: Callable[[Tensor, Tensor], Tensor]) -> Statistic:
    """Sum the overlaps `(N, 2, K)` over the images first, then apply a formula."""

    def of_rows(rows: Tensor) -> tuple[Callable[[Tensor], Tensor], int]:
        both, either = rows.double().unbind(1)
        return lambda counts: formula(counts.double() @ both, counts.double() @ either), len(rows)

    return Statistic.of_set(of_rows, "a pixel that counts")


register_statistic("mean IoU", _pooled(mean_of_ious))
register_statistic("pixel accuracy", _pooled(accuracy_of))


def overlap_shares(maps: Tensor, corners: Tensor, truth: Tensor | None = None) -> Tensor:
    """Return the share of pixels in the overlap of two crops that both give one class, for each of P pairs: `(P,)`.

    Args:
        maps: `(2 P, h, w)` classes, two after two a pair.
        corners: `(2 P, 2)` where the crops were cut, y and x.
        truth: Classes `(H, W)` of the whole image: then those pixels count that the first crop classifies as there,
            and a pair without any is NaN.

    Raises:
        ValueError: Two crops do not overlap, or leave the truth.
    """
    shares = []
    for first, second, places in zip(maps[::2], maps[1::2], corners.unflatten(0, (-1, 2)), strict=True):
        start = places.amax(0)
        size = (torch.tensor(first.shape) - (start - places.amin(0))).tolist()
        if min(size) < 1:
            raise ValueError(f"crops of {tuple(first.shape)} at {places.tolist()} do not overlap. Use crops that do.")
        a, b = (
            LabelMaps.within(one, (start - own).tolist(), size)
            for one, own in zip((first, second), places, strict=True)
        )
        counted = torch.ones_like(a, dtype=torch.bool)
        if truth is not None:
            there = LabelMaps.within(truth.to(a.device), start.tolist(), size)
            if there.shape != a.shape:
                raise ValueError(
                    f"crops at {places.tolist()} leave a mask of {tuple(truth.shape)}. Use the image's mask."
                )
            counted = a == there
        shares.append(((a == b) & counted).sum() / counted.sum())
    return torch.stack(shares)
