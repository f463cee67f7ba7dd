"""What polyphase subsampling needs beyond its layers.

The grids that maps lie on (`_grids`) say which layers share a phase and where upsampling takes one back; borders close
to a circle (`_borders`). `_plan` makes one plan of both, and notes where exactness under circular shifts is lost.
"""

from __future__ import annotations

from ._plan import PolyphasePlan as PolyphasePlan
from ._plan import plan_polyphase as plan_polyphase

__all__ = ["PolyphasePlan", "plan_polyphase"]
