"""Average precision and instance consistency as torchmetrics objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from antialias.metrics._measurement import Measurement
from antialias.metrics._stateful import ScoreMetric
from antialias.metrics.detection._average_precision import iou_thresholds, match, of_rows, precision_name
from antialias.metrics.detection._consistency import SameInstance, consistency_name, consistent_share, likely
from antialias.metrics.detection._instances import Detections, Kind
from antialias.metrics.detection._worst_shift import worst_match, worst_name


class AveragePrecision(ScoreMetric):
    """COCO's average precision: the state of `average_precision`.

    What is kept of an image is what its detections are, not its masks: about a hundred bytes a detection. Every target
    needs an `image_id` of its own, so that the order in which processes are joined does not matter.

    Args:
        kind: `"mask"` or `"box"`.
        at: One IoU threshold, such as 0.5 for AP50; COCO's ten if `None`.
        **kwargs: Of `ScoreMetric`.

    Example:
        >>> from antialias.metrics import AveragePrecision
        >>> metric, box, label = AveragePrecision("box"), torch.tensor([[0.0, 0.0, 8.0, 8.0]]), torch.tensor([1])
        >>> output = {"boxes": box, "labels": label, "scores": torch.tensor([0.9])}
        >>> metric.update([output], [{"boxes": box, "labels": label, "image_id": torch.tensor(7)}])
        >>> metric.compute().value
        1.0
    """

    higher_is_better = True

    def __init__(self, kind: Kind = "mask", at: float | None = None, **kwargs: Any) -> None:
        kwargs["protocol"] = {"in_words": "COCO protocol", **(kwargs.get("protocol") or {})}
        super().__init__(**kwargs)
        self.kind, self.at = kind, at
        self.thresholds = iou_thresholds(at)
        self.set_dtype(torch.float64)  # that of the state, a process without images included

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Image, what the row is of, class, score, and what a detection is at each threshold."""
        return (4 + len(self.thresholds),)

    def update(self, outputs: Sequence[Detections], targets: Sequence[Detections]) -> None:
        """Add images by what a detector says of them and what is there; see `average_precision`.

        Raises:
            TypeError: A column holds no numbers.
            ValueError: An output and its target do not fit each other.
        """
        for output, target in zip(outputs, targets, strict=True):
            self.keep(match(output, target, self.kind, self.thresholds))

    def measurement(self) -> Measurement:
        """Return what was matched."""
        rows = super().measurement().rows.double()
        return of_rows(precision_name(self.kind, self.at), [rows], self.at, self.level, self.protocol)


class WorstShiftAveragePrecision(AveragePrecision):
    """Average precision at the worst shift: the state of `worst_shift_average_precision`.

    `worst_shift_windows(image, target)` makes the windows that the function would.

    Args:
        kind: `"mask"` or `"box"`.
        at: One IoU threshold; COCO's ten if `None`.
        **kwargs: Of `ScoreMetric`.
    """

    def update(self, outputs: Sequence[Detections], targets: Sequence[Detections], number: int = 0) -> None:
        """Add one image by what is detected, and what there is to see, in each of its windows.

        Args:
            outputs: Of each window, in the order of the windows.
            targets: Of each window; without an `image_id`.
            number: Number of the image in its set, a different one for each.

        Raises:
            ValueError: There is another number of outputs than of targets, or they do not fit each other.
        """
        if len(outputs) != len(targets) or not len(outputs):
            raise ValueError(f"{len(outputs)} outputs and {len(targets)} targets. Use one of each a window.")
        self.keep(worst_match(outputs, targets, self.kind, self.thresholds, number))

    def measurement(self) -> Measurement:
        """Return what was matched in the worst windows."""
        return replace(super().measurement(), name=worst_name(self.kind, self.at))


class InstanceConsistency(ScoreMetric):
    """Share of a crop's instances that another crop has as well: the state of `instance_consistency`.

    `instance_crops(image, seed=seed, index=number_of_the_image)` makes the crops that `instance_consistency` would.

    Args:
        kind: `"mask"` or `"box"`.
        same: When two instances are the same one.
        **kwargs: Of `ScoreMetric`.
    """

    higher_is_better = True

    def __init__(self, kind: Kind = "mask", same: SameInstance | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.same = kind, same or SameInstance()

    def update(self, outputs: Sequence[Detections], corners: Tensor, size: tuple[int, int]) -> None:
        """Add one image by the predictions in all of its crops.

        Args:
            outputs: Predictions in the crops, two after two a pair.
            corners: `(crops, 2)` where they were cut, y and x.
            size: Height and width of the crops.

        Raises:
            ValueError: There is another number of outputs than of corners, or an odd one.
        """
        if len(outputs) != len(corners) or len(outputs) % 2:
            raise ValueError(
                f"{len(outputs)} outputs and {len(corners)} corners make no pairs. Use two a pair of each."
            )
        instances = [likely(output, self.same.score, self.kind, size) for output in outputs]
        pairs = (instances[::2], instances[1::2], corners.unflatten(0, (-1, 2)), size)
        self.keep(consistent_share(*pairs, self.kind, self.same)[None])

    def measurement(self) -> Measurement:
        """Return the shares of all images."""
        return replace(super().measurement(), name=consistency_name(self.kind))
