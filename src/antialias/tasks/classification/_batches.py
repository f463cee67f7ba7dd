"""The windows of a fixed scale that a classifier learns from and is tested on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from antialias.data import ClassificationDataset
from antialias.results import EvaluationConfig

from .._config import TrainConfig
from ..batches import ShuffledBatches, epoch_generator


class WindowBatches(ShuffledBatches[tuple[Tensor, Tensor]]):
    """Serve one epoch, whole batches at a time: images in random order, random windows, half of the images flipped.

    Several views of an image are windows with corners of their own that stand together in the batch, flipped all or
    none: what they are to agree on is that an image has moved. Everything random is drawn when the epoch begins, from
    `(seed, epoch)`, so a batch is the same in any worker and on any device. An incomplete last batch is left out.

    Args:
        data: ClassificationDataset images.
        config: Says the seed and the sizes.
        epoch: Number of the epoch, from 0.
    """

    def __init__(self, data: ClassificationDataset, config: TrainConfig, epoch: int) -> None:
        generator = epoch_generator(config, epoch)
        super().__init__(len(data), config, generator)
        self.data, self.window = data, config.window
        room = config.image_side - config.window + 1
        self.corners = torch.randint(room, (config.views, 2, len(data)), generator=generator)
        self.hflip = torch.rand(len(data), generator=generator) < 0.5

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        indices = self.indices(index)
        images, labels = self.data.labelled(indices)
        views = len(self.corners)
        top, left = self.corners[:, :, indices].permute(1, 2, 0).flatten(1)
        images, hflip, labels = (each.repeat_interleave(views, 0) for each in (images, self.hflip[indices], labels))
        return crop_windows(images, top, left, self.window, hflip), labels


def crop_windows(images: Tensor, top: Tensor, left: Tensor, window: int, hflip: Tensor) -> Tensor:
    """Crop a window of its own from each image: floats in [0, 1], channels_last.

    Args:
        images: `(N, 3, H, W)`, `uint8`.
        top: Row of each window's upper left corner, `(N,)`.
        left: Column of it, `(N,)`.
        window: Side of the windows.
        hflip: Which windows are flipped horizontally, `(N,)`.
    """
    steps = torch.arange(window)
    rows, columns = top[:, None] + steps, left[:, None] + torch.where(hflip[:, None], steps.flip(0), steps)
    pixels = images.permute(0, 2, 3, 1)[torch.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None]]
    return (pixels.float() / 255).permute(0, 3, 1, 2)


class CentralBatches(Dataset[tuple[Tensor, Tensor]]):
    """Serve the central windows of a data set in order, whole batches at a time.

    Images of classes that nobody learns, which have the last numbers, are left out.

    Args:
        data: ClassificationDataset images.
        config: Says the sizes.
    """

    def __init__(self, data: ClassificationDataset, config: EvaluationConfig) -> None:
        self.data, self.config = data, config
        self.parts = torch.arange(len(data)).split(4 * config.batch_size)
        mismatch = getattr(data, "class_mismatch", None)
        self.known = len(data.classes) - (0 if mismatch is None else len(mismatch.unknown))

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        images, labels = self.data.labelled(self.parts[index])
        images, labels = images[labels < self.known], labels[labels < self.known]
        corner = torch.full((len(images),), (self.config.image_side - self.config.window) // 2)
        return crop_windows(images, corner, corner, self.config.window, corner < 0), labels
