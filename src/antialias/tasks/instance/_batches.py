"""What a detector learns from and is tested on."""

from __future__ import annotations

import torch
from torch import Tensor

from antialias.data import Annotation, DetectionDataset, PartiallySupervised

from .._config import TrainConfig
from ..batches import ShuffledBatches, WholeBatches, epoch_generator, log_uniform_scales

Target = dict[str, Tensor]

_SCALES = (0.8, 1.25)
_VISIBLE = 0.1
"""An object that a crop leaves less than this share of is not learnt: nobody could tell what it is."""


class ObjectBatches(ShuffledBatches[tuple[list[Tensor], list[Target]]]):
    """Serve one epoch, whole batches at a time: images in random order, scaled, cropped and flipped.

    An image is scaled by a factor between 0.8 and 1.25 (`scales`), a window of it is cropped where it is larger than
    `window`, and half of the images are flipped. Everything random is drawn when the epoch begins, from
    `(seed, epoch)`, so a batch is the same in any worker. Crowds are not shown. An incomplete last batch is left out.
    Where only some classes' masks are learnt, a target says which: `has_mask`.

    Several views of an image are windows of one size that lie within an eighth of it of one another, flipped all or
    none; where the image is not larger than `window` they are eight ninths of it, so that they can move. They stand
    together in the batch, and a target's `corner` `(2,)`, `x, y`, says where its view begins.

    Args:
        data: Images with objects.
        config: Says the seed, the window and the scales.
        epoch: Number of the epoch, from 0.
    """

    def __init__(self, data: DetectionDataset, config: TrainConfig, epoch: int) -> None:
        generator = epoch_generator(config, epoch)
        super().__init__(len(data), config, generator)
        self.data, self.window, self.views = data, config.window, config.views
        draws = torch.rand(4, len(data), generator=generator)
        self.hflip, self.corners = draws[0] < 0.5, draws[1:3]
        self.scales = log_uniform_scales(config, _SCALES, draws[3])
        self.moves = torch.rand(len(data), self.views, 2, generator=generator)

    def __getitem__(self, index: int) -> tuple[list[Tensor], list[Target]]:
        samples = [view for image in self.indices(index).tolist() for view in self._augment(image)]
        return [image for image, _ in samples], [target for _, target in samples]

    def _augment(self, index: int) -> list[tuple[Tensor, Target]]:
        """Return the views of an image."""
        item = self.data.annotated(index).resize(float(self.scales[index]))
        outer = self.window + (self.window // 8 if self.views > 1 else 0)
        item = item.crop(self.corners[:, index].tolist(), outer, _VISIBLE)
        item = item.hflip() if self.hflip[index] else item
        if self.views == 1:
            return [self._sample(item)]
        sides = item.image.shape[-2:]
        window = [min(self.window, 8 * side // 9) for side in sides]
        views = []
        for move in self.moves[index].tolist():
            image, target = self._sample(item.crop(move, window, _VISIBLE))
            y, x = (int(share * (side - inner + 1)) for share, side, inner in zip(move, sides, window, strict=True))
            views.append((image, {**target, "corner": torch.tensor([x, y])}))
        return views

    def _sample(self, item: Annotation) -> tuple[Tensor, Target]:
        image, target = detection_sample(item, training=True)
        if isinstance(self.data, PartiallySupervised):
            target["has_mask"] = self.data.has_mask(target["labels"] - 1)
        return image, target


def detection_sample(item: Annotation, *, training: bool) -> tuple[Tensor, Target]:
    """Return an image in [0, 1] and its target as torchvision's detectors take it: class 0 is the background.

    Args:
        item: The image with its objects.
        training: Whether it is learnt from, which leaves out crowds and boxes without an inside.
    """
    sound = (item.boxes[:, 2:] > item.boxes[:, :2]).all(dim=1) & ~item.crowd
    chosen = sound if training else torch.ones_like(sound)
    target = {
        "boxes": item.boxes[chosen],
        "labels": item.labels[chosen] + 1,
        "masks": item.masks[chosen].to(torch.uint8),
        "iscrowd": item.crowd[chosen].long(),
        "image_id": torch.tensor(item.image_id),
    }
    return item.image.float() / 255, target


class WholeObjects(WholeBatches):
    """Serve whole images with their objects."""

    @staticmethod
    def sample(data: DetectionDataset, index: int) -> tuple[Tensor, Target]:
        """Return one image and its target, crowds included."""
        return detection_sample(data.annotated(index), training=False)
