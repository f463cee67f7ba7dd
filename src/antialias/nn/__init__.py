"""Low-pass filtering layers, and the filter configs that build them.

`layers/` holds what a person writes into a network by hand, `filters/` the values that say which layer surgery builds
and where, `predictor/` what those layers share that predict something at each place. Configs build layers, and layers
hold predictors; never the other way.
"""

from __future__ import annotations

from .filters import Adaptive as Adaptive
from .filters import Attention as Attention
from .filters import Average as Average
from .filters import Filter as Filter
from .filters import Fixed as Fixed
from .filters import Gaussian as Gaussian
from .filters import Ideal as Ideal
from .filters import Importance as Importance
from .filters import PhaseAlignment as PhaseAlignment
from .filters import PhaseAverage as PhaseAverage
from .filters import Polyphase as Polyphase
from .filters import ShiftAverage as ShiftAverage
from .filters import check_filter as check_filter
from .filters import filter_from_dict as filter_from_dict
from .layers import INITS as INITS
from .layers import LAYERS as LAYERS
from .layers import PHASES as PHASES
from .layers import AdaptiveBlurPool1d as AdaptiveBlurPool1d
from .layers import AdaptiveBlurPool2d as AdaptiveBlurPool2d
from .layers import AdaptiveBlurPool3d as AdaptiveBlurPool3d
from .layers import AttentionBlurPool2d as AttentionBlurPool2d
from .layers import AverageBlurPool2d as AverageBlurPool2d
from .layers import BlurPool1d as BlurPool1d
from .layers import BlurPool2d as BlurPool2d
from .layers import BlurPool3d as BlurPool3d
from .layers import DynamicFilter2d as DynamicFilter2d
from .layers import GaussianBlurPool2d as GaussianBlurPool2d
from .layers import IdealBlurPool2d as IdealBlurPool2d
from .layers import ImportancePool2d as ImportancePool2d
from .layers import Init as Init
from .layers import Phase as Phase
from .layers import PhaseAlign2d as PhaseAlign2d
from .layers import PhaseRepeat2d as PhaseRepeat2d
from .layers import PhaseReturn2d as PhaseReturn2d
from .layers import PhaseSplit2d as PhaseSplit2d
from .layers import PolyphasePool2d as PolyphasePool2d
from .layers import Taps as Taps
from .layers import Width as Width
from .layers import check_period as check_period
from .predictor import PREDICTORS as PREDICTORS
from .predictor import FrozenBatchNorm2d as FrozenBatchNorm2d
from .predictor import PredictorKind as PredictorKind

__all__ = [
    "INITS",
    "LAYERS",
    "PHASES",
    "PREDICTORS",
    "Adaptive",
    "AdaptiveBlurPool1d",
    "AdaptiveBlurPool2d",
    "AdaptiveBlurPool3d",
    "Attention",
    "AttentionBlurPool2d",
    "Average",
    "AverageBlurPool2d",
    "BlurPool1d",
    "BlurPool2d",
    "BlurPool3d",
    "DynamicFilter2d",
    "Filter",
    "Fixed",
    "FrozenBatchNorm2d",
    "Gaussian",
    "GaussianBlurPool2d",
    "Ideal",
    "IdealBlurPool2d",
    "Importance",
    "ImportancePool2d",
    "Init",
    "Phase",
    "PhaseAlign2d",
    "PhaseAlignment",
    "PhaseAverage",
    "PhaseRepeat2d",
    "PhaseReturn2d",
    "PhaseSplit2d",
    "Polyphase",
    "PolyphasePool2d",
    "PredictorKind",
    "ShiftAverage",
    "Taps",
    "Width",
    "check_filter",
    "check_period",
    "filter_from_dict",
]
