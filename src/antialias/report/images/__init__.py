"""What a page shows of single pictures: them, a window that moves over them, and where predicted filters blur.

`_image` holds a picture as the page embeds it, `_viewer` the networks' predictions while a window moves over one,
`_filter_maps` the variance of the filters that a network predicts for one, `_label_maps` what segmenters answer
and which pixels flip, `_instances` what detectors find and which objects appear and vanish.
"""

from __future__ import annotations

from ._filter_maps import FilterMaps as FilterMaps
from ._filter_maps import SiteMap as SiteMap
from ._filter_maps import filter_maps as filter_maps
from ._filter_maps import filter_variance as filter_variance
from ._image import Image as Image
from ._instances import InstanceTrace as InstanceTrace
from ._instances import InstanceView as InstanceView
from ._instances import MovingObject as MovingObject
from ._instances import instance_trace as instance_trace
from ._instances import instance_view as instance_view
from ._label_maps import LabelMap as LabelMap
from ._label_maps import SegmentationView as SegmentationView
from ._label_maps import label_image as label_image
from ._label_maps import legend_entry as legend_entry
from ._label_maps import ramped_image as ramped_image
from ._label_maps import segmentation_view as segmentation_view
from ._viewer import DIRECTIONS as DIRECTIONS
from ._viewer import Prediction as Prediction
from ._viewer import ShiftViewer as ShiftViewer
from ._viewer import Trace as Trace
from ._viewer import class_probabilities as class_probabilities
from ._viewer import shift_viewer as shift_viewer

__all__ = [
    "DIRECTIONS",
    "FilterMaps",
    "Image",
    "InstanceTrace",
    "InstanceView",
    "LabelMap",
    "MovingObject",
    "Prediction",
    "SegmentationView",
    "ShiftViewer",
    "SiteMap",
    "Trace",
    "class_probabilities",
    "filter_maps",
    "filter_variance",
    "instance_trace",
    "instance_view",
    "label_image",
    "legend_entry",
    "ramped_image",
    "segmentation_view",
    "shift_viewer",
]
