"""Scores of stability under shifts, each with its interval and its protocol (docs/protocols.md)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from antialias._extras import require
from antialias.metrics._loop import Model as Model
from antialias.metrics._loop import Options as Options
from antialias.metrics._loop import evaluating as evaluating
from antialias.metrics._measurement import PictureValues as PictureValues
from antialias.metrics._score import Curve as Curve
from antialias.metrics._score import Score as Score
from antialias.metrics._score import average as average
from antialias.metrics._score import difference as difference
from antialias.metrics._score import joined as joined
from antialias.metrics.classification._accuracy import accuracy as accuracy
from antialias.metrics.classification._accuracy import agreement as agreement
from antialias.metrics.classification._accuracy import shift_averaged_answers as shift_averaged_answers
from antialias.metrics.classification._consistency import circular_consistency as circular_consistency
from antialias.metrics.classification._consistency import consistency as consistency
from antialias.metrics.classification._consistency import fractional_consistency as fractional_consistency
from antialias.metrics.classification._consistency import on_correct as on_correct
from antialias.metrics.classification._consistency import worst_of_grid as worst_of_grid
from antialias.metrics.classification._flips import Direction as Direction
from antialias.metrics.classification._flips import OnePixelChanges as OnePixelChanges
from antialias.metrics.classification._flips import Shift as Shift
from antialias.metrics.classification._flips import flip_rate as flip_rate
from antialias.metrics.classification._flips import mean_absolute_change as mean_absolute_change
from antialias.metrics.classification._flips import one_pixel_changes as one_pixel_changes
from antialias.metrics.classification._flips import one_pixel_frames as one_pixel_frames
from antialias.metrics.classification._flips import top1_change as top1_change
from antialias.metrics.classification._video import grouped_answer as grouped_answer
from antialias.metrics.classification._video import video_accuracy as video_accuracy
from antialias.metrics.detection._average_precision import Detections as Detections
from antialias.metrics.detection._average_precision import Kind as Kind
from antialias.metrics.detection._average_precision import Matches as Matches
from antialias.metrics.detection._average_precision import average_precision as average_precision
from antialias.metrics.detection._average_precision import of_classes as of_classes
from antialias.metrics.detection._average_precision import score_of_matches as score_of_matches
from antialias.metrics.detection._consistency import InstanceConsistencies as InstanceConsistencies
from antialias.metrics.detection._consistency import InstanceShares as InstanceShares
from antialias.metrics.detection._consistency import NothingDetected as NothingDetected
from antialias.metrics.detection._consistency import SameInstance as SameInstance
from antialias.metrics.detection._consistency import instance_consistencies as instance_consistencies
from antialias.metrics.detection._consistency import (
    instance_consistencies_of_classes as instance_consistencies_of_classes,
)
from antialias.metrics.detection._consistency import instance_consistency as instance_consistency
from antialias.metrics.detection._consistency import instance_crops as instance_crops
from antialias.metrics.detection._consistency import instance_shares_of_classes as instance_shares_of_classes
from antialias.metrics.detection._consistency import score_of_instance_shares as score_of_instance_shares
from antialias.metrics.detection._detector import DetectorOptions as DetectorOptions
from antialias.metrics.detection._detector import detections as detections
from antialias.metrics.detection._matching import Matching as Matching
from antialias.metrics.detection._worst_shift import worst_shift_average_precision as worst_shift_average_precision
from antialias.metrics.detection._worst_shift import worst_shift_windows as worst_shift_windows
from antialias.metrics.inputs._crops import Crops as Crops
from antialias.metrics.inputs._crops import random_crops as random_crops
from antialias.metrics.inputs._images import Images as Images
from antialias.metrics.inputs._images import Picture as Picture
from antialias.metrics.inputs._images import Pictures as Pictures
from antialias.metrics.inputs._normalization import IMAGENET as IMAGENET
from antialias.metrics.inputs._normalization import MeanStd as MeanStd
from antialias.metrics.inputs._normalization import Normalization as Normalization
from antialias.metrics.inputs._normalization import Normalize as Normalize
from antialias.metrics.inputs._normalization import normalization_of as normalization_of
from antialias.metrics.inputs._shifts import window_pairs as window_pairs
from antialias.metrics.inputs._shifts import windows as windows
from antialias.metrics.segmentation._consistency import SegmentationConsistencies as SegmentationConsistencies
from antialias.metrics.segmentation._consistency import scores_of_shares as scores_of_shares
from antialias.metrics.segmentation._consistency import segmentation_consistencies as segmentation_consistencies
from antialias.metrics.segmentation._consistency import segmentation_consistency as segmentation_consistency
from antialias.metrics.segmentation._consistency import segmentation_shares as segmentation_shares
from antialias.metrics.segmentation._mean_iou import SegmentationScores as SegmentationScores
from antialias.metrics.segmentation._mean_iou import mean_iou as mean_iou
from antialias.metrics.segmentation._mean_iou import scores_of_overlaps as scores_of_overlaps
from antialias.metrics.segmentation._mean_iou import segmentation_overlaps as segmentation_overlaps
from antialias.metrics.segmentation._mean_iou import segmentation_scores as segmentation_scores
from antialias.metrics.segmentation._segmenter import SegmenterOptions as SegmenterOptions
from antialias.metrics.segmentation._segmenter import continued as continued
from antialias.metrics.segmentation._segmenter import logits_in as logits_in
from antialias.metrics.segmentation._segmenter import segmentation_logits as segmentation_logits
from antialias.metrics.segmentation._segmenter import side_multiple_of as side_multiple_of

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
    from antialias.metrics.detection._stateful import PlainAveragePrecision as PlainAveragePrecision
    from antialias.metrics.detection._stateful import WorstShiftAveragePrecision as WorstShiftAveragePrecision
    from antialias.metrics.segmentation._stateful import DataSetMeanIoU as DataSetMeanIoU
    from antialias.metrics.segmentation._stateful import PlainDataSetMeanIoU as PlainDataSetMeanIoU
    from antialias.metrics.segmentation._stateful import SegmentationConsistency as SegmentationConsistency

__all__ = [
    "IMAGENET",
    "Crops",
    "Curve",
    "Detections",
    "DetectorOptions",
    "Direction",
    "Images",
    "InstanceConsistencies",
    "InstanceShares",
    "Kind",
    "Matches",
    "Matching",
    "MeanStd",
    "Model",
    "Normalization",
    "Normalize",
    "NothingDetected",
    "OnePixelChanges",
    "Options",
    "Picture",
    "PictureValues",
    "Pictures",
    "SameInstance",
    "Score",
    "SegmentationConsistencies",
    "SegmentationScores",
    "SegmenterOptions",
    "Shift",
    "accuracy",
    "agreement",
    "average",
    "average_precision",
    "circular_consistency",
    "consistency",
    "continued",
    "detections",
    "difference",
    "evaluating",
    "flip_rate",
    "fractional_consistency",
    "grouped_answer",
    "instance_consistencies",
    "instance_consistencies_of_classes",
    "instance_consistency",
    "instance_crops",
    "instance_shares_of_classes",
    "joined",
    "logits_in",
    "mean_absolute_change",
    "mean_iou",
    "normalization_of",
    "of_classes",
    "on_correct",
    "one_pixel_changes",
    "one_pixel_frames",
    "random_crops",
    "score_of_instance_shares",
    "score_of_matches",
    "scores_of_overlaps",
    "scores_of_shares",
    "segmentation_consistencies",
    "segmentation_consistency",
    "segmentation_logits",
    "segmentation_overlaps",
    "segmentation_scores",
    "segmentation_shares",
    "shift_averaged_answers",
    "side_multiple_of",
    "top1_change",
    "video_accuracy",
    "window_pairs",
    "windows",
    "worst_of_grid",
    "worst_shift_average_precision",
    "worst_shift_windows",
]

_STATEFUL = {
    "Accuracy": "classification._stateful",
    "Agreement": "classification._stateful",
    "AveragePrecision": "detection._stateful",
    "CircularConsistency": "classification._stateful",
    "ClassificationConsistency": "classification._stateful",
    "DataSetMeanIoU": "segmentation._stateful",
    "FlipRate": "classification._stateful",
    "FractionalConsistency": "classification._stateful",
    "InstanceConsistency": "detection._stateful",
    "MeanAbsoluteChange": "classification._stateful",
    "PlainAveragePrecision": "detection._stateful",
    "PlainDataSetMeanIoU": "segmentation._stateful",
    "SegmentationConsistency": "segmentation._stateful",
    "Top1Change": "classification._stateful",
    "VideoAccuracy": "classification._stateful",
    "WorstOfGrid": "classification._stateful",
    "WorstShiftAveragePrecision": "detection._stateful",
}


def __getattr__(name: str) -> Any:
    # The stateful objects need torchmetrics, which the functions do not (PEP 562).
    if name not in _STATEFUL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("torchmetrics", extra="tasks")
    return getattr(importlib.import_module(f"antialias.metrics.{_STATEFUL[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_STATEFUL})
