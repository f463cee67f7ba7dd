"""Turn measurements into one self-contained page, with its data beside it.

Everything here is plain data: scores in a `Table` and along `Line`s, answers in a `Slider`, filters in `FilterMaps`,
together a `Report`. `measure` fills one for any classifiers, `write` draws it.
"""

from __future__ import annotations

from antialias.report._filters import filter_maps as filter_maps
from antialias.report._filters import filter_variance as filter_variance
from antialias.report._measure import measure as measure
from antialias.report._pictures import Answer as Answer
from antialias.report._pictures import FilterMaps as FilterMaps
from antialias.report._pictures import Picture as Picture
from antialias.report._pictures import SiteMap as SiteMap
from antialias.report._pictures import Slider as Slider
from antialias.report._pictures import Trace as Trace
from antialias.report._render import render as render
from antialias.report._render import write as write
from antialias.report._report import Change as Change
from antialias.report._report import Report as Report
from antialias.report._report import Reproduction as Reproduction
from antialias.report._report import Verdict as Verdict
from antialias.report._slide import slide as slide
from antialias.report._tables import Cell as Cell
from antialias.report._tables import Column as Column
from antialias.report._tables import Line as Line
from antialias.report._tables import Row as Row
from antialias.report._tables import Table as Table
from antialias.report._tables import Value as Value
from antialias.report._text import latex as latex
from antialias.report._text import markdown as markdown
from antialias.report._text import words as words
from antialias.report._verdict import verdict as verdict
from antialias.report._versions import versions as versions

__all__ = [
    "Answer",
    "Cell",
    "Change",
    "Column",
    "FilterMaps",
    "Line",
    "Picture",
    "Report",
    "Reproduction",
    "Row",
    "SiteMap",
    "Slider",
    "Table",
    "Trace",
    "Value",
    "Verdict",
    "filter_maps",
    "filter_variance",
    "latex",
    "markdown",
    "measure",
    "render",
    "slide",
    "verdict",
    "versions",
    "words",
    "write",
]
