"""Find what subsamples in a network, and give it anti-aliasing filters.

`inspect` runs a network once on an example and says where it subsamples and what would replace it; `convert_` does
that in place. The line through this folder, each stage a value: a forward pass is observed as a dataflow graph
(`dataflow/`), in which subsampling operations are candidates that become sites (`sites/`) with edits, changes that can
be done, undone, saved and repeated (`edits/`). Polyphase subsampling needs more than its sites (`polyphase/`). `_plan`
says what would be done, `_convert` goes the whole way, `_conversion` is the record that stays with the network. For a
diagnosis, `_subsampling` says which places there are, shows their maps at stride 1, and lets them keep another phase.
"""

from __future__ import annotations

from ._conversion import Conversion as Conversion
from ._conversion import conversion_of as conversion_of
from ._conversion import replay_ as replay_
from ._conversion import unchanged_on_error as unchanged_on_error
from ._conversion import unconverted_copy as unconverted_copy
from ._convert import convert_ as convert_
from ._convert import inspect as inspect
from ._convert import phase_groups as phase_groups
from ._convert import phase_places as phase_places
from ._plan import Placement as Placement
from ._plan import Plan as Plan
from ._plan import Site as Site
from ._subsampling import Body as Body
from ._subsampling import Subsampling as Subsampling
from ._subsampling import find_body as find_body
from ._subsampling import keep_phase_ as keep_phase_
from ._subsampling import reduce_maps as reduce_maps
from .dataflow import input_size as input_size
from .dataflow import random_input as random_input

__all__ = [
    "Body",
    "Conversion",
    "Placement",
    "Plan",
    "Site",
    "Subsampling",
    "conversion_of",
    "convert_",
    "find_body",
    "input_size",
    "inspect",
    "keep_phase_",
    "phase_groups",
    "phase_places",
    "random_input",
    "reduce_maps",
    "replay_",
    "unchanged_on_error",
    "unconverted_copy",
]
