"""Geometry that images share with their masks and boxes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from antialias._conventions import IGNORED


def resize(image: Tensor, masks: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    """Resize an image `(3, H, W)` bilinearly with anti-aliasing and masks `(..., H, W)` to the nearest pixel.

    Example:
        >>> image, mask = resize(torch.zeros(3, 6, 8).byte(), torch.arange(48).view(6, 8), 0.5)
        >>> image.shape, mask[0].tolist()
        (torch.Size([3, 3, 4]), [9, 11, 13, 15])
    """
    sides = image.shape[-2:]
    height, width = (max(1, round(factor * side)) for side in sides)
    smooth = F.interpolate(image[None].float(), (height, width), mode="bilinear", antialias=True)[0]
    rows, columns = (
        ((torch.arange(new) + 0.5) * old / new).long() for new, old in zip((height, width), sides, strict=True)
    )
    return smooth.round().clamp(0, 255).to(torch.uint8), masks[..., rows[:, None], columns]


def crop_and_pad(
    image: Tensor, mask: Tensor, corner: Sequence[float], side: int, colour: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Crop a square window out of an image and its classes, padded to the right and below where it is smaller.

    Args:
        image: `(3, H, W)` `uint8`.
        mask: `(H, W)` `uint8`.
        corner: How far down and right the window begins, in shares of the room there is, below 1.
        side: Of the window, in pixels.
        colour: Pads the image; its class is 255, which is ignored.

    Example:
        >>> image, mask = torch.zeros(3, 4, 6).byte(), torch.zeros(4, 6).byte()
        >>> image, mask = crop_and_pad(image, mask, (0.5, 0.5), 5, (9, 9, 9))
        >>> image[0, -1].tolist(), mask[-1].tolist(), image.shape
        ([9, 9, 9, 9, 9], [255, 255, 255, 255, 255], torch.Size([3, 5, 5]))
    """
    height, width = mask.shape
    top, left = (int(share * (max(0, whole - side) + 1)) for share, whole in zip(corner, (height, width), strict=True))
    image, mask = (part[..., top : top + side, left : left + side] for part in (image, mask))
    right, below = side - mask.shape[1], side - mask.shape[0]
    if right or below:
        planes = [F.pad(plane, (0, right, 0, below), value=of) for plane, of in zip(image, colour, strict=True)]
        image, mask = torch.stack(planes), F.pad(mask, (0, right, 0, below), value=IGNORED)
    return image, mask


def masks_to_boxes(masks: Tensor) -> Tensor:
    """Return the tight boxes `(M, 4)` `x1, y1, x2, y2` of non-empty masks `(M, H, W)`, right and bottom exclusive.

    Example:
        >>> masks_to_boxes(torch.tensor([[[0, 0, 0], [0, 1, 1]]]).bool()).tolist()
        [[1.0, 1.0, 3.0, 2.0]]
    """
    sides = []
    for occupied in (masks.any(dim=1), masks.any(dim=2)):
        first = occupied.int().argmax(dim=1)
        last = occupied.shape[1] - occupied.flip(1).int().argmax(dim=1)
        sides.append((first, last))
    (x1, x2), (y1, y2) = sides
    return torch.stack((x1, y1, x2, y2), dim=1).float()


def boxes_to_masks(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return masks `(M, H, W)` of every pixel that boxes `(M, 4)` `x1, y1, x2, y2` touch.

    Example:
        >>> boxes_to_masks(torch.tensor([[0.5, 1.0, 2.0, 2.0]]), (3, 3)).int().tolist()
        [[[0, 0, 0], [1, 1, 0], [0, 0, 0]]]
    """
    x1, y1, x2, y2 = boxes[:, :, None].unbind(1)
    rows, columns = torch.arange(size[0]), torch.arange(size[1])
    inside_y, inside_x = (rows + 1 > y1) & (rows < y2), (columns + 1 > x1) & (columns < x2)
    return inside_y[:, :, None] & inside_x[:, None, :]
