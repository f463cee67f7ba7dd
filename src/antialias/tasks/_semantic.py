"""Semantic segmentation: a class for each pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias._conventions import IGNORED
from antialias._extras import require
from antialias.data import SegmentationDataset, crop_and_pad, in_memory, open_data, resize
from antialias.metrics import (
    IMAGENET,
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

from ._batches import IN_MEMORY, ShuffledBatches, WholeBatches, draws_of, scales_of
from ._config import TrainConfig
from ._network import expecting, normalizer_of
from ._task import Task, register_task

if TYPE_CHECKING:
    from torchmetrics import Metric

_SCALES = (0.5, 2.0)
_AUXILIARY = 0.4
_PICTURES = 8
"""Whole pictures in a forward pass of an evaluation, at most; it changes no score."""

_COLOUR = tuple(round(255 * mean) for mean in IMAGENET[0])
"""ImageNet's mean, which most networks see as zero."""


def _open(config: TrainConfig, split: str) -> SegmentationDataset:
    """Open one split, in memory where that takes 2 GiB at most."""
    length = config.train_length if split == "train" else config.test_length
    how = {"size": config.size, "length": length, "on_broken": config.on_broken}
    data = open_data(config.data, split, want="semantic", **how)
    return in_memory(data, "semantic") if 4 * data.pixels <= IN_MEMORY else data


class MaskBatches(ShuffledBatches[tuple[Tensor, Tensor]]):
    """Serve one epoch, whole batches at a time: pictures in random order, scaled, cut and mirrored.

    A picture is scaled by a factor between 0.5 and 2 (`scales`), of which the logarithm is uniform, a window is cut
    where it fits, and half of the pictures are mirrored. Windows that are larger than the picture are continued to the
    right and below by a grey whose class is 255. Everything random is drawn when the epoch begins, from
    `(seed, epoch)`, so a batch is the same in any worker.
    """

    def __init__(self, data: SegmentationDataset, config: TrainConfig, epoch: int) -> None:
        generator = draws_of(config, epoch)
        super().__init__(len(data), config, generator)
        self.data, self.window = data, config.window
        draws = torch.rand(4, len(data), generator=generator)
        self.mirrored, self.corners = draws[0] < 0.5, draws[1:3]
        self.scales = scales_of(config, _SCALES, draws[3])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        images, masks = zip(*map(self._augmented, self.numbers(index).tolist()), strict=True)
        return torch.stack(images).float() / 255, torch.stack(masks)

    def _augmented(self, number: int) -> tuple[Tensor, Tensor]:
        # Cutting before scaling costs as much for a large picture as for a small one.
        side = max(1, round(self.window / float(self.scales[number])))
        seen = crop_and_pad(*self.data.segmented(number), self.corners[:, number].tolist(), side, _COLOUR)
        image, mask = resize(*seen, self.window / side)
        return (image.flip(-1), mask.flip(-1)) if self.mirrored[number] else (image, mask)


class WholeMasks(WholeBatches):
    """Serve whole pictures with their classes."""

    @staticmethod
    def picture(data: SegmentationDataset, number: int) -> tuple[Tensor, Tensor]:
        """Return one picture and its classes `(H, W)`."""
        image, mask = data.segmented(number)
        return image.float() / 255, mask


def _loss(model: nn.Module, images: Tensor, masks: Tensor) -> Tensor:
    """Return the cross entropy of the pixels with a class, and 0.4 of an auxiliary head's."""
    inputs = continued(normalizer_of(model)(images), side_multiple_of(model))
    (height, width), sides = masks.shape[-2:], inputs.shape[-2:]
    truth = F.pad(masks, (0, sides[1] - width, 0, sides[0] - height), value=IGNORED).long()
    answer = model(inputs)
    loss = _cross_entropy(logits_in(answer, inputs), truth)
    if isinstance(answer, Mapping) and "aux" in answer:
        loss = loss + _AUXILIARY * _cross_entropy(answer["aux"], truth)
    return loss


def _cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    # The mean that torch offers is NaN where no pixel has a class.
    total = F.cross_entropy(logits, truth, ignore_index=IGNORED, reduction="sum")
    return total / (truth != IGNORED).sum().clamp(min=1)


def _predict(model: nn.Module, images: list[Tensor]) -> list[Tensor]:
    """Return the logits `(K, H, W)` of each picture; those of one size are asked together."""
    normalize, multiple = normalizer_of(model), side_multiple_of(model)
    sizes: dict[torch.Size, list[int]] = {}
    for number, image in enumerate(images):
        sizes.setdefault(image.shape, []).append(number)
    found: dict[int, Tensor] = {}
    for numbers in sizes.values():
        batch = normalize(torch.stack([images[number] for number in numbers]))
        found.update(zip(numbers, segmentation_logits(model, batch, multiple), strict=True))
    return [found[number] for number in range(len(images))]


def _meter(num_classes: int) -> Metric:
    require("torchmetrics", extra="tasks")
    from antialias.metrics import PlainDataSetMeanIoU

    return PlainDataSetMeanIoU(num_classes)


def _evaluate_part(
    model: nn.Module, data: SegmentationDataset, config: TrainConfig, numbers: range
) -> dict[str, PictureValues]:
    pictures = WholeMasks.pictures(data, numbers)
    how: Any = {"batch_size": min(config.batch_size, _PICTURES), "first": numbers.start}
    with expecting(model, len(data.classes)):
        return {
            "overlaps": segmentation_overlaps(model, pictures, **how),
            "shares": segmentation_shares(model, pictures, **how),
        }


def _derive(measured: dict[str, Any]) -> dict[str, Score]:
    scores, same = scores_of_overlaps(measured["overlaps"]), scores_of_shares(measured["shares"])
    found = {
        "mean_iou": scores.mean_iou,
        "pixel_accuracy": scores.pixel_accuracy,
        "segmentation_consistency": same.all,
        "segmentation_consistency_on_correct": same.on_correct,
    }
    return {name: score for name, score in found.items() if score is not None}


register_task(
    Task(
        name="semantic",
        watch="mean_iou",
        default_model="antialias:TinyDeepLab",
        open=_open,
        outputs=lambda data: len(data.classes),
        training_batches=MaskBatches,
        test_batches=WholeMasks,
        loss=_loss,
        predict=_predict,
        meter=_meter,
        evaluate_part=_evaluate_part,
        derive=_derive,
        part=32,
    )
)
