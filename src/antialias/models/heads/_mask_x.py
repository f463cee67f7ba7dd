"""Mask^X R-CNN: masks for classes that were only ever seen with boxes, and its class-agnostic baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.roi_heads import (
    RoIHeads,
    fastrcnn_loss,
    paste_masks_in_image,
    project_masks_on_boxes,
)

from ._mask_rcnn import mask_rcnn, tiny_mask_rcnn

Objects = dict[str, Tensor]

_TINY_POOL = 7


class TransferredMasks(nn.Module):
    """Predict the masks of a class with weights that are a function of its box weights.

    `w_seg[c] = T(w_det[c])`: what makes the class's mask logits out of mask features is computed from what detects it,
    by a `T` that all classes share. So a class whose boxes were learnt has a mask, whether or not one was ever seen. A
    fully connected layer that knows no class sees the whole object, and is added to every class's logits.

    Args:
        channels: Of the mask features.
        side: Height and width of the mask features; those of the logits are twice as large.
        box_width: Number of features that the box predictor sees.
        hidden: Width of `T`.
        stop_gradient: Keep the mask loss from changing the weights that detect.

    Source: Hu et al., "Learning to Segment Every Thing", CVPR 2018, section 3.
    """

    def __init__(
        self, channels: int, side: int, box_width: int, *, hidden: int = 256, stop_gradient: bool = True
    ) -> None:
        super().__init__()
        self.stop_gradient = stop_gradient
        self.upsample = _upsample(channels)
        self.transfer = nn.Sequential(nn.Linear(5 * box_width, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, channels))
        self.whole = _Whole(channels, 2 * side)

    def class_weights(self, box_predictor: FastRCNNPredictor) -> Tensor:
        """Return `w_seg` `(classes, channels)` for the box weights as they are."""
        weights = detecting_weights(box_predictor)
        return self.transfer(weights.detach() if self.stop_gradient else weights)

    def forward(self, features: Tensor, labels: Tensor, box_predictor: FastRCNNPredictor) -> Tensor:
        """Return the logits `(N, 2 H, 2 W)` of N objects of given classes from their features `(N, C, H, W)`."""
        features = F.relu(self.upsample(features))
        weights = self.class_weights(box_predictor)[labels]
        return torch.einsum("nchw,nc->nhw", features, weights) + self.whole(features)


class AgnosticMasks(nn.Module):
    """Predict masks with the same weights for every class: what Mask^X R-CNN has to beat.

    Args:
        channels: Of the mask features.
        side: Height and width of the mask features, where the fully connected layer of Mask^X R-CNN is to see the whole
            object here, too.

    Source: Hu et al., "Learning to Segment Every Thing", CVPR 2018.
    """

    def __init__(self, channels: int, side: int | None = None) -> None:
        super().__init__()
        self.upsample = _upsample(channels)
        self.logits = nn.Conv2d(channels, 1, 1)
        self.whole = None if side is None else _Whole(channels, 2 * side)

    def forward(self, features: Tensor, _: Tensor, __: FastRCNNPredictor) -> Tensor:
        """Return the logits `(N, 2 H, 2 W)` of N objects from their features `(N, C, H, W)`."""
        features = F.relu(self.upsample(features))
        logits = self.logits(features)[:, 0]
        return logits if self.whole is None else logits + self.whole(features)


class _Whole(nn.Linear):
    """One fully connected layer from the features `(N, channels, side, side)` to logits `(N, side, side)`."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__(channels * side**2, side**2)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.flatten(1)).view(-1, *input.shape[-2:])


def detecting_weights(box_predictor: FastRCNNPredictor) -> Tensor:
    """Return `w_det` `(classes, 5 D)`: each class's row of class weights, then its four rows of box weights."""
    scores, boxes = box_predictor.cls_score.weight, box_predictor.bbox_pred.weight
    return torch.cat([scores, boxes.view(len(scores), -1)], dim=1)


def _upsample(channels: int) -> nn.ConvTranspose2d:
    layer = nn.ConvTranspose2d(channels, channels, 2, 2)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class PartialRoIHeads(RoIHeads):
    """Detect objects and learn the masks of those that have one.

    A target may say `has_mask` `(M,)`; proposals of the other objects teach boxes and classes only. Without it every
    object has a mask.

    Attributes:
        learns_masks_partly: What a task asks before it hides masks.
    """

    learns_masks_partly = True

    @classmethod
    def of(cls, heads: RoIHeads, mask_predictor: nn.Module) -> PartialRoIHeads:
        """Take over the parts and settings of other heads, but for the mask predictor."""
        return cls(
            heads.box_roi_pool,
            heads.box_head,
            heads.box_predictor,
            heads.proposal_matcher.high_threshold,
            heads.proposal_matcher.low_threshold,
            heads.fg_bg_sampler.batch_size_per_image,
            heads.fg_bg_sampler.positive_fraction,
            heads.box_coder.weights,
            heads.score_thresh,
            heads.nms_thresh,
            heads.detections_per_img,
            heads.mask_roi_pool,
            heads.mask_head,
            mask_predictor,
        )

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[Objects] | None = None,
    ) -> tuple[list[Objects], dict[str, Tensor]]:
        """Return detections and losses; in training there are no detections, else no losses.

        Args:
            features: Maps of a pyramid, by name.
            proposals: Of each image `(P, 4)`.
            image_shapes: Height and width of each image.
            targets: Of each image its objects, in training.
        """
        if self.training:
            return [], self._losses(features, proposals, image_shapes, targets)
        scores, moves = self._boxes(features, proposals, image_shapes)
        boxes, confidences, labels = self.postprocess_detections(scores, moves, proposals, image_shapes)
        logits = self._masks(features, boxes, torch.cat(labels), image_shapes)
        masks = logits.sigmoid()[:, None].split([len(some) for some in boxes])
        columns = zip(boxes, labels, confidences, masks, strict=True)
        return [dict(zip(("boxes", "labels", "scores", "masks"), one, strict=True)) for one in columns], {}

    def _boxes(self, features: Any, proposals: Any, image_shapes: Any) -> tuple[Tensor, Tensor]:
        return self.box_predictor(self.box_head(self.box_roi_pool(features, proposals, image_shapes)))

    def _masks(self, features: Any, boxes: list[Tensor], labels: Tensor, image_shapes: Any) -> Tensor:
        heads: Any = self  # torchvision says that these may be None
        pooled = heads.mask_head(heads.mask_roi_pool(features, boxes, image_shapes))
        return heads.mask_predictor(pooled, labels, self.box_predictor)

    def _losses(self, features: Any, proposals: Any, image_shapes: Any, targets: Any) -> dict[str, Tensor]:
        proposals, matched, labels, moves = self.select_training_samples(proposals, targets)
        classes, boxes = fastrcnn_loss(*self._boxes(features, proposals, image_shapes), labels, moves)
        sampled = zip(proposals, matched, labels, targets, strict=True)
        kept, objects, labels = zip(*(_with_a_mask(*one) for one in sampled), strict=True)
        logits = self._masks(features, list(kept), torch.cat(labels), image_shapes)
        if len(logits):
            masks = zip([target["masks"] for target in targets], kept, objects, strict=True)
            drawn = [project_masks_on_boxes(*one, logits.shape[-1]) for one in masks]
            loss = F.binary_cross_entropy_with_logits(logits, torch.cat(drawn))
        else:
            loss = logits.sum()  # nought, but every weight gets its gradient
        return {"loss_classifier": classes, "loss_box_reg": boxes, "loss_mask": loss}


@torch.no_grad()
def masks_in(
    model: MaskRCNN, images: Sequence[Tensor], boxes: Sequence[Tensor], labels: Sequence[Tensor]
) -> list[Tensor]:
    """Ask what masks a detector in evaluation mode gives objects whose boxes and classes are known.

    That shows what the mask head has learnt, whatever the detector detects.

    Args:
        model: A network of this module.
        images: `(3, H, W)` in [0, 1].
        boxes: Of each `(M, 4)` `x1, y1, x2, y2` in its pixels.
        labels: Of each `(M,)`, from 1.

    Returns:
        Of each the probabilities `(M, H, W)`.
    """
    heads: Any = model.roi_heads
    targets: Any = [{"boxes": one} for one in boxes]
    shown, scaled = model.transform(list(images), targets)
    rescaled = [one["boxes"] for one in scaled or []]
    logits = heads._masks(model.backbone(shown.tensors), rescaled, torch.cat(list(labels)), shown.image_sizes)
    parts = logits.sigmoid()[:, None].split([len(one) for one in boxes])
    sizes = [(image.shape[-2], image.shape[-1]) for image in images]
    whole = zip(parts, boxes, sizes, strict=True)
    return [paste_masks_in_image(mask, box, size)[:, 0] for mask, box, size in whole]


def _with_a_mask(boxes: Tensor, objects: Tensor, labels: Tensor, target: Objects) -> tuple[Tensor, Tensor, Tensor]:
    """Keep the proposals of an image that lie on objects whose masks may be learnt."""
    kept = labels > 0
    if "has_mask" in target and len(target["has_mask"]):
        kept = kept & target["has_mask"][objects]
    return boxes[kept], objects[kept], labels[kept]


def mask_x(
    backbone: str,
    num_classes: int | None = None,
    pretrained: bool | None = None,
    *,
    agnostic: bool = False,
    whole: bool = False,
    stop_gradient: bool = True,
) -> MaskRCNN:
    """Build Mask^X R-CNN on the feature maps of a classifier, through an FPN.

    All but the mask predictor is `mask_rcnn`'s. It holds 157 M parameters more, those of the layer that sees a whole
    object.

    Args:
        backbone: As in `mask_rcnn`.
        num_classes: Number of classes, with background; COCO's 91 by default.
        pretrained: Take the backbone's library's own weights.
        agnostic: Build the baseline instead, which has the same mask weights for all classes.
        whole: Give the baseline, too, the layer that sees a whole object.
        stop_gradient: Keep the mask loss from changing the weights that detect.

    Raises:
        ValueError: There is no such backbone, or it has no maps of strides 4, 8, 16 and 32.
    """
    return _with_masks(mask_rcnn(backbone, num_classes, pretrained), 14, agnostic, whole, stop_gradient)


def tiny_mask_x(
    num_classes: int | None = None, *, agnostic: bool = False, whole: bool = False, stop_gradient: bool = True
) -> MaskRCNN:
    """Build a Mask^X R-CNN for images of 64 to 96 pixels: `tiny_mask_rcnn` with mask logits of 14x14.

    Args:
        num_classes: Number of classes, with background; 21 by default, those of the scenes.
        agnostic: Build the baseline instead, which has the same mask weights for all classes.
        whole: Give the baseline, too, the layer that sees a whole object.
        stop_gradient: Keep the mask loss from changing the weights that detect.
    """
    model = tiny_mask_rcnn(num_classes, mask_pool=_TINY_POOL)
    return _with_masks(model, _TINY_POOL, agnostic, whole, stop_gradient)


def _with_masks(model: MaskRCNN, side: int, agnostic: bool, whole: bool, stop_gradient: bool) -> MaskRCNN:
    heads: Any = model.roi_heads
    channels, width = heads.mask_predictor.conv5_mask.in_channels, heads.box_predictor.cls_score.in_features
    if agnostic:
        masks: nn.Module = AgnosticMasks(channels, side if whole else None)
    else:
        masks = TransferredMasks(channels, side, width, stop_gradient=stop_gradient)
    model.roi_heads = PartialRoIHeads.of(heads, masks)
    return model
