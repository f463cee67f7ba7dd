"""Random detections and objects with everything that makes COCO's protocol awkward: ties, crowds, empty pictures."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np
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


def _xywh(box: Tensor) -> list[float]:
    x1, y1, x2, y2 = box.tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def pycocotools_values(outputs: Any, targets: Any, kind: str) -> tuple[float, float]:
    """Return AP and AP50 as pycocotools computes them."""
    from pycocotools import mask as rle
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def encoded(mask: Tensor) -> Any:
        return rle.encode(np.asfortranarray(mask.numpy().astype(np.uint8)))

    objects = [
        {
            "image_id": number,
            "category_id": int(target["labels"][i]),
            "bbox": _xywh(target["boxes"][i]),
            "area": float(target["masks"][i].sum()),
            "iscrowd": int(target["iscrowd"][i]),
            "segmentation": encoded(target["masks"][i]),
        }
        for number, target in enumerate(targets)
        for i in range(len(target["labels"]))
    ]
    found = [
        {"image_id": number, "category_id": int(output["labels"][i]), "score": float(output["scores"][i])}
        | ({"bbox": _xywh(output["boxes"][i])} if kind == "box" else {"segmentation": encoded(output["masks"][i])})
        for number, output in enumerate(outputs)
        for i in range(len(output["labels"]))
    ]
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i, "height": SIZE, "width": SIZE} for i in range(len(targets))],
        "categories": [{"id": i, "name": str(i)} for i in range(1, CLASSES + 1)],
        "annotations": [{"id": i + 1, **one} for i, one in enumerate(objects)],
    }
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its arrays and numpy 2
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(found), {"mask": "segm", "box": "bbox"}[kind])
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return judge.stats[0], judge.stats[1]
