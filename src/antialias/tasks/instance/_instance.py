"""The task of instance segmentation: how its data are opened and what is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from antialias._extras import require
from antialias.data import ClassSplit, DetectionDataset, PartiallySupervised, Scenes, in_memory, open_data
from antialias.results import EvaluationConfig

from .._task import Task, register_task
from ._batches import ObjectBatches, Target, WholeObjects
from ._scores import derive, evaluate_part

if TYPE_CHECKING:
    from torchmetrics import Metric


def open_split(config: EvaluationConfig, split: str, classes: Sequence[str] | None = None) -> DetectionDataset:
    """Open one split; scenes are drawn once and held in memory. Only what is learnt from is without some masks."""
    how = {"size": config.size, "length": config.length(split), "on_broken": config.on_broken, "classes": classes}
    data = open_data(config.data, split, want="instances", **how)
    data = in_memory(data, "instances") if isinstance(data, Scenes) else data
    if split != "train" or config.masked_classes is None:
        return data
    return PartiallySupervised(data, ClassSplit.read(config.masked_classes, data.classes))


def loss(model: nn.Module, images: list[Tensor], targets: list[Target]) -> Tensor:
    """Return the sum of the detector's losses.

    Raises:
        ValueError: Only some masks are to be learnt, and the detector would take the boxes of the others for masks.
    """
    heads = getattr(model, "roi_heads", None)
    if any("has_mask" in target for target in targets) and not getattr(heads, "learns_masks_partly", False):
        raise ValueError(
            f"masked_classes is given, but {type(model).__name__} learns a mask of every object. Use "
            "antialias:MaskX:BACKBONE, antialias:AgnosticMaskRCNN:BACKBONE or their tiny ones."
        )
    return torch.stack(list(model(images, targets).values())).sum()


def predict(model: nn.Module, images: list[Tensor]) -> list[Target]:
    """Return the detections of each image."""
    return model(images)


def metric(_: int) -> Metric:
    """Return the average precision of masks."""
    require("torchmetrics", extra="tasks")
    from antialias.metrics import AveragePrecision

    return AveragePrecision("mask", interval=False)


register_task(
    Task(
        name="instance",
        monitor="mask_ap",
        default_model="antialias:TinyMaskRCNN",
        open=open_split,
        outputs=lambda data: len(data.classes) + 1,
        training_batches=ObjectBatches,
        test_batches=WholeObjects,
        loss=loss,
        predict=predict,
        metric=metric,
        evaluate_part=evaluate_part,
        derive=derive,
        part=32,
    )
)
