"""Turn results into one self-contained page, with its data beside it.

Everything here is plain data: tables, curves and the verdict of `antialias.results`, predictions along a `Slider`,
filters in `FilterMaps`, together a `Report`. `measure` fills one for any classifiers, `comparison_report` for what was
compared, `write` draws it.
"""

from __future__ import annotations

from ._comparison import comparison_report as comparison_report
from ._comparison import write_comparison as write_comparison
from ._filters import filter_maps as filter_maps
from ._filters import filter_variance as filter_variance
from ._measure import measure as measure
from ._pictures import Answer as Answer
from ._pictures import FilterMaps as FilterMaps
from ._pictures import Picture as Picture
from ._pictures import SiteMap as SiteMap
from ._pictures import Slider as Slider
from ._pictures import Trace as Trace
from ._render import render as render
from ._render import write as write
from ._report import Report as Report
from ._report import Reproduction as Reproduction
from ._slide import slide as slide
from ._versions import versions as versions

__all__ = [
    "Answer",
    "FilterMaps",
    "Picture",
    "Report",
    "Reproduction",
    "SiteMap",
    "Slider",
    "Trace",
    "comparison_report",
    "filter_maps",
    "filter_variance",
    "measure",
    "render",
    "slide",
    "versions",
    "write",
    "write_comparison",
]
