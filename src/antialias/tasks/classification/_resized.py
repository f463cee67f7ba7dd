"""Crops of random area and shape, resized: how networks for ImageNet learn."""

from __future__ import annotations

from collections.abc import Sequence

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
    (Szegedy et al., arXiv 1409.4842). Further views of an image are crops of the same size, moved by up to an eighth of
    their sides and flipped like the first: crops of other sizes would show other things, whose answers need not agree.
    What is drawn for a batch depends on `(seed, epoch)` and its number alone.

    Args:
        data: ClassificationDataset images.
        config: Says the seed and the sizes.
        epoch: Number of the epoch, from 0.
    """

    def __init__(self, data: ClassificationDataset, config: TrainConfig, epoch: int) -> None:
        super().__init__(len(data), config, epoch_generator(config, epoch))
        self.data, self.window, self.views = data, config.window, config.views
        self.seed = (config.seed * 1_000_003 + epoch) * 1_000_003

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        indices = self.indices(index)
        generator = torch.Generator().manual_seed((self.seed + index) % 2**63)
        draws = torch.rand(len(indices), DRAWS, generator=generator)
        moves = torch.zeros(len(indices), self.views, 2)
        moves[:, 1:] = (torch.rand(len(indices), self.views - 1, 2, generator=generator) * 2 - 1) / 8
        crops = [
            self._crop(index, row, move)
            for index, row, moved in zip(indices.tolist(), draws, moves, strict=True)
            for move in moved
        ]
        images = torch.stack([image for image, _ in crops])
        labels = torch.tensor([label for _, label in crops])
        return (images.float() / 255).contiguous(memory_format=torch.channels_last), labels

    def _crop(self, index: int, draws: Tensor, move: Tensor) -> tuple[Tensor, int]:
        if isinstance(self.data, ImageFolder):
            image, label = self.data.cropped(
                index, lambda height, width: random_crop(height, width, draws, move), self.window
            )
        else:
            images, labels = self.data.labelled(torch.tensor([index]))
            top, left, tall, wide = random_crop(images.shape[-2], images.shape[-1], draws, move)
            transforms = require("torchvision.transforms.v2.functional", extra="tasks")
            crop = images[0, :, top : top + tall, left : left + wide]
            image, label = transforms.resize(crop, [self.window] * 2, antialias=True), int(labels)
        return (image.flip(-1) if draws[0] < 0.5 else image), label


def random_crop(
    height: int, width: int, draws: Tensor, move: Sequence[float] | Tensor = (0.0, 0.0)
) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the first drawn crop that fits, else of the largest in the middle.

    Args:
        height: Of the image.
        width: Of the image.
        draws: `DRAWS` numbers from [0, 1), the first of which is not used here.
        move: How far down and right the crop is moved, in shares of its sides, as far as the image goes.
    """
    areas, shapes = draws[3:].double().view(2, _TRIES)
    area, shape = height * width * (0.08 + 0.92 * areas), (3 / 4) * (16 / 9) ** shapes
    tall, wide = (area / shape).sqrt().round().long(), (area * shape).sqrt().round().long()
    fits = ((0 < tall) & (tall <= height) & (0 < wide) & (wide <= width)).nonzero()
    if len(fits):
        h, w = int(tall[fits[0]]), int(wide[fits[0]])
        top, left = int(float(draws[1]) * (height - h + 1)), int(float(draws[2]) * (width - w + 1))
    else:
        h, w = min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))
        top, left = (height - h) // 2, (width - w) // 2
    down, right = round(float(move[0]) * h), round(float(move[1]) * w)
    return min(max(0, top + down), height - h), min(max(0, left + right), width - w), h, w
