"""Networks of transformers, whose answers have names of their own, in the words that scores understand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from antialias.metrics.inputs._normalization import Preprocessing, unwrapped

_LEAST_SCORE = 0.05
_INSIDE = 0.5


class TransformersNetwork(nn.Module):
    """Have a network of transformers answer as others do: in tensors, or in a list of instances.

    Class scores and maps of labels or values are tensors; maps are resampled to the size of the input. A batch of
    equal images or a list of images of any sizes may be given; of a list a network of masks gives instances.

    Of object queries that softmax with a last class for "no object", this one is dropped; others have a sigmoid. The
    best class of a query counts from 1, as in torchvision, boxes are corners in pixels, and queries with a score below
    0.05 are left out. Of networks that give masks to queries (MaskFormer, Mask2Former) the score is times the mean of
    the mask within itself, and the box is around the mask.

    Args:
        network: A `PreTrainedModel` that takes `pixel_values`.
        preprocessing: What it expects of pixels; by default what the folder that it was loaded from says.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing | None = None) -> None:
        super().__init__()
        self.network = network
        self.config: Any = network.config
        says = preprocessing or Preprocessing.read(getattr(self.config, "_name_or_path", "") or "")
        self.bgr = says is not None and says.bgr
        self.side_multiple = math.lcm(1 if says is None else says.multiple, _patch_of(self.config))
        if says is not None:
            self.normalization = says.normalization
        side = getattr(self.config, "image_size", None) if says is None else says.side
        if isinstance(side, int) and not _has_queries(self.config):
            self.input_size = (3, side, side)

    def forward(self, images: Tensor | Sequence[Tensor]) -> Any:
        """Return the plain answers.

        Raises:
            TypeError: The network answers in words that are not known here.
        """
        if isinstance(images, Tensor):
            return self._plain(self._shown(images), images.shape[-2:], wants_instances=False)
        if len({image.shape for image in images}) == 1:
            return self._plain(self._shown(torch.stack([*images])), images[0].shape[-2:], wants_instances=True)
        return [answer for image in images for answer in self([image])]

    def _shown(self, images: Tensor) -> Mapping[str, Any]:
        return self.network(pixel_values=images.flip(1) if self.bgr else images, return_dict=True)

    def _plain(self, answer: Mapping[str, Any], size: Sequence[int], *, wants_instances: bool) -> Any:
        if "masks_queries_logits" in answer:
            classes, masks = answer["class_queries_logits"], answer["masks_queries_logits"]
            if wants_instances:
                return instances_of_masks(classes, masks, size, self.config.num_labels)
            scores = classes.softmax(-1)[..., : self.config.num_labels]
            return resampled(torch.einsum("nqk,nqhw->nkhw", scores, masks.sigmoid()), size)
        if "pred_boxes" in answer:
            found = instances_of_boxes(answer["logits"], answer["pred_boxes"], size, self.config.num_labels)
            if "pred_masks" not in answer:
                return [{name: column for name, column in one.items() if name != "query"} for one in found]
            masks = resampled(answer["pred_masks"].flatten(1, -3), size).sigmoid()
            return [{**one, "masks": own[one.pop("query")][:, None]} for one, own in zip(found, masks, strict=True)]
        if "predicted_depth" in answer:
            depth = answer["predicted_depth"]
            return resampled(depth if depth.ndim == 4 else depth[:, None], size)
        logits = answer.get("logits")
        if isinstance(logits, Tensor) and logits.ndim in (2, 4):
            return logits if logits.ndim == 2 else resampled(logits, size)
        shapes = ", ".join(
            f"{name} {tuple(value.shape)}" if isinstance(value, Tensor) else name for name, value in answer.items()
        )
        raise TypeError(
            f"{type(self.network).__name__} answers {shapes}, which is neither of classes, maps, boxes nor depth. Use "
            "one with a head, such as ...ForImageClassification, ...ForSemanticSegmentation, ...ForObjectDetection, "
            "...ForUniversalSegmentation or ...ForDepthEstimation."
        )


def in_plain_words(model: Any) -> Any:
    """Return a network that answers as scores understand it: one of transformers in a `TransformersNetwork`.

    Example:
        >>> in_plain_words(abs) is abs
        True
    """
    inner = unwrapped(model)
    takes_pixels = getattr(inner, "main_input_name", None) == "pixel_values" and hasattr(inner, "config")
    return TransformersNetwork(inner) if isinstance(inner, nn.Module) and takes_pixels else model


def resampled(maps: Tensor, size: Sequence[int]) -> Tensor:
    """Return maps `(N, K, h, w)` at another height and width, bilinearly between the centres of pixels.

    Example:
        >>> resampled(torch.tensor([[[[0.0, 1.0]]]]), (1, 4))
        tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
    """
    same = tuple(maps.shape[-2:]) == tuple(size)
    return maps if same else F.interpolate(maps, tuple(size), mode="bilinear", align_corners=False)


def instances_of_boxes(logits: Tensor, boxes: Tensor, size: Sequence[int], classes: int) -> list[dict[str, Tensor]]:
    """Return the instances of DETR's kind of answer, one mapping an image, with the number of each one's `query`.

    Args:
        logits: `(N, Q, classes + 1)`, the last class being "no object", or `(N, Q, classes)` under a sigmoid.
        boxes: `(N, Q, 4)`: centre, width and height as shares of the image's sides.
        size: Height and width of the images in pixels.
        classes: How many there are.

    Example:
        >>> logits, boxes = torch.tensor([[[9.0, 0, 0], [0, 0, 9.0]]]), torch.tensor([[[0.5, 0.5, 0.2, 0.4]] * 2])
        >>> instances_of_boxes(logits, boxes, (100, 200), classes=2)[0]["boxes"].round()
        tensor([[ 80.,  30., 120.,  70.]])
    """
    scores, labels = _best_classes(logits, classes)
    centres, halves = boxes[..., :2], boxes[..., 2:] / 2
    corners = torch.cat([centres - halves, centres + halves], -1) * boxes.new_tensor([size[1], size[0]] * 2)
    corners = corners.clamp(min=0).minimum(corners.new_tensor([size[1], size[0]] * 2))
    columns = {"boxes": corners, "labels": labels, "scores": scores}
    chosen = [(own >= _LEAST_SCORE).nonzero()[:, 0] for own in scores]
    return [
        {**{name: column[i][queries] for name, column in columns.items()}, "query": queries}
        for i, queries in enumerate(chosen)
    ]


def instances_of_masks(logits: Tensor, masks: Tensor, size: Sequence[int], classes: int) -> list[dict[str, Tensor]]:
    """Return the instances of MaskFormer's kind of answer, one mapping an image.

    Args:
        logits: `(N, Q, classes + 1)`, the last class being "no object".
        masks: Logits `(N, Q, h, w)`.
        size: Height and width of the images in pixels.
        classes: How many there are.
    """
    scores, labels = _best_classes(logits, classes)
    answers = []
    for own, label, mask in zip(scores, labels, resampled(masks, size).sigmoid(), strict=True):
        inside = mask > _INSIDE
        own = own * (mask * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
        chosen = ((own >= _LEAST_SCORE) & inside.any(2).any(1)).nonzero()[:, 0]
        boxes = torch.stack([_around(inside[query]) for query in chosen]) if len(chosen) else mask.new_zeros(0, 4)
        found = {"boxes": boxes.to(mask.dtype), "labels": label[chosen], "scores": own[chosen]}
        answers.append({**found, "masks": mask[chosen][:, None]})
    return answers


def _best_classes(logits: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    has_none = logits.shape[-1] == classes + 1
    probabilities = logits.softmax(-1)[..., :-1] if has_none else logits.sigmoid()
    scores, labels = probabilities.max(-1)
    return scores, labels + 1


def _around(inside: Tensor) -> Tensor:
    """Return the box around the pixels of a mask `(H, W)`."""
    rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
    return torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def _patch_of(config: Any) -> int:
    """Return the side of a network's patches: what they leave over at the right and below has no place in its maps."""
    sides = [getattr(each, "patch_size", None) for each in (config, getattr(config, "backbone_config", None))]
    return math.lcm(*(side for side in sides if isinstance(side, int) and side > 0))


def _has_queries(config: Any) -> bool:
    return any(hasattr(config, name) for name in ("num_queries", "num_detection_tokens"))
