"""Scores of detectors, whose answer to an image is a list of instances: boxes, labels, scores and masks.

Begin with `_matching`: who is who. `_average_precision` says how much is right, `_worst_shift` the same at the worst of
some shifts, `_consistency` how much two crops agree on; `_detector` measures all of these, and `_stateful` serves
somebody else's loop. `_tracks` follows instances along the windows of one image.
"""

from antialias.metrics.detection._average_precision import average_precision as average_precision
from antialias.metrics.detection._consistency import NothingDetected as NothingDetected
from antialias.metrics.detection._consistency import SameInstance as SameInstance
from antialias.metrics.detection._consistency import instance_agreement as instance_agreement
from antialias.metrics.detection._consistency import instance_consistency as instance_consistency
from antialias.metrics.detection._consistency import instance_crops as instance_crops
from antialias.metrics.detection._detector import measure_detector as measure_detector
from antialias.metrics.detection._instances import checked_instances as checked_instances
from antialias.metrics.detection._instances import pairwise_iou as pairwise_iou
from antialias.metrics.detection._matching import greedy_pairs as greedy_pairs
from antialias.metrics.detection._tracks import TRACKED as TRACKED
from antialias.metrics.detection._tracks import Track as Track
from antialias.metrics.detection._tracks import track_instances as track_instances
from antialias.metrics.detection._worst_shift import worst_shift_average_precision as worst_shift_average_precision
from antialias.metrics.detection._worst_shift import worst_shift_windows as worst_shift_windows
