"""What sampling phases need beyond the layers that keep them: of polyphase subsampling, and of averages over phases.

The grids that maps lie on (`_grids`) say which layers share a phase and where upsampling takes one back. For filters
that choose a phase, borders close to a circle (`_borders`), and `_plan` makes one plan of both, and notes where
exactness under circular shifts is lost. For averages over phases, `_average` says which sites split together, what is
repeated where it meets phases, where phases may end, and what all of that costs.
"""

from __future__ import annotations

from ._average import PhaseGroup as PhaseGroup
from ._average import ends_before as ends_before
from ._average import group_sites as group_sites
from ._average import pitches as pitches
from ._average import plan_phases as plan_phases
from ._plan import PolyphasePlan as PolyphasePlan
from ._plan import plan_polyphase as plan_polyphase

__all__ = ["PhaseGroup", "PolyphasePlan", "ends_before", "group_sites", "pitches", "plan_phases", "plan_polyphase"]
