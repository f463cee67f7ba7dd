"""Where a network subsamples, and what is decided there.

`_find` and `_dilated` list candidates in an observed dataflow graph, and `_upsampling` what makes maps larger; `_place`
proves where a filter can sit; `_stride1` says how an operation gives up its stride and keeps its map; `_macs` counts
what that costs. `_rules` puts them together: `decide` turns candidates into sites, which hold their edits.
"""

from __future__ import annotations

from ._dilated import find_dilated as find_dilated
from ._find import Candidate as Candidate
from ._find import filter_around as filter_around
from ._find import find as find
from ._rules import Direction as Direction
from ._rules import Rules as Rules
from ._rules import Where as Where
from ._rules import decide as decide
from ._rules import uncalled as uncalled
from ._upsampling import find_upsampling as find_upsampling

__all__ = [
    "Candidate",
    "Direction",
    "Rules",
    "Where",
    "decide",
    "filter_around",
    "find",
    "find_dilated",
    "find_upsampling",
    "uncalled",
]
