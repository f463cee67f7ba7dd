"""Crops of random area and shape, resized: how networks for ImageNet learn."""

from __future__ import annotations

import torch
from torch import Tensor

from antialias._extras import require
from antialias.data import ClassificationDataset, ImageFolder

from .._config import TrainConfig
from ..batches import ShuffledBatches, epoch_generator

_TRIES = 10
DRAWS = 3 + 2 * _TRIES
"""Random numbers an image: whether it is flipped, two for the place, area and shape of each try."""


class ResizedBatches(ShuffledBatches[tuple[Tensor, Tensor]]):
    """Serve one epoch: images in random order, crops of random area and shape resized to the window, half flipped.

    A crop takes 8 to 100 % of the image's area with sides from 3:4 to 4:3, out of the whole file where there is one
    (Szegedy et al., arXiv 1409.4842). What is drawn for a batch depends on `(seed, epoch)` and its number alone.

    Args:
        data: ClassificationDataset images.
        config: Says the seed and the sizes.
        epoch: Number of the epoch, from 0.
    """

    def __init__(self, data: ClassificationDataset, config: TrainConfig, epoch: int) -> None:
        super().__init__(len(data), config, epoch_generator(config, epoch))
        self.data, self.window, self.seed = data, config.window, (config.seed * 1_000_003 + epoch) * 1_000_003

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        indices = self.indices(index)
        draws = torch.rand(len(indices), DRAWS, generator=torch.Generator().manual_seed((self.seed + index) % 2**63))
        crops = [self._crop(int(index), row) for index, row in zip(indices, draws, strict=True)]
        images = torch.stack(
            [image.flip(-1) if row[0] < 0.5 else image for (image, _), row in zip(crops, draws, strict=True)]
        )
        labels = torch.tensor([label for _, label in crops])
        return (images.float() / 255).contiguous(memory_format=torch.channels_last), labels

    def _crop(self, index: int, draws: Tensor) -> tuple[Tensor, int]:
        if isinstance(self.data, ImageFolder):
            return self.data.cropped(index, lambda height, width: random_crop(height, width, draws), self.window)
        images, labels = self.data.labelled(torch.tensor([index]))
        top, left, tall, wide = random_crop(images.shape[-2], images.shape[-1], draws)
        transforms = require("torchvision.transforms.v2.functional", extra="tasks")
        crop = images[0, :, top : top + tall, left : left + wide]
        return transforms.resize(crop, [self.window] * 2, antialias=True), int(labels)


def random_crop(height: int, width: int, draws: Tensor) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the first drawn crop that fits, else of the largest in the middle.

    Args:
        height: Of the image.
        width: Of the image.
        draws: `DRAWS` numbers from [0, 1), the first of which is not used here.
    """
    areas, shapes = draws[3:].double().view(2, _TRIES)
    area, shape = height * width * (0.08 + 0.92 * areas), (3 / 4) * (16 / 9) ** shapes
    tall, wide = (area / shape).sqrt().round().long(), (area * shape).sqrt().round().long()
    fits = ((0 < tall) & (tall <= height) & (0 < wide) & (wide <= width)).nonzero()
    if len(fits):
        h, w = int(tall[fits[0]]), int(wide[fits[0]])
        return int(float(draws[1]) * (height - h + 1)), int(float(draws[2]) * (width - w + 1)), h, w
    h, w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
    return (height - h) // 2, (width - w) // 2, h, w
