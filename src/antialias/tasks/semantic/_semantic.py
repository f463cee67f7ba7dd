"""The task of semantic segmentation: how its data are opened, what is learnt and what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias._conventions import IGNORED
from antialias._extras import require
from antialias.data import SegmentationDataset, in_memory, open_data
from antialias.metrics import (
    PictureValues,
    Score,
    continued,
    logits_in,
    scores_of_overlaps,
    scores_of_shares,
    segmentation_logits,
    segmentation_overlaps,
    segmentation_shares,
    side_multiple_of,
)
from antialias.results import EvaluationConfig

from .._network import expect_classes, normalizer_of
from .._task import Task, register_task
from ..batches import MEMORY_LIMIT
from ._batches import MaskBatches, WholeMasks

if TYPE_CHECKING:
    from torchmetrics import Metric

_AUXILIARY = 0.4
_BATCH_SIZE = 8
"""Whole images in a forward pass of an evaluation, at most; it changes no score."""


def _open(config: EvaluationConfig, split: str) -> SegmentationDataset:
    """Open one split, in memory where that takes 2 GiB at most."""
    how = {"size": config.size, "length": config.length(split), "on_broken": config.on_broken}
    data = open_data(config.data, split, want="semantic", **how)
    return in_memory(data, "semantic") if 4 * data.pixels <= MEMORY_LIMIT else data


def _loss(model: nn.Module, images: Tensor, masks: Tensor) -> Tensor:
    """Return the cross entropy of the pixels with a class, and 0.4 of an auxiliary head's."""
    inputs = continued(normalizer_of(model)(images), side_multiple_of(model))
    (height, width), sides = masks.shape[-2:], inputs.shape[-2:]
    target = F.pad(masks, (0, sides[1] - width, 0, sides[0] - height), value=IGNORED).long()
    output = model(inputs)
    loss = _cross_entropy(logits_in(output, inputs), target)
    if isinstance(output, Mapping) and "aux" in output:
        loss = loss + _AUXILIARY * _cross_entropy(output["aux"], target)
    return loss


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    # The mean that torch offers is NaN where no pixel has a class.
    total = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum")
    return total / (target != IGNORED).sum().clamp(min=1)


def _predict(model: nn.Module, images: list[Tensor]) -> list[Tensor]:
    """Return the logits `(K, H, W)` of each image; those of one size go through the network together."""
    normalize, multiple = normalizer_of(model), side_multiple_of(model)
    by_size: dict[torch.Size, list[int]] = {}
    for index, image in enumerate(images):
        by_size.setdefault(image.shape, []).append(index)
    logits: dict[int, Tensor] = {}
    for indices in by_size.values():
        batch = normalize(torch.stack([images[index] for index in indices]))
        logits.update(zip(indices, segmentation_logits(model, batch, multiple), strict=True))
    return [logits[index] for index in range(len(images))]


def _metric(num_classes: int) -> Metric:
    require("torchmetrics", extra="tasks")
    from antialias.metrics import PlainDataSetMeanIoU

    return PlainDataSetMeanIoU(num_classes)


def _evaluate_part(
    model: nn.Module, data: SegmentationDataset, config: EvaluationConfig, indices: range
) -> dict[str, PictureValues]:
    images = WholeMasks.range(data, indices)
    how: Any = {"batch_size": min(config.batch_size, _BATCH_SIZE), "first": indices.start}
    with expect_classes(model, len(data.classes)):
        return {
            "overlaps": segmentation_overlaps(model, images, **how),
            "shares": segmentation_shares(model, images, **how),
        }


def _derive(parts: dict[str, Any]) -> dict[str, Score]:
    accuracies, consistencies = scores_of_overlaps(parts["overlaps"]), scores_of_shares(parts["shares"])
    scores = {
        "mean_iou": accuracies.mean_iou,
        "pixel_accuracy": accuracies.pixel_accuracy,
        "segmentation_consistency": consistencies.all,
        "segmentation_consistency_on_correct": consistencies.on_correct,
    }
    return {name: score for name, score in scores.items() if score is not None}


register_task(
    Task(
        name="semantic",
        monitor="mean_iou",
        default_model="antialias:TinyDeepLab",
        open=_open,
        outputs=lambda data: len(data.classes),
        training_batches=MaskBatches,
        test_batches=WholeMasks,
        loss=_loss,
        predict=_predict,
        metric=_metric,
        evaluate_part=_evaluate_part,
        derive=_derive,
        part=32,
    )
)
