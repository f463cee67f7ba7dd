"""Average precision and instance consistency as torchmetrics objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from antialias.metrics._score import Score
from antialias.metrics._stateful import PictureMetric, ScoreMetric
from antialias.metrics.detection import _average_precision
from antialias.metrics.detection._average_precision import Detections, Kind, Matches
from antialias.metrics.detection._consistency import SameInstance, consistency_name, consistent_share, likely
from antialias.metrics.detection._worst_shift import worst_matches, worst_name


class AveragePrecision(PictureMetric):
    """COCO's average precision: the state of `average_precision`.

    What is kept of a picture are the verdicts on its detections, not its masks: about a hundred bytes a detection.
    Every target needs an `image_id` of its own, so that the order in which processes are joined does not matter.

    Args:
        kind: `"mask"` or `"box"`.
        at: One IoU threshold, such as 0.5 for AP50; COCO's ten if `None`.
        **kwargs: Of `PictureMetric`.

    Example:
        >>> from antialias.metrics import AveragePrecision
        >>> metric, box, label = AveragePrecision("box"), torch.tensor([[0.0, 0.0, 8.0, 8.0]]), torch.tensor([1])
        >>> output = {"boxes": box, "labels": label, "scores": torch.tensor([0.9])}
        >>> metric.update([output], [{"boxes": box, "labels": label, "image_id": torch.tensor(7)}])
        >>> metric.compute().value
        1.0
    """

    higher_is_better = True
    pictures: list[Tensor]
    objects: list[Tensor]
    detections: list[Tensor]

    def __init__(self, kind: Kind = "mask", at: float | None = None, **kwargs: Any) -> None:
        kwargs["protocol"] = {"in_words": "COCO protocol", **(kwargs.get("protocol") or {})}
        super().__init__(**kwargs)
        self.kind, self.at = kind, at
        self.thresholds = _average_precision.iou_thresholds(at)
        self.set_dtype(torch.float64)  # that of every state, a process without pictures included
        for state in Matches._fields:
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(self, outputs: Sequence[Detections], targets: Sequence[Detections]) -> None:
        """Add pictures by what a detector says of them and what is there; see `average_precision`.

        Raises:
            ValueError: An output and its target do not fit each other.
        """
        for output, target in zip(outputs, targets, strict=True):
            self._keep_matches(_average_precision.match(output, target, self.kind, self.thresholds))

    def _keep_matches(self, matched: Matches) -> None:
        for state, kept in zip(Matches._fields, matched, strict=True):
            # Flat, because torchmetrics gathers a process without pictures as an empty vector.
            getattr(self, state).append(kept.flatten().to(self.device))

    def matches(self) -> Matches:
        """Return what is left of the pictures, in all processes while they are synchronised."""
        pictures, objects, detections = (self._all(state) for state in Matches._fields)
        return Matches(pictures, objects.view(-1, 2), detections.view(-1, 3 + len(self.thresholds)))

    def _all(self, state: str) -> Tensor:
        kept = getattr(self, state)
        parts = [kept] if isinstance(kept, Tensor) else kept
        return torch.cat([torch.empty(0, dtype=torch.float64), *(part.cpu() for part in parts)])

    def compute(self) -> Score:
        """Return the score of all pictures seen since the last reset, in all processes."""
        return _average_precision.score_of(
            _average_precision.name_of(self.kind, self.at), self.matches(), self.at, self.level, self.protocol
        )


class PlainAveragePrecision(AveragePrecision):
    """Average precision as a plain number for a training loop to log, NaN where no picture has an object."""

    def compute(self) -> Any:
        """Return the value `()` of all pictures seen since the last reset, in all processes, without its interval."""
        return torch.tensor(_average_precision.point_of(self.matches()))


class WorstShiftAveragePrecision(AveragePrecision):
    """Average precision at the worst shift: the state of `worst_shift_average_precision`.

    `worst_shift_windows(image, target)` makes the windows that the function would.

    Args:
        kind: `"mask"` or `"box"`.
        at: One IoU threshold; COCO's ten if `None`.
        **kwargs: Of `PictureMetric`.
    """

    def update(self, outputs: Sequence[Detections], targets: Sequence[Detections], number: int = 0) -> None:
        """Add one picture by what is found, and what there is to see, in each of its windows.

        Args:
            outputs: Of each window, in the order of the windows.
            targets: Of each window; without an `image_id`.
            number: Number of the picture in its set, a different one for each.

        Raises:
            ValueError: There is another number of outputs than of targets, or they do not fit each other.
        """
        if len(outputs) != len(targets) or not len(outputs):
            raise ValueError(f"{len(outputs)} outputs and {len(targets)} targets. Use one of each a window.")
        self._keep_matches(worst_matches(outputs, targets, self.kind, self.thresholds, number))

    def compute(self) -> Score:
        """Return the score of all pictures seen since the last reset, in all processes."""
        return _average_precision.score_of(
            worst_name(self.kind, self.at), self.matches(), self.at, self.level, self.protocol
        )


class InstanceConsistency(ScoreMetric):
    """Share of a crop's instances that another crop has as well: the state of `instance_consistency`.

    `instance_crops(image, seed=seed, index=number_of_the_picture)` makes the crops that `instance_consistency` would.

    Args:
        kind: `"mask"` or `"box"`.
        same: When two instances are the same one.
        **kwargs: Of `PictureMetric`.
    """

    higher_is_better = True

    def __init__(self, kind: Kind = "mask", same: SameInstance | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind, self.same = kind, same or SameInstance()

    def update(self, outputs: Sequence[Detections], corners: Tensor, size: tuple[int, int]) -> None:
        """Add one picture by the predictions in all of its crops.

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
        found = [likely(output, self.same.score) for output in outputs]
        pairs = (found[::2], found[1::2], corners.unflatten(0, (-1, 2)), size)
        self._keep(consistent_share(*pairs, self.kind, self.same)[None].to(self.device))

    def compute(self) -> Score:
        """Return the score of all pictures seen since the last reset, in all processes."""
        return Score.from_pictures(consistency_name(self.kind), self._seen(), self.protocol, self.level)
