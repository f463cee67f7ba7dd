"""How much of a data set's pixels a segmenter gets right."""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import torch
from torch import Tensor

from antialias.metrics._loop import Model, measure
from antialias.metrics._measurement import PictureValues
from antialias.metrics._score import Score
from antialias.metrics.inputs._images import Images, Picture
from antialias.metrics.segmentation._overlaps import IGNORED, mean_iou_of, overlaps, pixel_accuracy_of
from antialias.metrics.segmentation._segmenter import MapQuestion, SegmenterOptions, settings_of


class SegmentationScores(NamedTuple):
    """Both scores of the same predictions."""

    mean_iou: Score
    pixel_accuracy: Score


def mean_iou(model: Model, pictures: Images, **options: Unpack[SegmenterOptions]) -> Score:
    """Measure data-set mean IoU: the number without which no consistency of a segmenter means anything.

    The pixels of all pictures are counted first, then each class has one IoU, and the score is the mean over classes.
    Classes that are in neither truth nor prediction do not count, nor do pixels whose truth is 255.

    Args:
        model: Any callable from pictures `(N, 3, H, W)` to logits `(N, K, H, W)`, or to a mapping with them at
            `"out"`, as torchvision's do. A module runs in eval mode, then gets its training flags back.
        pictures: An iterable of `(images, masks)`, one or batches of `(3, H, W)` in [0, 1] and `(H, W)` classes.
        **options: `multiple`, `normalize`, `batch_size`, `level`, `first`, `progress`: see `SegmenterOptions`. For a
            network that takes multiples only, pictures are continued to the right and downwards by their last pixels,
            and the answer is cut back.

    Raises:
        ValueError: Pictures, masks or logits cannot be measured; the message says what to change.

    Example:
        >>> threshold = lambda x: torch.stack([1 - x[:, 0], x[:, 0]], 1)
        >>> images = torch.rand(20, 3, 8, 8)
        >>> print(mean_iou(threshold, [(images, (images[:, 0] > 0.5).long())]))
        mean IoU 100.0 % (95 % interval 100.0 to 100.0; 20 images, of the whole set, without pixels of class 255)

    Source: Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2015, section 3.4.
    """
    return segmentation_scores(model, pictures, **options).mean_iou


def segmentation_scores(model: Model, pictures: Images, **options: Unpack[SegmenterOptions]) -> SegmentationScores:
    """Measure `mean_iou` and the share of all pixels that are right, of the same predictions."""
    return scores_of_overlaps(segmentation_overlaps(model, pictures, **options))


def segmentation_overlaps(model: Model, pictures: Images, **options: Unpack[SegmenterOptions]) -> PictureValues:
    """Count the pixels of each class in both of prediction and truth, and in either: `(N, 2, K)` of N pictures.

    Parts of a set, each with its `first`, can be counted apart and joined.
    """
    settings, multiple = settings_of(model, options)
    question = MapQuestion.about(model, lambda picture: picture.batch, settings, multiple)

    def verdict(picture: Picture, maps: Tensor) -> Tensor:
        truth = question.truth_of(picture).to(maps.device)
        return torch.stack(overlaps(maps[0], truth, *question.outputs))

    measured = measure(pictures, [question], verdict, settings)
    protocol = {**_protocol(multiple), **measured.protocol()}
    return PictureValues("segmentation overlaps", measured.values, protocol, settings.level)


def scores_of_overlaps(counted: PictureValues) -> SegmentationScores:
    """Return the scores of what `segmentation_overlaps` counted."""
    both, either = counted.values.unbind(1)
    scores = (score(both, either, counted.protocol, counted.level) for score in (mean_iou_of, pixel_accuracy_of))
    return SegmentationScores(*scores)


def _protocol(multiple: int) -> dict[str, Any]:
    padding = f"last pixels repeated to multiples of {multiple}, right and below; answers cut back"
    return {
        "counted": f"pixels whose truth is not {IGNORED}; classes in truth or prediction",
        "view": "whole pictures" if multiple == 1 else f"whole pictures, {padding}",
    }
