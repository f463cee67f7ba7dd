"""The task of semantic segmentation: how its data are opened, what is learnt and what is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias._conventions import IGNORED
from antialias._extras import require
from antialias.data import SegmentationDataset, in_memory, open_data
from antialias.metrics import LabelMaps, jensen_shannon
from antialias.results import EvaluationConfig

from .._task import Task, register_task
from ..batches import MEMORY_LIMIT
from ._batches import MaskBatches, WholeMasks
from ._scores import derive, evaluate_part

if TYPE_CHECKING:
    from torchmetrics import Metric

_AUXILIARY = 0.4


def open_split(config: EvaluationConfig, split: str, classes: Sequence[str] | None = None) -> SegmentationDataset:
    """Open one split, in memory where that takes 2 GiB at most."""
    how = {"size": config.size, "length": config.length(split), "on_broken": config.on_broken, "classes": classes}
    data = open_data(config.data, split, want="semantic", **how)
    return in_memory(data, "semantic") if 4 * data.pixels <= MEMORY_LIMIT else data


def loss(model: nn.Module, images: Tensor, targets: Any, *, views: int = 1, agreement: float = 0.0) -> Tensor:
    """Return the cross entropy of the pixels with a class, and 0.4 of an auxiliary head's.

    Args:
        model: The network.
        images: `(N * views, 3, H, W)`, the views of an image together.
        targets: Their classes, or with several views a dictionary of `masks` and `corners`.
        views: Windows of each image.
        agreement: Weight of the divergence between the answers to a pixel that all views of an image show.
    """
    masks, corners = (targets["masks"], targets["corners"]) if isinstance(targets, Mapping) else (targets, None)
    inputs = LabelMaps(model).inputs(images)
    (height, width), sides = masks.shape[-2:], inputs.shape[-2:]
    target = F.pad(masks, (0, sides[1] - width, 0, sides[0] - height), value=IGNORED).long()
    output = model(inputs)
    logits = LabelMaps.logits_in(output, inputs)
    loss = _cross_entropy(logits, target)
    if isinstance(output, Mapping) and "aux" in output:
        loss = loss + _AUXILIARY * _cross_entropy(output["aux"], target)
    if not agreement or corners is None:
        return loss
    return loss + agreement * jensen_shannon(shared_pixels(logits[..., :height, :width], corners, views))


def shared_pixels(logits: Tensor, corners: Tensor, views: int) -> Tensor:
    """Return the answers `(P, views, K)` to all pixels that every view of an image shows.

    Args:
        logits: `(N * views, K, H, W)`, the views of an image together.
        corners: Where in the image each view begins, `(N * views, 2)` in pixels.
        views: Windows of each image.
    """
    answers = []
    for maps, places in zip(logits.unflatten(0, (-1, views)), corners.unflatten(0, (-1, views)), strict=True):
        (down, right), starts = (places.amax(0) - places.amin(0)).tolist(), (places.amax(0) - places).tolist()
        height, width = maps.shape[-2] - down, maps.shape[-1] - right
        shared = [one[:, y : y + height, x : x + width] for one, (y, x) in zip(maps, starts, strict=True)]
        answers.append(torch.stack(shared).flatten(2).permute(2, 0, 1))
    return torch.cat(answers)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    # The mean that torch offers is NaN where no pixel has a class.
    total = F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum")
    return total / (target != IGNORED).sum().clamp(min=1)


def predict(model: nn.Module, images: list[Tensor]) -> list[Tensor]:
    """Return the logits `(K, H, W)` of each image; those of one size go through the network together."""
    adapter = LabelMaps(model)
    by_size: dict[torch.Size, list[int]] = {}
    for index, image in enumerate(images):
        by_size.setdefault(image.shape, []).append(index)
    logits: dict[int, Tensor] = {}
    for indices in by_size.values():
        batch = torch.stack([images[index] for index in indices])
        logits.update(zip(indices, adapter.logits(batch), strict=True))
    return [logits[index] for index in range(len(images))]


def metric(num_classes: int) -> Metric:
    """Return the mean IoU over the data set."""
    require("torchmetrics", extra="tasks")
    from antialias.metrics import DataSetMeanIoU

    return DataSetMeanIoU(num_classes, interval=False)


register_task(
    Task(
        name="semantic",
        monitor="mean_iou",
        default_model="antialias:TinyDeepLab",
        open=open_split,
        outputs=lambda data: len(data.classes),
        training_batches=MaskBatches,
        test_batches=WholeMasks,
        loss=loss,
        predict=predict,
        metric=metric,
        evaluate_part=evaluate_part,
        derive=derive,
        passes=2,
        part=32,
    )
)
