"""Low-pass filtering layers, and the filter configs that build them."""

from __future__ import annotations

from ._adaptive import INITS as INITS
from ._adaptive import AdaptiveBlurPool2d as AdaptiveBlurPool2d
from ._adaptive import Init as Init
from ._blur import BlurPool1d as BlurPool1d
from ._blur import BlurPool2d as BlurPool2d
from ._blur import BlurPool3d as BlurPool3d
from ._filter import Adaptive as Adaptive
from ._filter import Filter as Filter
from ._filter import Fixed as Fixed
from ._filter import Polyphase as Polyphase
from ._filter import filter_from_dict as filter_from_dict
from ._frozen import FrozenBatchNorm2d as FrozenBatchNorm2d
from ._polyphase import PHASES as PHASES
from ._polyphase import Phase as Phase
from ._polyphase import PhaseReturn2d as PhaseReturn2d
from ._polyphase import PolyphasePool2d as PolyphasePool2d

__all__ = [
    "INITS",
    "PHASES",
    "Adaptive",
    "AdaptiveBlurPool2d",
    "BlurPool1d",
    "BlurPool2d",
    "BlurPool3d",
    "Filter",
    "Fixed",
    "FrozenBatchNorm2d",
    "Init",
    "Phase",
    "PhaseReturn2d",
    "Polyphase",
    "PolyphasePool2d",
    "filter_from_dict",
]
