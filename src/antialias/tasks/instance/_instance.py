"""The task of instance segmentation: how its data are opened and what is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from antialias._extras import require
from antialias.data import ClassSplit, DetectionDataset, PartiallySupervised, Scenes, in_memory, open_data
from antialias.metrics import jensen_shannon
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


def loss(
    model: nn.Module, images: list[Tensor], targets: list[Target], *, views: int = 1, agreement: float = 0.0
) -> Tensor:
    """Return the sum of the detector's losses, and `agreement` times the divergence of its answers to shared objects.

    Args:
        model: The detector.
        images: The views of an image together.
        targets: Their objects.
        views: Windows of each image.
        agreement: Weight of the divergence.

    Raises:
        ValueError: Only some masks are to be learnt, and the detector would take the boxes of the others for masks; or
            it has no `roi_heads` whose answers could agree.
    """
    heads = getattr(model, "roi_heads", None)
    if any("has_mask" in target for target in targets) and not getattr(heads, "learns_masks_partly", False):
        raise ValueError(
            f"masked_classes is given, but {type(model).__name__} learns a mask of every object. Use "
            "antialias:MaskX:BACKBONE, antialias:AgnosticMaskRCNN:BACKBONE or their tiny ones."
        )
    if not agreement:
        return torch.stack(list(model(images, targets).values())).sum()
    if heads is None:
        raise ValueError(
            f"agreement={agreement} compares what roi_heads answer to a box, and {type(model).__name__} has none. Use "
            "agreement=0, or a detector with roi_heads such as antialias:MaskRCNN:BACKBONE."
        )
    inputs: list[Any] = []
    hook = heads.register_forward_pre_hook(lambda _, given: inputs.extend(given))
    try:
        loss = torch.stack(list(model(images, targets).values())).sum()
    finally:
        hook.remove()
    features, _, sizes, resized = inputs
    shared = [index for first in range(0, len(targets), views) for index in shared_objects(targets[first:][:views])]
    boxes = [target["boxes"][index] for target, index in zip(resized, shared, strict=True)]
    if not sum(map(len, boxes)):
        return loss
    # True boxes are easier than what is proposed, so the running statistics of norms must not see them.
    buffers = {name: buffer.clone() for name, buffer in heads.box_head.named_buffers()}
    pooled = heads.box_roi_pool(features, boxes, sizes)
    logits, _ = heads.box_predictor(torch.func.functional_call(heads.box_head, buffers, (pooled,)))
    by_view = logits.split([len(some) for some in boxes])
    answers = [torch.stack(by_view[first:][:views], 1) for first in range(0, len(by_view), views)]
    return loss + agreement * jensen_shannon(torch.cat(answers))


def shared_objects(targets: Sequence[Target]) -> list[Tensor]:
    """Return which objects every view of an image shows whole: for each view their numbers, in one order.

    An object that a window cuts has another box in each view, which is another question to the detector.

    Args:
        targets: `boxes`, `labels` and `corner` of each view.
    """
    placed = [
        torch.cat([target["boxes"] + target["corner"].repeat(2), target["labels"][:, None]], 1) for target in targets
    ]
    same = [(placed[0][:, None] - other).abs().amax(-1) < 0.5 for other in placed]
    everywhere = torch.stack([matches.any(1) for matches in same]).all(0)
    if not everywhere.any():
        return [everywhere.nonzero()[:, 0]] * len(targets)
    return [matches[everywhere].int().argmax(1) for matches in same]


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
        passes=2,
        part=32,
    )
)
