"""Run a detector on its images moved by several phases, and fuse what it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from antialias._torch import forward_hooks, forward_pre_hooks
from antialias.nn import Filter, PhaseAverage, PhaseRepeat2d
from antialias.ops import PaddingMode

from ._edits import Edit
from ._places import remove_hooks

_SAME = 0.55  # intersection over union from which boxes are one object, as published


@dataclass(frozen=True, kw_only=True)
class FusePhases(Edit):
    """Run a detector on its images moved by the phases of a stride, and fuse its detections.

    Attributes:
        stride: The stride, `(s_h, s_w)`.
    """

    saved_as: ClassVar[str] = "FusePhases"

    stride: tuple[int, int]

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        assert isinstance(config, PhaseAverage)
        offsets, owner = config.offsets((self.stride[0], self.stride[1])), model.get_submodule(self.module)
        owner.register_forward_pre_hook(MoveImages(offsets, config.padding_mode))
        owner.register_forward_hook(FuseDetections(offsets))
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        owner = model.get_submodule(self.module)
        remove_hooks(forward_pre_hooks(owner), MoveImages)
        remove_hooks(forward_hooks(owner), FuseDetections)


@dataclass(frozen=True)
class MoveImages:
    """Hand a detector its images once for each phase; in training, which takes targets, once.

    Attributes:
        offsets: Rows and columns that the images are moved by.
        padding_mode: How they are continued.
    """

    offsets: tuple[tuple[int, int], ...]
    padding_mode: PaddingMode

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if module.training:
            return None
        repeat = PhaseRepeat2d(self.offsets, self.padding_mode)
        moved = [list(repeat(image[None])) for image in args[0]]
        return ([image for phase in zip(*moved, strict=True) for image in phase], *args[1:])


@dataclass(frozen=True)
class FuseDetections:
    """Move the detections of each phase back and fuse those of one image.

    Attributes:
        offsets: Rows and columns that the images were moved by.
    """

    offsets: tuple[tuple[int, int], ...]

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if module.training:
            return None
        images = len(output) // len(self.offsets)
        sizes = [image.shape[-2:] for image in args[0][:images]]
        return [
            fused([moved_back(f, o, sizes[n]) for f, o in zip(output[n::images], self.offsets, strict=True)])
            for n in range(images)
        ]


def moved_back(found: Mapping[str, Tensor], offset: tuple[int, int], size: Sequence[int]) -> dict[str, Tensor]:
    """Move what was found in an image that was moved back to where it is in the image.

    Args:
        found: `boxes` `(D, 4)` as `x1, y1, x2, y2`, and where there are any `masks` `(D, 1, H, W)` and `keypoints`
            `(D, K, 3)`.
        offset: Rows and columns that the image was moved by, towards the first.
        size: Height and width of the image.
    """
    (down, right), (height, width), back = offset, size, dict(found)
    boxes = found["boxes"] + found["boxes"].new_tensor([right, down, right, down])
    back["boxes"] = boxes.minimum(boxes.new_tensor([width, height, width, height]))
    if "masks" in found:
        back["masks"] = torch.zeros_like(found["masks"])
        back["masks"][..., down:, right:] = found["masks"][..., : height - down, : width - right]
    if "keypoints" in found:
        back["keypoints"] = found["keypoints"] + found["keypoints"].new_tensor([right, down, 0])
    return back


def fused(phases: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Fuse the detections of several runs on one image, the most certain first; as many as the richest run has at most.

    Boxes of one label that overlap the fused box of a cluster by more than 0.55 join the cluster. Its box, masks and
    keypoints are averages weighted by score; its score is the mean score, times the share of runs that found it.

    Args:
        phases: For each run `boxes` `(D, 4)`, `labels` `(D,)`, `scores` `(D,)`, and what else there is of each box.

    Source: Solovyev, Wang & Gabruseva, "Weighted boxes fusion", Image and Vision Computing 107, 2021, section 3.
    """
    together = {key: torch.cat([phase[key] for phase in phases]) for key in phases[0]}
    boxes, labels, scores = together["boxes"], together["labels"], together["scores"]
    clusters: list[list[int]] = []
    centres = boxes.new_zeros((0, 4))
    for n in scores.argsort(descending=True, stable=True).tolist():
        overlap = intersection_over_union(boxes[n], centres)
        overlap = overlap * (labels[[cluster[0] for cluster in clusters]] == labels[n]) if clusters else overlap
        best = int(overlap.argmax()) if clusters else 0
        if not clusters or overlap[best] <= _SAME:
            clusters.append([n])
            centres = torch.cat([centres, boxes[n : n + 1]])
            continue
        clusters[best].append(n)
        weights = scores[clusters[best]].clamp_min(torch.finfo(scores.dtype).tiny)
        centres[best] = (boxes[clusters[best]] * weights[:, None]).sum(0) / weights.sum()
    share = [min(len(cluster), len(phases)) / len(phases) for cluster in clusters]
    means = torch.stack([scores[cluster].mean() for cluster in clusters]) if clusters else scores
    certain = means * means.new_tensor(share)
    order = certain.argsort(descending=True, stable=True)[: max(len(phase["scores"]) for phase in phases)].tolist()
    result = {"boxes": centres[order], "scores": certain[order]}
    for key in together.keys() - result.keys():
        result[key] = together[key][[clusters[n][0] for n in order]]
        if key in ("masks", "keypoints"):
            for row, n in enumerate(order):
                weights = (scores[clusters[n]] / scores[clusters[n]].sum()).view(-1, *[1] * (together[key].dim() - 1))
                result[key][row] = (together[key][clusters[n]] * weights).sum(0)
    return {key: result[key] for key in phases[0]}


def intersection_over_union(box: Tensor, boxes: Tensor) -> Tensor:
    """Return how much a box `(4,)` overlaps each of `(B, 4)`, as `(B,)` between 0 and 1."""
    sides = (torch.minimum(box[2:], boxes[:, 2:]) - torch.maximum(box[:2], boxes[:, :2])).clamp_min(0)
    shared, areas = sides.prod(1), (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return shared / ((box[2:] - box[:2]).prod() + areas - shared).clamp_min(torch.finfo(boxes.dtype).tiny)
