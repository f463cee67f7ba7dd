"""The task of classification: how its data are opened and what is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from antialias._extras import require
from antialias.data import ClassificationDataset, ImageFolder, VideoFrames, in_memory, open_data
from antialias.results import EvaluationConfig

from .._config import TrainConfig
from .._network import normalizer_of
from .._task import Task, register_task
from ..batches import MEMORY_LIMIT, ShuffledBatches
from ._batches import CentralBatches, WindowBatches
from ._resized import ResizedBatches
from ._scores import derive, evaluate_part, measure_flips

if TYPE_CHECKING:
    from torchmetrics import Metric


def _open(config: EvaluationConfig, split: str) -> ClassificationDataset | VideoFrames:
    """Open one split, in memory where that takes 2 GiB at most and crops are not taken from whole files."""
    side, length = config.image_side, config.length(split)
    data = open_data(config.data, split, size=side, length=length, on_broken=config.on_broken)
    if isinstance(data, VideoFrames) or len(data) * 3 * side**2 > MEMORY_LIMIT:
        return data
    resized = split == "train" and isinstance(config, TrainConfig) and config.crop == "resized"
    return data if resized and isinstance(data, ImageFolder) else in_memory(data)


def _training_batches(
    data: ClassificationDataset, config: TrainConfig, epoch: int
) -> ShuffledBatches[tuple[Tensor, Tensor]]:
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
