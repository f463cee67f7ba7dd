"""Data-set mean IoU and segmentation consistency as torchmetrics objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics._adapter import LabelMaps
from antialias.metrics._measurement import Measurement
from antialias.metrics._stateful import ScoreMetric
from antialias.metrics._top1 import top1
from antialias.metrics.segmentation._consistency import consistency_name
from antialias.metrics.segmentation._overlaps import IGNORED, checked_map, overlap_shares, overlaps


class DataSetMeanIoU(ScoreMetric):
    """Mean IoU of a whole set: the state of `mean_iou`, 16 bytes a class and image.

    torchmetrics' `MeanIoU` is the mean of the images' own values, which is another number.

    Args:
        num_classes: Outputs of the network.
        **kwargs: Of `ScoreMetric`.

    Example:
        >>> from antialias.metrics import DataSetMeanIoU
        >>> metric, logits = DataSetMeanIoU(2), torch.tensor([[[[0.0, 0.0]], [[1.0, -1.0]]]])
        >>> metric.update(logits, torch.tensor([[[1, 0]]]), torch.tensor([7]))
        >>> metric.compute().value
        1.0
    """

    name = statistic = "mean IoU"
    higher_is_better = True

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        words = f"of the whole set, without pixels of class {IGNORED}"
        kwargs["protocol"] = {"in_words": words, **(kwargs.get("protocol") or {})}
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.set_dtype(torch.float64)  # that of the state, a process without images included

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Number of the image, and of each class the pixels in both and in either."""
        return (1 + 2 * self.num_classes,)

    def update(self, logits: Any, masks: Tensor | Sequence[Tensor], numbers: Tensor | None = None) -> None:
        """Add images by their logits `(N, K, H, W)`, or a mapping with them at `"out"`, and classes `(N, H, W)`.

        Args:
            logits: What the network says; of images of several sizes, a list of `(K, H, W)` and one of `(H, W)`.
            masks: What is there; pixels of 255 do not count.
            numbers: Number `(N,)` of each image in its set, so that the order in which processes are joined does not
                matter to the interval; without, no image is missed if it is shown twice.

        Raises:
            ValueError: The shapes or the number of classes do not fit.
        """
        counts = self._counts(logits, masks)
        if numbers is not None and len(torch.as_tensor(numbers)) != len(counts):
            raise ValueError(f"there are {len(numbers)} numbers for {len(counts)} pictures. Pass one for each.")
        numbers = torch.full((len(counts),), -1.0) if numbers is None else torch.as_tensor(numbers)
        self.keep(torch.cat([numbers.to(counts)[:, None], counts], 1).double())

    def _counts(self, logits: Any, masks: Tensor | Sequence[Tensor]) -> Tensor:
        if not isinstance(masks, Tensor):
            each = zip(logits, masks, strict=True)
            return torch.cat([self._counts(one[None], mask[None]) for one, mask in each])
        masks = masks[:, 0] if masks.ndim == 4 and masks.shape[1] == 1 else masks
        given = LabelMaps.logits_in(logits, masks[:, None])
        if given.shape[1] != self.num_classes:
            raise ValueError(
                f"the network has {given.shape[1]} outputs, and num_classes={self.num_classes}. Use equal numbers."
            )
        predicted, masks = top1(given.movedim(1, -1)), checked_map(masks.to(given.device), self.num_classes, "the mask")
        return torch.stack([overlaps(*pair, self.num_classes).flatten() for pair in zip(predicted, masks, strict=True)])

    def measurement(self) -> Measurement:
        """Return the overlaps `(N, 2, K)` of all images, in the order of their numbers.

        Raises:
            ValueError: An image was seen twice.
        """
        measured = super().measurement()
        rows = measured.rows[measured.rows[:, 0].argsort(stable=True)].double()
        numbers, times = rows[rows[:, 0] >= 0, 0].unique(return_counts=True)
        if bool((times > 1).any()):
            number, count = int(numbers[times > 1][0]), int(times.max())
            raise ValueError(f"picture {number} was seen {count} times. Give every picture a number and show it once.")
        return replace(measured, rows=rows[:, 1:].view(-1, 2, self.num_classes))


class SegmentationConsistency(ScoreMetric):
    """Share of pixels that two crops of an image give the same class: the state of `segmentation_consistency`.

    `random_crops(image, seed=seed, index=number_of_the_image)` makes the crops that the function would.

    Args:
        passes: Pairs of crops per image.
        only_correct: Count correctly classified pixels only.
        **kwargs: Of `ScoreMetric`.
    """

    higher_is_better = True

    @renamed_keywords(repeats="passes", pairs="passes")
    def __init__(self, passes: int = 5, *, only_correct: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.passes, self.only_correct = passes, only_correct

    @property
    def row_shape(self) -> tuple[int, ...]:
        """A share for each pair."""
        return (self.passes,)

    def update(self, logits: Any, corners: Tensor, mask: Tensor | None = None) -> None:
        """Add one image by the logits of all of its crops.

        Args:
            logits: `(2 P, K, h, w)` of the crops, two after two a pair, or a mapping with them at `"out"`.
            corners: `(2 P, 2)` where they were cut, y and x.
            mask: Classes `(H, W)` of the whole image, for `only_correct`.

        Raises:
            ValueError: There is another number of crops, or no mask where one is needed.
        """
        given = logits["out"] if not isinstance(logits, Tensor) else logits
        if not len(given) == len(corners) == 2 * self.passes:
            raise ValueError(
                f"{len(given)} answers and {len(corners)} corners are not {self.passes} pairs. "
                f"Use {2 * self.passes} of each, or passes={len(corners) // 2}."
            )
        if self.only_correct and mask is None:
            raise ValueError("only_correct=True needs to know what is there. Pass mask=.")
        maps = top1(LabelMaps.logits_in(given, given).movedim(1, -1))
        truth = None
        if mask is not None and self.only_correct:
            truth = checked_map(mask[0] if mask.ndim == 3 else mask, given.shape[1], "the mask")
        self.keep(overlap_shares(maps, corners, truth))

    def measurement(self) -> Measurement:
        """Return the shares of all images."""
        return replace(super().measurement(), name=consistency_name(only_correct=self.only_correct))
