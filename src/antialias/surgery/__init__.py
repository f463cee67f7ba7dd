"""Find what subsamples in a network, and give it anti-aliasing filters.

`inspect` runs a network once on an example and says where it subsamples and what would replace it; `convert_` does
that in place. The line through this folder: a forward pass is observed (`_observe`) as a dataflow graph (`_graph`),
in which subsampling operations are sites (`_sites`, `_dilated`), places for filters are proven (`_flow`, `_place`),
rules turn sites into edits (`_rules`), and edits are plain data that can be done, undone and repeated (`_edits`).
Polyphase subsampling needs more than its sites (`_shifts`): the grids that maps lie on (`_grids`) say which layers
share a phase and where upsampling takes one back, and borders close to a circle (`_borders`).
"""

from __future__ import annotations

from ._convert import Conversion as Conversion
from ._convert import conversion_of as conversion_of
from ._convert import convert_ as convert_
from ._convert import inspect as inspect
from ._convert import replay_ as replay_
from ._convert import unconverted_copy as unconverted_copy
from ._example import input_size as input_size
from ._plan import Placement as Placement
from ._plan import Plan as Plan
from ._plan import Site as Site

__all__ = [
    "Conversion",
    "Placement",
    "Plan",
    "Site",
    "conversion_of",
    "convert_",
    "input_size",
    "inspect",
    "replay_",
    "unconverted_copy",
]
