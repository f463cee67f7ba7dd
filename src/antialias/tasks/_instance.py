"""Instance segmentation: a mask, a box and a class for each object."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from antialias._extras import require
from antialias.data import Annotated, Annotation, Scenes, cut, hold, mirrored, open_data, scaled
from antialias.metrics import NothingDetected, SameInstance, Score, detections, instance_consistencies

from ._batches import ShuffledBatches, draws_of
from ._config import TrainConfig
from ._task import Task, register_task

if TYPE_CHECKING:
    from torchmetrics import Metric

Target = dict[str, Tensor]

_SCALES = (0.8, 1.25)
_IN_SIGHT = 0.1
"""An object that a crop leaves less than this share of is not learnt: nobody could tell what it is."""


def _open(config: TrainConfig, split: str) -> Annotated:
    """Open one split; scenes are drawn once and held in memory."""
    length = config.train_length if split == "train" else config.test_length
    how = {"size": config.size, "length": length, "on_broken": config.on_broken}
    data = open_data(config.data, split, want="instances", **how)
    return hold(data) if isinstance(data, Scenes) else data


class ObjectBatches(ShuffledBatches[tuple[list[Tensor], list[Target]]]):
    """Serve one epoch, whole batches at a time: pictures in random order, scaled, cut and mirrored.

    A picture is scaled by a factor between 0.8 and 1.25, a window of it is cut where it is larger than `window`, and
    half of the pictures are mirrored. Everything random is drawn when the epoch begins, from `(seed, epoch)`, so a
    batch is the same in any worker. Crowds are not shown. An incomplete last batch is left out.
    """

    def __init__(self, data: Annotated, config: TrainConfig, epoch: int) -> None:
        generator = draws_of(config, epoch)
        super().__init__(len(data), config, generator)
        self.data, self.window = data, config.window
        draws = torch.rand(4, len(data), generator=generator)
        self.mirrored, self.corners = draws[0] < 0.5, draws[1:3]
        self.scales = _SCALES[0] * (_SCALES[1] / _SCALES[0]) ** draws[3]

    def __getitem__(self, index: int) -> tuple[list[Tensor], list[Target]]:
        shown = [self._augmented(number) for number in self.numbers(index).tolist()]
        return [image for image, _ in shown], [target for _, target in shown]

    def _augmented(self, number: int) -> tuple[Tensor, Target]:
        item = scaled(self.data.annotated(number), float(self.scales[number]))
        item = cut(item, self.corners[:, number].tolist(), self.window, _IN_SIGHT)
        return shown(mirrored(item) if self.mirrored[number] else item, learnt=True)


def shown(item: Annotation, *, learnt: bool) -> tuple[Tensor, Target]:
    """Return a picture in [0, 1] and its target as torchvision's detectors take it: class 0 is the background.

    Args:
        item: The picture.
        learnt: Whether it is learnt from, which leaves out crowds and boxes without an inside.
    """
    sound = (item.boxes[:, 2:] > item.boxes[:, :2]).all(dim=1) & ~item.crowd
    kept = sound if learnt else torch.ones_like(sound)
    target = {
        "boxes": item.boxes[kept],
        "labels": item.labels[kept] + 1,
        "masks": item.masks[kept].to(torch.uint8),
        "iscrowd": item.crowd[kept].long(),
        "image_id": torch.tensor(item.image_id),
    }
    return item.image.float() / 255, target


class WholeBatches(Dataset[tuple[list[Tensor], list[Target]]]):
    """Serve the pictures of a data set in order and as they are, whole batches at a time."""

    def __init__(self, data: Annotated, config: TrainConfig) -> None:
        self.data = data
        self.parts = torch.arange(len(data)).split(config.batch_size)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[list[Tensor], list[Target]]:
        items = [shown(self.data.annotated(number), learnt=False) for number in self.parts[index].tolist()]
        return [image for image, _ in items], [target for _, target in items]


def _loss(model: nn.Module, images: list[Tensor], targets: list[Target]) -> Tensor:
    return torch.stack(list(model(images, targets).values())).sum()


def _predict(model: nn.Module, images: list[Tensor]) -> list[Target]:
    return model(images)


def _meter(_: int) -> Metric:
    require("torchmetrics", extra="tasks")
    from antialias.metrics import PlainAveragePrecision

    return PlainAveragePrecision("mask")


def _evaluate(model: nn.Module, data: Annotated, config: TrainConfig) -> dict[str, Score]:
    pictures = _Whole(data)
    scores = _average_precision(model, pictures, config, len(data.classes))
    try:
        rule = SameInstance(score=config.detection_score)
        same = instance_consistencies(model, pictures.images(), same=rule, batch_size=config.batch_size)
    except NothingDetected as error:
        warnings.warn(f"instance consistency is left out: {error}", stacklevel=2)
        return scores
    return {**scores, "mask_consistency": same.mask, "box_consistency": same.box}


class _Whole:
    """Whole pictures with their targets, as often as they are asked for: what the metrics read."""

    def __init__(self, data: Annotated) -> None:
        self.data = data

    def __iter__(self) -> Iterator[tuple[Tensor, Target]]:
        return (shown(self.data.annotated(number), learnt=False) for number in range(len(self.data)))

    def images(self) -> Iterator[Tensor]:
        return (image for image, _ in self)


def _average_precision(model: nn.Module, pictures: _Whole, config: TrainConfig, classes: int) -> dict[str, Score]:
    from antialias.metrics import AveragePrecision

    meters = {
        "mask_ap": AveragePrecision("mask"),
        "mask_ap50": AveragePrecision("mask", at=0.5),
        "box_ap": AveragePrecision("box"),
    }
    for output, target in detections(model, pictures, batch_size=config.batch_size):
        _check_classes(output["labels"], classes)
        for meter in meters.values():
            meter.update([output], [target])
    return {name: meter.compute() for name, meter in meters.items()}


def _check_classes(labels: Tensor, classes: int) -> None:
    """Refuse a network that answers in other classes than the data has, whose precision would mean nothing."""
    if len(labels) and int(labels.max()) > classes:
        raise ValueError(
            f"the network found class {int(labels.max())}, the data has {classes} classes. "
            f"Use a network of {classes + 1} outputs, background included."
        )


register_task(
    Task(
        name="instance",
        watch="mask_ap",
        default_model="antialias:TinyMaskRCNN",
        open=_open,
        outputs=lambda data: len(data.classes) + 1,
        training_batches=ObjectBatches,
        test_batches=WholeBatches,
        loss=_loss,
        predict=_predict,
        meter=_meter,
        evaluate=_evaluate,
    )
)
