"""Scores of stability under shifts, each with its interval and its protocol (docs/protocols.md).

A score is made in five steps, and the modules are best read in this order. `inputs/` gives single images, checked, and
moves them. `_adapter` shows them to a network, whose answer is one of class scores, label maps, instances and dense
values; networks of transformers are put into these words by `_transformers`. `_loop` keeps a row of every image. A
`Measurement` (`_measurement`) holds the rows with their protocol and joins those of several processes. Its `score()` is
a `Score` (`_score`), whose interval `_bootstrap` makes.

What is measured of each kind of answer is in `classification/`, `segmentation/`, `detection/` and `dense/`; `_moves`
compares answers of any kind when the image moves. What predicted filters do is measured in `filters/`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from antialias._extras import require
from antialias.metrics._adapter import Adapter as Adapter
from antialias.metrics._adapter import ClassScores as ClassScores
from antialias.metrics._adapter import DenseValues as DenseValues
from antialias.metrics._adapter import Instances as Instances
from antialias.metrics._adapter import LabelMaps as LabelMaps
from antialias.metrics._adapter import Model as Model
from antialias.metrics._adapter import Options as Options
from antialias.metrics._adapter import evaluating as evaluating
from antialias.metrics._adapter import side_multiple_of as side_multiple_of
from antialias.metrics._loop import Show as Show
from antialias.metrics._loop import measure as measure
from antialias.metrics._measurement import Measurement as Measurement
from antialias.metrics._moves import STEPS as STEPS
from antialias.metrics._moves import View as View
from antialias.metrics._moves import Windows as Windows
from antialias.metrics._moves import adapter_for as adapter_for
from antialias.metrics._moves import changed as changed
from antialias.metrics._moves import measure_changes as measure_changes
from antialias.metrics._progress import ImageCount as ImageCount
from antialias.metrics._progress import watched as watched
from antialias.metrics._score import Curve as Curve
from antialias.metrics._score import Score as Score
from antialias.metrics._score import average as average
from antialias.metrics._score import difference as difference
from antialias.metrics._transformers import TransformersNetwork as TransformersNetwork
from antialias.metrics.classification import Direction as Direction
from antialias.metrics.classification import accuracy as accuracy
from antialias.metrics.classification import agreement as agreement
from antialias.metrics.classification import circular_consistency as circular_consistency
from antialias.metrics.classification import consistency as consistency
from antialias.metrics.classification import flip_rate as flip_rate
from antialias.metrics.classification import fractional_consistency as fractional_consistency
from antialias.metrics.classification import grouped_answer as grouped_answer
from antialias.metrics.classification import jensen_shannon as jensen_shannon
from antialias.metrics.classification import mean_absolute_change as mean_absolute_change
from antialias.metrics.classification import measure_classifier as measure_classifier
from antialias.metrics.classification import on_correct as on_correct
from antialias.metrics.classification import one_pixel_changes as one_pixel_changes
from antialias.metrics.classification import one_pixel_frames as one_pixel_frames
from antialias.metrics.classification import shift_averaged_answers as shift_averaged_answers
from antialias.metrics.classification import top1_change as top1_change
from antialias.metrics.classification import video_accuracy as video_accuracy
from antialias.metrics.classification import worst_of_grid as worst_of_grid
from antialias.metrics.dense import dense_consistency as dense_consistency
from antialias.metrics.dense import measure_dense as measure_dense
from antialias.metrics.detection import NothingDetected as NothingDetected
from antialias.metrics.detection import SameInstance as SameInstance
from antialias.metrics.detection import Track as Track
from antialias.metrics.detection import average_precision as average_precision
from antialias.metrics.detection import instance_agreement as instance_agreement
from antialias.metrics.detection import instance_consistency as instance_consistency
from antialias.metrics.detection import instance_crops as instance_crops
from antialias.metrics.detection import measure_detector as measure_detector
from antialias.metrics.detection import track_instances as track_instances
from antialias.metrics.detection import worst_shift_average_precision as worst_shift_average_precision
from antialias.metrics.detection import worst_shift_windows as worst_shift_windows
from antialias.metrics.filters import FilterStatistics as FilterStatistics
from antialias.metrics.filters import PredictedFilters as PredictedFilters
from antialias.metrics.filters import SiteStatistics as SiteStatistics
from antialias.metrics.filters import filter_statistics as filter_statistics
from antialias.metrics.filters import frequency_response as frequency_response
from antialias.metrics.filters import group_similarity as group_similarity
from antialias.metrics.filters import predicted_filters as predicted_filters
from antialias.metrics.inputs import IMAGENET as IMAGENET
from antialias.metrics.inputs import Images as Images
from antialias.metrics.inputs import ImageStream as ImageStream
from antialias.metrics.inputs import MeanStd as MeanStd
from antialias.metrics.inputs import Normalize as Normalize
from antialias.metrics.inputs import Preprocessing as Preprocessing
from antialias.metrics.inputs import Sample as Sample
from antialias.metrics.inputs import normalization_of as normalization_of
from antialias.metrics.inputs import random_crops as random_crops
from antialias.metrics.inputs import window_pairs as window_pairs
from antialias.metrics.inputs import windows as windows
from antialias.metrics.segmentation import mean_iou as mean_iou
from antialias.metrics.segmentation import measure_segmenter as measure_segmenter
from antialias.metrics.segmentation import segmentation_consistency as segmentation_consistency

if TYPE_CHECKING:
    from antialias.metrics.classification._stateful import Accuracy as Accuracy
    from antialias.metrics.classification._stateful import Agreement as Agreement
    from antialias.metrics.classification._stateful import CircularConsistency as CircularConsistency
    from antialias.metrics.classification._stateful import ClassificationConsistency as ClassificationConsistency
    from antialias.metrics.classification._stateful import FlipRate as FlipRate
    from antialias.metrics.classification._stateful import FractionalConsistency as FractionalConsistency
    from antialias.metrics.classification._stateful import MeanAbsoluteChange as MeanAbsoluteChange
    from antialias.metrics.classification._stateful import Top1Change as Top1Change
    from antialias.metrics.classification._stateful import VideoAccuracy as VideoAccuracy
    from antialias.metrics.classification._stateful import WorstOfGrid as WorstOfGrid
    from antialias.metrics.detection._stateful import AveragePrecision as AveragePrecision
    from antialias.metrics.detection._stateful import InstanceConsistency as InstanceConsistency
    from antialias.metrics.detection._stateful import WorstShiftAveragePrecision as WorstShiftAveragePrecision
    from antialias.metrics.segmentation._stateful import DataSetMeanIoU as DataSetMeanIoU
    from antialias.metrics.segmentation._stateful import SegmentationConsistency as SegmentationConsistency

__all__ = [
    "IMAGENET",
    "STEPS",
    "Adapter",
    "ClassScores",
    "Curve",
    "DenseValues",
    "Direction",
    "FilterStatistics",
    "ImageCount",
    "ImageStream",
    "Images",
    "Instances",
    "LabelMaps",
    "MeanStd",
    "Measurement",
    "Model",
    "Normalize",
    "NothingDetected",
    "Options",
    "PredictedFilters",
    "Preprocessing",
    "SameInstance",
    "Sample",
    "Score",
    "Show",
    "SiteStatistics",
    "Track",
    "TransformersNetwork",
    "View",
    "Windows",
    "accuracy",
    "adapter_for",
    "agreement",
    "average",
    "average_precision",
    "changed",
    "circular_consistency",
    "consistency",
    "dense_consistency",
    "difference",
    "evaluating",
    "filter_statistics",
    "flip_rate",
    "fractional_consistency",
    "frequency_response",
    "group_similarity",
    "grouped_answer",
    "instance_agreement",
    "instance_consistency",
    "instance_crops",
    "jensen_shannon",
    "mean_absolute_change",
    "mean_iou",
    "measure",
    "measure_changes",
    "measure_classifier",
    "measure_dense",
    "measure_detector",
    "measure_segmenter",
    "normalization_of",
    "on_correct",
    "one_pixel_changes",
    "one_pixel_frames",
    "predicted_filters",
    "random_crops",
    "segmentation_consistency",
    "shift_averaged_answers",
    "side_multiple_of",
    "top1_change",
    "track_instances",
    "video_accuracy",
    "watched",
    "window_pairs",
    "windows",
    "worst_of_grid",
    "worst_shift_average_precision",
    "worst_shift_windows",
]

_STATEFUL = {
    "Accuracy": "classification",
    "Agreement": "classification",
    "AveragePrecision": "detection",
    "CircularConsistency": "classification",
    "ClassificationConsistency": "classification",
    "DataSetMeanIoU": "segmentation",
    "FlipRate": "classification",
    "FractionalConsistency": "classification",
    "InstanceConsistency": "detection",
    "MeanAbsoluteChange": "classification",
    "SegmentationConsistency": "segmentation",
    "Top1Change": "classification",
    "VideoAccuracy": "classification",
    "WorstOfGrid": "classification",
    "WorstShiftAveragePrecision": "detection",
}


def __getattr__(name: str) -> Any:
    # The stateful objects need torchmetrics, which the functions do not (PEP 562).
    if name not in _STATEFUL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("torchmetrics", extra="tasks")
    return getattr(importlib.import_module(f"antialias.metrics.{_STATEFUL[name]}._stateful"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_STATEFUL})
