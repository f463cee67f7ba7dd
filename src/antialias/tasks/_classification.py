"""Classification: one label a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from antialias._extras import require
from antialias.data import ClassificationDataset, ImageFolder, VideoFrames, in_memory, open_data
from antialias.metrics import Curve, Score, accuracy, consistency, flip_rate, on_correct, top1_change, video_accuracy

from ._batches import IN_MEMORY, ShuffledBatches, draws_of
from ._config import TrainConfig
from ._network import expecting, normalizer_of
from ._resized import ResizedBatches
from ._task import Task, register_task

if TYPE_CHECKING:
    from torchmetrics import Metric


def _open(config: TrainConfig, split: str) -> ClassificationDataset | VideoFrames:
    """Open one split, in memory where that takes 2 GiB at most."""
    length = config.train_length if split == "train" else config.test_length
    data = open_data(config.data, split, size=config.picture_side, length=length, on_broken=config.on_broken)
    whole = split == "train" and config.crop == "resized" and isinstance(data, ImageFolder)
    small = len(data) * 3 * config.picture_side**2 <= IN_MEMORY
    return in_memory(data) if small and not (whole or isinstance(data, VideoFrames)) else data


class WindowBatches(ShuffledBatches[tuple[Tensor, Tensor]]):
    """Serve one epoch, whole batches at a time: pictures in random order, random windows, half of them mirrored.

    Everything random is drawn when the epoch begins, from `(seed, epoch)`, so a batch is the same in any worker and on
    any device. An incomplete last batch is left out.
    """

    def __init__(self, data: ClassificationDataset, config: TrainConfig, epoch: int) -> None:
        generator = draws_of(config, epoch)
        super().__init__(len(data), config, generator)
        self.data, self.window = data, config.window
        room = config.picture_side - config.window + 1
        self.corners = torch.randint(room, (2, len(data)), generator=generator)
        self.mirrored = torch.rand(len(data), generator=generator) < 0.5

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        here = self.numbers(index)
        images, labels = self.data.labelled(here)
        top, left = self.corners[:, here]
        return cut_windows(images, top, left, self.window, self.mirrored[here]), labels


def cut_windows(images: Tensor, top: Tensor, left: Tensor, window: int, mirrored: Tensor) -> Tensor:
    """Cut a window of its own from each image `(N, 3, H, W)` `uint8`: floats in [0, 1], channels_last."""
    steps = torch.arange(window)
    rows, columns = top[:, None] + steps, left[:, None] + torch.where(mirrored[:, None], steps.flip(0), steps)
    pixels = images.permute(0, 2, 3, 1)[torch.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None]]
    return (pixels.float() / 255).permute(0, 3, 1, 2)


class CentralBatches(Dataset[tuple[Tensor, Tensor]]):
    """Serve the central windows of a data set in order, whole batches at a time."""

    def __init__(self, data: ClassificationDataset, config: TrainConfig) -> None:
        self.data, self.config = data, config
        self.parts = torch.arange(len(data)).split(4 * config.batch_size)

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        images, labels = self.data.labelled(self.parts[index])
        corner = torch.full((len(images),), (self.config.picture_side - self.config.window) // 2)
        return cut_windows(images, corner, corner, self.config.window, corner < 0), labels


def _training_batches(
    data: ClassificationDataset, config: TrainConfig, epoch: int
) -> ShuffledBatches[tuple[Tensor, Tensor]]:
    return (ResizedBatches if config.crop == "resized" else WindowBatches)(data, config, epoch)


def _logits(model: nn.Module, images: Tensor) -> Tensor:
    return model(normalizer_of(model)(images))


def _loss(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(_logits(model, images), labels)


def _meter(num_classes: int) -> Metric:
    classification = require("torchmetrics.classification", extra="tasks")
    return classification.MulticlassAccuracy(num_classes, average="micro")


_GUESSES = 5
_IMAGENET = 1000


class _Loader:
    """Whole pictures in batches, as often as they are asked for: what the metrics read."""

    def __init__(self, data: ClassificationDataset, numbers: range) -> None:
        self.data, self.numbers = data, numbers

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for part in torch.arange(self.numbers.start, self.numbers.stop).split(128):
            images, labels = self.data.labelled(part)
            yield images.float() / 255, labels


def _with_derived(scores: dict[str, Score]) -> dict[str, Score]:
    """Add the consistency of the pictures that are classified correctly, if there are any."""
    if "consistency" not in scores:
        return scores
    found = on_correct(scores["consistency"], scores["accuracy"])
    return scores if found is None else {**scores, "consistency_on_correct": found}


def _evaluate_part(
    model: nn.Module, data: ClassificationDataset | VideoFrames, config: TrainConfig, numbers: range
) -> dict[str, Score]:
    if isinstance(data, VideoFrames):
        return {"video_accuracy": _of_videos(model, data, config, numbers)}
    pictures, window, first = _Loader(data, numbers), config.window, numbers.start
    with expecting(model, len(data.classes)):
        return {
            "accuracy": accuracy(model, pictures, window=window, first=first),
            **_top5(model, pictures, config, len(data.classes)),
            "consistency": consistency(model, pictures, window=window, first=first),
            "top1_change": top1_change(model, pictures, size=window, first=first),
        }


def _of_videos(model: nn.Module, data: VideoFrames, config: TrainConfig, numbers: range) -> Score:
    truths, videos = data.truths(numbers), torch.arange(len(numbers)).repeat_interleave(data.each)
    with expecting(model, _IMAGENET, "ImageNet"):
        return video_accuracy(model, data.frames(numbers), truths, videos, data.groups, window=config.window)


def _top5(model: nn.Module, pictures: _Loader, config: TrainConfig, classes: int) -> dict[str, Score]:
    """Return the accuracy among five guesses, where that is a feat."""
    if classes < 2 * _GUESSES:
        return {}
    top5 = accuracy(model, pictures, window=config.window, top=_GUESSES, first=pictures.numbers.start)
    return {"top5_accuracy": top5}


def _flips(model: nn.Module, data: ClassificationDataset | VideoFrames, config: TrainConfig) -> Curve:
    if isinstance(data, VideoFrames):
        raise ValueError(f"data={config.data!r} measures accuracy alone. Leave out flips, or use images:DIR.")
    window = config.window if config.picture_side - config.window >= 8 else None
    with expecting(model, len(data.classes)):
        return flip_rate(model, _Loader(data, range(len(data))), window=window)


register_task(
    Task(
        name="classification",
        watch="accuracy",
        default_model="antialias:TinyResNet",
        open=_open,
        outputs=lambda data: len(data.classes),
        training_batches=_training_batches,
        test_batches=CentralBatches,
        loss=_loss,
        predict=_logits,
        meter=_meter,
        evaluate_part=_evaluate_part,
        derive=_with_derived,
        flips=_flips,
    )
)
