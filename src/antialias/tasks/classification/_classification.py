"""The task of classification: how its data are opened and what is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from antialias._extras import require
from antialias.data import ImageFolder, ClassificationDataset, VideoFrames, in_memory, open_data

from .._config import TrainConfig
from .._network import normalizer_of
from .._task import Task, register_task
from ..batches import MEMORY_LIMIT, ShuffledBatches
from ._batches import CentralBatches, WindowBatches
from ._resized import ResizedBatches
from ._scores import derive, evaluate_part, measure_flips

if TYPE_CHECKING:
    from torchmetrics import Metric


def _open(config: TrainConfig, split: str) -> ClassificationDataset | VideoFrames:
    """Open one split, in memory where that takes 2 GiB at most."""
    length = config.train_length if split == "train" else config.test_length
    data = open_data(config.data, split, size=config.image_side, length=length, on_broken=config.on_broken)
    whole = split == "train" and config.crop == "resized" and isinstance(data, ImageFolder)
    small = len(data) * 3 * config.image_side**2 <= MEMORY_LIMIT
    return in_memory(data) if small and not (whole or isinstance(data, VideoFrames)) else data


def _training_batches(data: ClassificationDataset, config: TrainConfig, epoch: int) -> ShuffledBatches[tuple[Tensor, Tensor]]:
    return (ResizedBatches if config.crop == "resized" else WindowBatches)(data, config, epoch)


def _predict(model: nn.Module, images: Tensor) -> Tensor:
    return model(normalizer_of(model)(images))


def _loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(_predict(model, images), labels)


def _metric(num_classes: int) -> Metric:
    classification = require("torchmetrics.classification", extra="tasks")
    return classification.MulticlassAccuracy(num_classes, average="micro")


register_task(
    Task(
        name="classification",
        monitor="accuracy",
        default_model="antialias:TinyResNet",
        open=_open,
        outputs=lambda data: len(data.classes),
        training_batches=_training_batches,
        test_batches=CentralBatches,
        loss=_loss,
        predict=_predict,
        metric=_metric,
        evaluate_part=evaluate_part,
        derive=derive,
        measure_flips=measure_flips,
    )
)
