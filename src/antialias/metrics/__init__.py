"""Scores of stability under shifts, each with its interval and its protocol (docs/protocols.md)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from antialias._extras import require
from antialias.metrics._answers import accuracy as accuracy
from antialias.metrics._answers import agreement as agreement
from antialias.metrics._answers import shift_averaged_answers as shift_averaged_answers
from antialias.metrics._consistency import circular_consistency as circular_consistency
from antialias.metrics._consistency import consistency as consistency
from antialias.metrics._consistency import fractional_consistency as fractional_consistency
from antialias.metrics._consistency import on_correct as on_correct
from antialias.metrics._consistency import worst_of_grid as worst_of_grid
from antialias.metrics._crops import Crops as Crops
from antialias.metrics._crops import random_crops as random_crops
from antialias.metrics._detection import Detections as Detections
from antialias.metrics._detection import Kind as Kind
from antialias.metrics._detection import Matches as Matches
from antialias.metrics._detection import average_precision as average_precision
from antialias.metrics._detection import of_classes as of_classes
from antialias.metrics._detection import score_of_matches as score_of_matches
from antialias.metrics._detection_model import DetectorOptions as DetectorOptions
from antialias.metrics._detection_model import detections as detections
from antialias.metrics._flips import Direction as Direction
from antialias.metrics._flips import OnePixelChanges as OnePixelChanges
from antialias.metrics._flips import Shift as Shift
from antialias.metrics._flips import flip_rate as flip_rate
from antialias.metrics._flips import mean_absolute_change as mean_absolute_change
from antialias.metrics._flips import one_pixel_changes as one_pixel_changes
from antialias.metrics._flips import one_pixel_frames as one_pixel_frames
from antialias.metrics._flips import top1_change as top1_change
from antialias.metrics._instance import InstanceConsistencies as InstanceConsistencies
from antialias.metrics._instance import InstanceShares as InstanceShares
from antialias.metrics._instance import NothingDetected as NothingDetected
from antialias.metrics._instance import SameInstance as SameInstance
from antialias.metrics._instance import instance_consistencies as instance_consistencies
from antialias.metrics._instance import instance_consistencies_of_classes as instance_consistencies_of_classes
from antialias.metrics._instance import instance_consistency as instance_consistency
from antialias.metrics._instance import instance_crops as instance_crops
from antialias.metrics._instance import instance_shares_of_classes as instance_shares_of_classes
from antialias.metrics._instance import score_of_instance_shares as score_of_instance_shares
from antialias.metrics._instance_shift import worst_shift_average_precision as worst_shift_average_precision
from antialias.metrics._instance_shift import worst_shift_windows as worst_shift_windows
from antialias.metrics._matching import Matching as Matching
from antialias.metrics._mean_iou import SegmentationScores as SegmentationScores
from antialias.metrics._mean_iou import mean_iou as mean_iou
from antialias.metrics._mean_iou import scores_of_overlaps as scores_of_overlaps
from antialias.metrics._mean_iou import segmentation_overlaps as segmentation_overlaps
from antialias.metrics._mean_iou import segmentation_scores as segmentation_scores
from antialias.metrics._measure import Model as Model
from antialias.metrics._measure import Options as Options
from antialias.metrics._measure import evaluating as evaluating
from antialias.metrics._normalization import IMAGENET as IMAGENET
from antialias.metrics._normalization import MeanStd as MeanStd
from antialias.metrics._normalization import Normalization as Normalization
from antialias.metrics._normalization import Normalize as Normalize
from antialias.metrics._normalization import normalization_of as normalization_of
from antialias.metrics._picture_values import PictureValues as PictureValues
from antialias.metrics._pictures import Images as Images
from antialias.metrics._pictures import Picture as Picture
from antialias.metrics._pictures import Pictures as Pictures
from antialias.metrics._score import Curve as Curve
from antialias.metrics._score import Score as Score
from antialias.metrics._score import average as average
from antialias.metrics._score import difference as difference
from antialias.metrics._score import joined as joined
from antialias.metrics._segmentation_model import SegmenterOptions as SegmenterOptions
from antialias.metrics._segmentation_model import continued as continued
from antialias.metrics._segmentation_model import logits_in as logits_in
from antialias.metrics._segmentation_model import segmentation_logits as segmentation_logits
from antialias.metrics._segmentation_model import side_multiple_of as side_multiple_of
from antialias.metrics._semantic import SegmentationConsistencies as SegmentationConsistencies
from antialias.metrics._semantic import scores_of_shares as scores_of_shares
from antialias.metrics._semantic import segmentation_consistencies as segmentation_consistencies
from antialias.metrics._semantic import segmentation_consistency as segmentation_consistency
from antialias.metrics._semantic import segmentation_shares as segmentation_shares
from antialias.metrics._shifts import window_pairs as window_pairs
from antialias.metrics._shifts import windows as windows
from antialias.metrics._video import grouped_answer as grouped_answer
from antialias.metrics._video import video_accuracy as video_accuracy

if TYPE_CHECKING:
    from antialias.metrics._detection_stateful import AveragePrecision as AveragePrecision
    from antialias.metrics._detection_stateful import InstanceConsistency as InstanceConsistency
    from antialias.metrics._detection_stateful import PlainAveragePrecision as PlainAveragePrecision
    from antialias.metrics._detection_stateful import WorstShiftAveragePrecision as WorstShiftAveragePrecision
    from antialias.metrics._segmentation_stateful import DataSetMeanIoU as DataSetMeanIoU
    from antialias.metrics._segmentation_stateful import PlainDataSetMeanIoU as PlainDataSetMeanIoU
    from antialias.metrics._segmentation_stateful import SegmentationConsistency as SegmentationConsistency
    from antialias.metrics._stateful import Accuracy as Accuracy
    from antialias.metrics._stateful import Agreement as Agreement
    from antialias.metrics._stateful import CircularConsistency as CircularConsistency
    from antialias.metrics._stateful import ClassificationConsistency as ClassificationConsistency
    from antialias.metrics._stateful import FlipRate as FlipRate
    from antialias.metrics._stateful import FractionalConsistency as FractionalConsistency
    from antialias.metrics._stateful import MeanAbsoluteChange as MeanAbsoluteChange
    from antialias.metrics._stateful import Top1Change as Top1Change
    from antialias.metrics._stateful import VideoAccuracy as VideoAccuracy
    from antialias.metrics._stateful import WorstOfGrid as WorstOfGrid

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
    "Accuracy": "_stateful",
    "Agreement": "_stateful",
    "AveragePrecision": "_detection_stateful",
    "CircularConsistency": "_stateful",
    "ClassificationConsistency": "_stateful",
    "DataSetMeanIoU": "_segmentation_stateful",
    "FlipRate": "_stateful",
    "FractionalConsistency": "_stateful",
    "InstanceConsistency": "_detection_stateful",
    "MeanAbsoluteChange": "_stateful",
    "PlainAveragePrecision": "_detection_stateful",
    "PlainDataSetMeanIoU": "_segmentation_stateful",
    "SegmentationConsistency": "_segmentation_stateful",
    "Top1Change": "_stateful",
    "VideoAccuracy": "_stateful",
    "WorstOfGrid": "_stateful",
    "WorstShiftAveragePrecision": "_detection_stateful",
}


def __getattr__(name: str) -> Any:
    # The stateful objects need torchmetrics, which the functions do not (PEP 562).
    if name not in _STATEFUL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("torchmetrics", extra="tasks")
    return getattr(importlib.import_module(f"antialias.metrics.{_STATEFUL[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*__all__, *_STATEFUL})
