"""Filter configs: values that say which low-pass filter to use, and build the layer for a place in a network.

`_filter.py` says what every config has and reads them from files; `_configs.py` has those that people use, and
`_ablations.py` those that the adaptive filter is compared with.
"""

from __future__ import annotations

from ._ablations import Attention as Attention
from ._ablations import Average as Average
from ._ablations import Gaussian as Gaussian
from ._ablations import Ideal as Ideal
from ._configs import Adaptive as Adaptive
from ._configs import Fixed as Fixed
from ._configs import Importance as Importance
from ._configs import PhaseAlignment as PhaseAlignment
from ._configs import PhaseAverage as PhaseAverage
from ._configs import Polyphase as Polyphase
from ._configs import ShiftAverage as ShiftAverage
from ._filter import Filter as Filter
from ._filter import check_filter as check_filter
from ._filter import filter_from_dict as filter_from_dict

__all__ = [
    "Adaptive",
    "Attention",
    "Average",
    "Filter",
    "Fixed",
    "Gaussian",
    "Ideal",
    "Importance",
    "PhaseAlignment",
    "PhaseAverage",
    "Polyphase",
    "ShiftAverage",
    "check_filter",
    "filter_from_dict",
]
