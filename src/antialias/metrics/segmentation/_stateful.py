"""Data-set mean IoU and segmentation consistency as torchmetrics objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from antialias.metrics._score import Score
from antialias.metrics._stateful import PictureMetric
from antialias.metrics.segmentation._overlaps import (
    IGNORED,
    consistency_of,
    mean_iou_of,
    mean_of_ious,
    overlap_shares,
    overlaps,
)
from antialias.metrics.segmentation._segmenter import class_maps, logits_in

Masks = Tensor | Sequence[Tensor]


class DataSetMeanIoU(PictureMetric):
    """Mean IoU of a whole set: the state of `mean_iou`, 16 bytes a class and picture.

    torchmetrics' `MeanIoU` is the mean of the pictures' own values, which is another number.

    Args:
        num_classes: Outputs of the network.
        **kwargs: Of `PictureMetric`.

    Example:
        >>> from antialias.metrics import DataSetMeanIoU
        >>> metric, logits = DataSetMeanIoU(2), torch.tensor([[[[0.0, 0.0]], [[1.0, -1.0]]]])
        >>> metric.update(logits, torch.tensor([[[1, 0]]]), torch.tensor([7]))
        >>> metric.compute().value
        1.0
    """

    higher_is_better = True
    values: list[Tensor]

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.set_dtype(torch.float64)  # that of the state, a process without pictures included

    def update(self, logits: Any, masks: Masks, numbers: Tensor) -> None:
        """Add pictures by their logits `(N, K, H, W)`, or a mapping with them at `"out"`, and classes `(N, H, W)`.

        Args:
            logits: What the network says; of pictures of several sizes, a list of `(K, H, W)` and one of `(H, W)`.
            masks: What is there; pixels of 255 do not count.
            numbers: Number `(N,)` of each picture in its set, so that the order in which processes are joined does
                not matter.

        Raises:
            ValueError: The shapes or the number of classes do not fit.
        """
        both, either = counts_of(logits, masks, self.num_classes)
        rows = torch.cat([torch.as_tensor(numbers).to(both)[:, None], both, either], 1)
        # Flat, because torchmetrics gathers a process without pictures as an empty vector.
        self.values.append(rows.double().flatten().to(self.device))

    def compute(self) -> Score:
        """Return the score of all pictures seen since the last reset, in all processes.

        Raises:
            ValueError: A picture was seen twice.
        """
        rows = self._seen().double().view(-1, 1 + 2 * self.num_classes)
        numbers, times = rows[:, 0].unique(return_counts=True)
        if len(numbers) < len(rows):
            number, seen = int(numbers[times > 1][0]), int(times.max())
            raise ValueError(f"picture {number} was seen {seen} times. Give every picture a number and show it once.")
        both, either = rows[rows[:, 0].argsort(), 1:].split(self.num_classes, 1)
        return mean_iou_of(both, either, self.protocol, self.level)


class PlainDataSetMeanIoU(Metric):
    """Mean IoU of a whole set as a plain number for a training loop to log, NaN where there is no picture.

    Args:
        num_classes: Outputs of the network.
        **kwargs: Of `torchmetrics.Metric`.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    both: Tensor
    either: Tensor

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        for state in ("both", "either"):
            self.add_state(state, default=torch.zeros(num_classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Any, masks: Masks) -> None:
        """Add pictures by their logits and classes, as `DataSetMeanIoU` takes them."""
        both, either = (counts.sum(0).to(self.device) for counts in counts_of(logits, masks, self.num_classes))
        self.both, self.either = self.both + both, self.either + either

    def compute(self) -> Any:
        """Return the value `()` of all pictures seen since the last reset, in all processes, without its interval."""
        return mean_of_ious(self.both.cpu(), self.either.cpu()).float()


def counts_of(logits: Any, masks: Masks, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return the `overlaps` `(N, K)` of each of N pictures; logits and masks may be lists, for several sizes."""
    if not isinstance(masks, Tensor):
        each = [counts_of(one[None], mask[None], num_classes) for one, mask in zip(logits, masks, strict=True)]
        both, either = zip(*each, strict=True)
        return torch.cat(both), torch.cat(either)
    found = logits_in(logits, masks[:, None])
    if found.shape[1] != num_classes:
        raise ValueError(f"the network has {found.shape[1]} outputs, and num_classes={num_classes}. Use equal numbers.")
    if bool(((masks >= num_classes) & (masks != IGNORED)).any()):
        top = int(masks[masks != IGNORED].max())
        raise ValueError(f"masks hold class {top} and num_classes={num_classes}. Use classes below it, or {IGNORED}.")
    pairs = zip(class_maps(found), masks.to(found.device), strict=True)
    both, either = zip(*(overlaps(*pair, num_classes) for pair in pairs), strict=True)
    return torch.stack(both), torch.stack(either)


class SegmentationConsistency(PictureMetric):
    """Share of pixels that two crops of a picture give the same class: the state of `segmentation_consistency`.

    `random_crops(image, seed=seed, index=number_of_the_picture)` makes the crops that the function would.

    Args:
        repeats: Pairs of crops per picture.
        only_correct: Count correctly classified pixels only.
        **kwargs: Of `PictureMetric`.
    """

    higher_is_better = True

    def __init__(self, repeats: int = 5, *, only_correct: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.repeats, self.only_correct = repeats, only_correct

    def update(self, logits: Any, corners: Tensor, mask: Tensor | None = None) -> None:
        """Add one picture by the logits of all of its crops.

        Args:
            logits: `(2 R, K, h, w)` of the crops, two after two a pair, or a mapping with them at `"out"`.
            corners: `(2 R, 2)` where they were cut, y and x.
            mask: Classes `(H, W)` of the whole picture, for `only_correct`.

        Raises:
            ValueError: There is another number of crops, or no mask where one is needed.
        """
        found = logits["out"] if not isinstance(logits, Tensor) else logits
        if not len(found) == len(corners) == 2 * self.repeats:
            raise ValueError(
                f"{len(found)} answers and {len(corners)} corners are not {self.repeats} pairs. "
                f"Use {2 * self.repeats} of each, or repeats={len(corners) // 2}."
            )
        if self.only_correct and mask is None:
            raise ValueError("only_correct=True needs to know what is there. Pass mask=.")
        maps = class_maps(logits_in(found, found))
        shares = overlap_shares(maps, corners, mask if self.only_correct else None)
        self._keep(shares.to(self.device))  # flat: torchmetrics gathers a process without pictures as an empty vector

    def compute(self) -> Score:
        """Return the score of all pictures seen since the last reset, in all processes."""
        shares = self._seen().view(-1, self.repeats)
        return consistency_of(shares, self.protocol, self.level, only_correct=self.only_correct)
