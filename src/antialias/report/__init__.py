"""Turn results into one self-contained page, with its data beside it.

Everything here is plain data: tables, curves and the verdict of `antialias.results`, predictions along a `ShiftViewer`,
label maps in a `SegmentationView`, objects in an `InstanceView`, filters in `FilterMaps`, a `Diagnosis` a network,
together a `Report`. `measure` fills one for any classifiers, `measure_segmenters` and `measure_detectors` for others,
`comparison_report` for what was compared, `diagnosis_report` for what `antialias.diagnose` found; `report_of` and
`join_reports` put any of them on one page. `write` draws it, `write_figures` single figures for papers. Read `_report`
first; `images` holds what is shown of single pictures, `page` the drawing.
"""

from __future__ import annotations

from ._classifiers import compare_classifiers as compare_classifiers
from ._classifiers import measure as measure
from ._comparison import comparison_report as comparison_report
from ._comparison import write_comparison as write_comparison
from ._detectors import measure_detectors as measure_detectors
from ._diagnoses import diagnosis_report as diagnosis_report
from ._figures import write_figures as write_figures
from ._join import join_reports as join_reports
from ._join import read_result as read_result
from ._join import report_of as report_of
from ._report import Mended as Mended
from ._report import Report as Report
from ._report import Reproduction as Reproduction
from ._report import versions as versions
from ._segmenters import measure_segmenters as measure_segmenters
from ._similarity import Similarity as Similarity
from ._similarity import similarities as similarities
from .images import FilterMaps as FilterMaps
from .images import Image as Image
from .images import InstanceTrace as InstanceTrace
from .images import InstanceView as InstanceView
from .images import LabelMap as LabelMap
from .images import MovingObject as MovingObject
from .images import Prediction as Prediction
from .images import SegmentationView as SegmentationView
from .images import ShiftViewer as ShiftViewer
from .images import SiteMap as SiteMap
from .images import Trace as Trace
from .images import filter_maps as filter_maps
from .images import filter_variance as filter_variance
from .images import instance_view as instance_view
from .images import segmentation_view as segmentation_view
from .images import shift_viewer as shift_viewer
from .page import render as render
from .page import write as write

__all__ = [
    "FilterMaps",
    "Image",
    "InstanceTrace",
    "InstanceView",
    "LabelMap",
    "Mended",
    "MovingObject",
    "Prediction",
    "Report",
    "Reproduction",
    "SegmentationView",
    "ShiftViewer",
    "Similarity",
    "SiteMap",
    "Trace",
    "compare_classifiers",
    "comparison_report",
    "diagnosis_report",
    "filter_maps",
    "filter_variance",
    "instance_view",
    "join_reports",
    "measure",
    "measure_detectors",
    "measure_segmenters",
    "read_result",
    "render",
    "report_of",
    "segmentation_view",
    "shift_viewer",
    "similarities",
    "versions",
    "write",
    "write_comparison",
    "write_figures",
]
