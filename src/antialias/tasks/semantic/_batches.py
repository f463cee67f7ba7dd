"""What a segmenter learns from and is tested on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from antialias.data import SegmentationDataset, crop_and_pad, resize
from antialias.metrics import IMAGENET

from .._config import TrainConfig
from ..batches import ShuffledBatches, WholeBatches, epoch_generator, log_uniform_scales

_SCALES = (0.5, 2.0)

_COLOUR = tuple(round(255 * mean) for mean in IMAGENET[0])
"""ImageNet's mean, which most networks see as zero."""


class MaskBatches(ShuffledBatches[tuple[Tensor, Any]]):
    """Serve one epoch, whole batches at a time: images in random order, scaled, cropped and flipped.

    An image is scaled by a factor between 0.5 and 2 (`scales`), of which the logarithm is uniform, a window is cropped
    where it fits, and half of the images are flipped. Windows that are larger than the image are continued to the right
    and below by a grey whose class is 255. Everything random is drawn when the epoch begins, from `(seed, epoch)`, so a
    batch is the same in any worker.

    Several views of an image are windows of one scale that lie within an eighth of a window of one another, by whole
    pixels, flipped all or none. They stand together in the batch, and the target is then a dictionary of their `masks`
    and of the `corners` `(N * views, 2)` from which they were cropped.

    Args:
        data: Images with masks.
        config: Says the seed, the window and the scales.
        epoch: Number of the epoch, from 0.
    """

    def __init__(self, data: SegmentationDataset, config: TrainConfig, epoch: int) -> None:
        generator = epoch_generator(config, epoch)
        super().__init__(len(data), config, generator)
        self.data, self.window, self.views = data, config.window, config.views
        draws = torch.rand(4, len(data), generator=generator)
        self.hflip, self.corners = draws[0] < 0.5, draws[1:3]
        self.scales = log_uniform_scales(config, _SCALES, draws[3])
        self.outer = self.window + (self.window // 8 if self.views > 1 else 0)
        room = self.outer - self.window + 1
        self.moves = torch.randint(room, (len(data), self.views, 2), generator=generator)

    def __getitem__(self, index: int) -> tuple[Tensor, Any]:
        indices = self.indices(index)
        images, masks = zip(*map(self._augment, indices.tolist()), strict=True)
        images, masks = torch.cat(images).float() / 255, torch.cat(masks)
        return images, masks if self.views == 1 else {"masks": masks, "corners": self.moves[indices].flatten(0, 1)}

    def _augment(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the views `(views, 3, H, W)` of an image and their classes `(views, H, W)`."""
        # Cropping before scaling costs as much for a large image as for a small one.
        side = max(1, round(self.outer / float(self.scales[index])))
        crop = crop_and_pad(*self.data.segmented(index), self.corners[:, index].tolist(), side, _COLOUR)
        image, mask = resize(*crop, self.outer / side)
        image, mask = (image.flip(-1), mask.flip(-1)) if self.hflip[index] else (image, mask)
        slices = [
            (..., slice(top, top + self.window), slice(left, left + self.window))
            for top, left in self.moves[index].tolist()
        ]
        return torch.stack([image[view] for view in slices]), torch.stack([mask[view] for view in slices])


class WholeMasks(WholeBatches):
    """Serve whole images with their classes."""

    @staticmethod
    def sample(data: SegmentationDataset, index: int) -> tuple[Tensor, Tensor]:
        """Return one image and its classes `(H, W)`."""
        image, mask = data.segmented(index)
        return image.float() / 255, mask
