"""How a benchmark is measured: `_measure.py` checks and times it, pass by pass as `_passes.py` prepares them.

`_memory.py` counts bytes, and `_roofline.py` the least time that a machine needs for what was computed.
"""

from __future__ import annotations

from ._measure import Result as Result
from ._measure import check as check
from ._measure import measure as measure
from ._memory import keep_freed_memory as keep_freed_memory
from ._roofline import Rates as Rates
