"""The task of classification: how its data are opened and what is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from antialias._extras import require
from antialias.data import ClassificationDataset, ImageFolder, VideoFrames, in_memory, open_data
from antialias.metrics import jensen_shannon
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


def open_split(
    config: EvaluationConfig, split: str, classes: Sequence[str] | None = None
) -> ClassificationDataset | VideoFrames:
    """Open one split, in memory where that takes 2 GiB at most and crops are not taken from whole files."""
    side, length = config.image_side, config.length(split)
    data = open_data(config.data, split, size=side, length=length, on_broken=config.on_broken, classes=classes)
    if isinstance(data, VideoFrames) or len(data) * 3 * side**2 > MEMORY_LIMIT:
        return data
    resized = split == "train" and isinstance(config, TrainConfig) and config.crop == "resized"
    return data if resized and isinstance(data, ImageFolder) else in_memory(data)


def training_batches(
    data: ClassificationDataset, config: TrainConfig, epoch: int
) -> ShuffledBatches[tuple[Tensor, Tensor]]:
    """Return an epoch's batches: windows of the images as read, or resized crops of any scale."""
    return (ResizedBatches if config.crop == "resized" else WindowBatches)(data, config, epoch)


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Return the logits `(N, K)`."""
    return model(normalizer_of(model)(images))


def loss(model: nn.Module, images: Tensor, labels: Tensor, *, views: int = 1, agreement: float = 0.0) -> Tensor:
    """Return the cross entropy, and `agreement` times the divergence of the answers to the views of an image.

    Args:
        model: The network.
        images: `(N * views, 3, H, W)`, the views of an image together.
        labels: `(N * views,)`.
        views: Windows of each image.
        agreement: Weight of the divergence.
    """
    logits = predict(model, images)
    loss = nn.functional.cross_entropy(logits, labels)
    return loss + agreement * jensen_shannon(logits.unflatten(0, (-1, views))) if agreement else loss


def metric(num_classes: int) -> Metric:
    """Return the accuracy."""
    classification = require("torchmetrics.classification", extra="tasks")
    return classification.MulticlassAccuracy(num_classes, average="micro")


register_task(
    Task(
        name="classification",
        monitor="accuracy",
        default_model="antialias:TinyResNet",
        open=open_split,
        outputs=lambda data: len(data.classes),
        training_batches=training_batches,
        test_batches=CentralBatches,
        loss=loss,
        predict=predict,
        metric=metric,
        evaluate_part=evaluate_part,
        derive=derive,
        passes=4,
        measure_flips=measure_flips,
    )
)
