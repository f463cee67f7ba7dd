"""How much of a data set's pixels a segmenter gets right."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics._adapter import LabelMaps, Model, Options
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._measurement import Measurement
from antialias.metrics._score import Score
from antialias.metrics.inputs._images import Images, Sample
from antialias.metrics.segmentation._overlaps import IGNORED, overlaps, truth_of


@renamed_keywords(pictures="images")
def mean_iou(model: Model, images: Images, **options: Unpack[Options]) -> Score:
    """Measure data-set mean IoU: the number without which no consistency of a segmenter means anything.

    The pixels of all images are counted first, then each class has one IoU, and the score is the mean over classes.
    Classes that are in neither truth nor prediction do not count, nor do pixels whose truth is 255.

    Args:
        model: Any callable from images `(N, 3, H, W)` to logits `(N, K, H, W)`, or to a mapping with them at
            `"out"`, as torchvision's do. A module runs in eval mode, then gets its training flags back.
        images: An iterable of `(images, masks)`, one or batches of `(3, H, W)` in [0, 1] and `(H, W)` classes.
        **options: `multiple`, `normalize`, `batch_size`, `level`, `first`, `progress`: see `Options`. For a network
            that takes multiples only, images are continued to the right and downwards by their last pixels, and the
            answer is cut back.

    Raises:
        ValueError: Images, masks or logits cannot be measured; the message says what to change.

    Example:
        >>> import torch
        >>> threshold = lambda x: torch.stack([1 - x[:, 0], x[:, 0]], 1)
        >>> images = torch.rand(20, 3, 8, 8)
        >>> print(mean_iou(threshold, [(images, (images[:, 0] > 0.5).long())]))
        mean IoU 100.0 % (95 % interval 100.0 to 100.0; 20 images, of the whole set, without pixels of class 255)

    Source: Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2015, section 3.4.
    """
    return measure_overlaps(LabelMaps.of(model, **options), images)["mean_iou"].score()


def measure_overlaps(adapter: LabelMaps, images: Images) -> dict[str, Measurement]:
    """Count the pixels of each class in both of prediction and truth, and in either, of whole images."""

    def row(sample: Sample, maps: Tensor) -> Tensor:
        return overlaps(maps[0], truth_of(sample, adapter).to(maps.device), *adapter.outputs)[None]

    measured = measure(images, [Show(adapter, lambda sample: sample.batch)], row)
    padding = f"last pixels repeated to multiples of {adapter.sides_of}, right and below; answers cut back"
    said = {
        "counted": f"pixels whose truth is not {IGNORED}; classes in truth or prediction",
        "view": "whole pictures" if adapter.sides_of == 1 else f"whole pictures, {padding}",
    }
    words = f"of the whole set, without pixels of class {IGNORED}"
    names = {"mean_iou": "mean IoU", "pixel_accuracy": "pixel accuracy"}
    return {key: about(measured, name, words, statistic=name, **said) for key, name in names.items()}
