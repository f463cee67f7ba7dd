"""Low-pass filtering layers, and the filter configs that build them."""

from __future__ import annotations

from ._ablations import Attention as Attention
from ._ablations import Average as Average
from ._ablations import Gaussian as Gaussian
from ._ablations import Ideal as Ideal
from ._adaptive import INITS as INITS
from ._adaptive import AdaptiveBlurPool2d as AdaptiveBlurPool2d
from ._adaptive import Init as Init
from ._attention import AttentionBlurPool2d as AttentionBlurPool2d
from ._blur import BlurPool1d as BlurPool1d
from ._blur import BlurPool2d as BlurPool2d
from ._blur import BlurPool3d as BlurPool3d
from ._dynamic import DynamicFilter2d as DynamicFilter2d
from ._filter import Adaptive as Adaptive
from ._filter import Filter as Filter
from ._filter import Fixed as Fixed
from ._filter import Polyphase as Polyphase
from ._filter import filter_from_dict as filter_from_dict
from ._frozen import FrozenBatchNorm2d as FrozenBatchNorm2d
from ._gaussian import GaussianBlurPool2d as GaussianBlurPool2d
from ._gaussian import Width as Width
from ._padded import PREDICTORS as PREDICTORS
from ._padded import PredictorKind as PredictorKind
from ._polyphase import PHASES as PHASES
from ._polyphase import Phase as Phase
from ._polyphase import PhaseReturn2d as PhaseReturn2d
from ._polyphase import PolyphasePool2d as PolyphasePool2d
from ._spectral import AverageBlurPool2d as AverageBlurPool2d
from ._spectral import IdealBlurPool2d as IdealBlurPool2d

LAYERS = (
    AdaptiveBlurPool2d,
    AttentionBlurPool2d,
    AverageBlurPool2d,
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    GaussianBlurPool2d,
    IdealBlurPool2d,
    PolyphasePool2d,
)
"""Every layer that filters before it subsamples, or chooses what it keeps."""

__all__ = [
    "INITS",
    "LAYERS",
    "PHASES",
    "PREDICTORS",
    "Adaptive",
    "AdaptiveBlurPool2d",
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
    "Init",
    "Phase",
    "PhaseReturn2d",
    "Polyphase",
    "PolyphasePool2d",
    "PredictorKind",
    "Width",
    "filter_from_dict",
]
