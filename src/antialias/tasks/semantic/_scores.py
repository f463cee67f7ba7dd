"""What is measured of a segmenter: mean IoU beside consistency."""

from __future__ import annotations

from typing import Any

from torch import nn

from antialias.data import SegmentationDataset
from antialias.metrics import Measurement, Score, measure_segmenter, segmentation_consistency
from antialias.results import EvaluationConfig

from .._network import expect_classes
from ._batches import WholeMasks

_BATCH_SIZE = 8
"""Whole images in a forward pass of an evaluation, at most; it changes no score."""


def evaluate_part(
    model: nn.Module, data: SegmentationDataset, config: EvaluationConfig, indices: range
) -> dict[str, Measurement]:
    """Measure a segmenter on a range of the images.

    Args:
        model: The network.
        data: The test images.
        config: Says the size of a batch.
        indices: Which of the images.

    Returns:
        Mean IoU, the share of correct pixels, consistency, and that of correct pixels; of images without classes
        consistency alone.
    """
    images = WholeMasks.range(data, indices)
    how: Any = {"multiple": config.multiple, "batch_size": min(config.batch_size, _BATCH_SIZE), "first": indices.start}
    if not data.classes:
        score = segmentation_consistency(model, images, **how)
        return {"segmentation_consistency": Measurement.of(score)}
    with expect_classes(model, len(data.classes)):
        return measure_segmenter(model, images, **how)


def derive(measured: dict[str, Measurement]) -> dict[str, Score]:
    """Return the scores; there is none of correct pixels where no pixel is classified correctly."""
    optional = "segmentation_consistency_on_correct"
    return {name: one.score() for name, one in measured.items() if name != optional or not one.empty}
