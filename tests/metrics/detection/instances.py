"""Random detections and objects with everything that makes COCO's protocol awkward: ties, crowds, empty pictures."""

from __future__ import annotations

import torch
from torch import Tensor

SIZE, CLASSES = 24, 3


def boxes_as_masks(boxes: Tensor, generator: torch.Generator, holes: float = 0.03) -> Tensor:
    """Return masks `(M, SIZE, SIZE)` of the insides of boxes, a few pixels of them missing."""
    steps = torch.arange(SIZE)
    x1, y1, x2, y2 = (side[:, None, None] for side in boxes.T)
    inside = (steps[:, None] >= y1) & (steps[:, None] < y2) & (steps >= x1) & (steps < x2)
    return inside & (torch.rand(inside.shape, generator=generator) >= holes)


def random_pictures(seed: int, count: int = 12) -> tuple[list[dict[str, Tensor]], list[dict[str, Tensor]]]:
    """Return outputs and targets of `count` pictures; scores are multiples of 0.1, so that many tie."""
    generator = torch.Generator().manual_seed(seed)
    pictures = [_picture(number, generator) for number in range(count)]
    return [output for output, _ in pictures], [target for _, target in pictures]


def _picture(number: int, generator: torch.Generator) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    def whole(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=generator)

    def chance(share: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator) < share

    objects, detections = int(whole(0, 5)), int(whole(0, 12))
    corner = whole(0, SIZE - 8, max(objects, 1), 2)
    boxes = torch.cat([corner, corner + whole(2, 9, max(objects, 1), 2)], dim=1).float()
    labels = whole(1, CLASSES + 1, max(objects, 1))
    near = whole(0, max(objects, 1), detections)
    found = boxes[near] + whole(-1, 2, detections, 4) * chance(0.4, detections, 4)
    found[:, 2:] = torch.maximum(found[:, 2:], found[:, :2] + 1)
    found = found.clamp(0, SIZE)
    output = {
        "boxes": found,
        "labels": torch.where(chance(0.8, detections), labels[near], whole(1, CLASSES + 1, detections)),
        "scores": whole(0, 11, detections) / 10,
        "masks": boxes_as_masks(found, generator),
    }
    target = {
        "boxes": boxes[:objects],
        "labels": labels[:objects],
        "masks": boxes_as_masks(boxes[:objects], generator),
        "iscrowd": chance(0.15, objects).long(),
        "image_id": torch.tensor(3 * number + 5),
    }
    return output, target
