"""Scores of segmenters, whose answer to an image is a map of labels.

Begin with `_overlaps`: what is measured, as functions of maps. `_mean_iou` says how much is right, `_consistency` how
much two crops agree on; `_stateful` serves somebody else's loop.
"""

from antialias.metrics.segmentation._consistency import measure_segmenter as measure_segmenter
from antialias.metrics.segmentation._consistency import segmentation_consistency as segmentation_consistency
from antialias.metrics.segmentation._mean_iou import mean_iou as mean_iou
