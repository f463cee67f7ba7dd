"""Mask R-CNN on any backbone, and one small enough to train in minutes."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import ExtraFPNBlock, LastLevelMaxPool

from antialias.models.backbones import freeze_

from ._bodies import pyramid_body, tiny_body

_RATIOS = (0.5, 1.0, 2.0)
_COCO_CATEGORIES = 91


def mask_rcnn(backbone: str, num_classes: int | None = None, pretrained: bool | None = None) -> MaskRCNN:
    """Build Mask R-CNN on the feature maps of strides 4, 8, 16 and 32 of a classifier, through an FPN.

    Heads, anchors and image sizes are torchvision's own, so that only the backbone differs from its ResNet-50. A
    backbone with pretrained weights has its norms frozen, since detectors train on a few images at a time.

    Args:
        backbone: `timm:NAME`, `torchvision:NAME`, or a name of timm's.
        num_classes: Number of classes, with background; COCO's 91 by default.
        pretrained: Take the backbone's library's own weights.

    Raises:
        ValueError: There is no such backbone, or it has no maps of those strides.

    Source: He et al., "Mask R-CNN", ICCV 2017; Lin et al., "Feature Pyramid Networks", CVPR 2017.
    """
    body, channels = pyramid_body(backbone, bool(pretrained))
    if pretrained:
        freeze_(body)
    pyramid = _Pyramid(body, channels, 256, LastLevelMaxPool())
    sizes = tuple((32 * 2**level,) for level in range(len(channels) + 1))
    names = [str(level) for level in range(len(channels))]
    return MaskRCNN(
        pyramid,
        num_classes or _COCO_CATEGORIES,
        rpn_anchor_generator=AnchorGenerator(sizes, (_RATIOS,) * len(sizes)),
        box_roi_pool=MultiScaleRoIAlign(names, 7, 2),
        mask_roi_pool=MultiScaleRoIAlign(names, 14, 2),
    )


def tiny_mask_rcnn(num_classes: int | None = None, *, mask_pool: int = 14) -> MaskRCNN:
    """Build a Mask R-CNN of 0.9 M parameters for images of 64 to 96 pixels, which it takes as they are.

    TinyResNet carries an FPN of 64 channels; anchors, pooling and the number of proposals suit a few objects of 8 to
    80 pixels. It has every kind of downsampling site of its large relatives.

    Args:
        num_classes: Number of classes, with background; 21 by default, those of the scenes.
        mask_pool: Side of the grid on which mask features are pooled; masks have twice as many samples a side.
    """
    classes, width = num_classes or 21, 64
    body, channels, (mean, std) = tiny_body()
    # An object of 64 pixels is pooled at stride 8, so that it fills the grid.
    levels, scale = ["0", "1", "2", "3"], {"canonical_scale": 64, "canonical_level": 3}
    model = MaskRCNN(
        _Pyramid(body, channels, width, None, nn.BatchNorm2d),
        rpn_anchor_generator=AnchorGenerator(((10, 16), (24, 34), (46, 60), (72, 90)), (_RATIOS,) * 4),
        rpn_pre_nms_top_n_train=200,
        rpn_pre_nms_top_n_test=200,
        rpn_post_nms_top_n_train=100,
        rpn_post_nms_top_n_test=50,
        rpn_batch_size_per_image=64,
        box_roi_pool=MultiScaleRoIAlign(levels, 5, 1, **scale),
        box_head=FastRCNNConvFCHead((width, 5, 5), [width], [128], norm_layer=nn.BatchNorm2d),
        box_predictor=FastRCNNPredictor(128, classes),
        box_batch_size_per_image=16,
        box_positive_fraction=0.5,
        box_detections_per_img=20,
        mask_roi_pool=MultiScaleRoIAlign(levels, mask_pool, 1, **scale),
        mask_head=MaskRCNNHeads(width, (width, width), 1),
        mask_predictor=MaskRCNNPredictor(width, width, classes),
    )
    model.transform = _Unresized(64, 96, list(mean), list(std), size_divisible=16)
    return model


class _Unresized(GeneralizedRCNNTransform):
    """Normalises and pads to one size, and leaves the scale alone."""

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        return image, target


class _Pyramid(nn.Module):
    """A body of several feature maps with an FPN on it."""

    def __init__(
        self,
        body: nn.Module,
        channels: tuple[int, ...],
        out_channels: int,
        extra: ExtraFPNBlock | None,
        norm_layer: type[nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.body = body
        self.fpn = FeaturePyramidNetwork(list(channels), out_channels, extra, norm_layer)
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Mapping[str, Tensor]:
        maps = self.body(x)
        named = maps if isinstance(maps, dict) else {str(level): map for level, map in enumerate(maps)}
        return self.fpn(named)
