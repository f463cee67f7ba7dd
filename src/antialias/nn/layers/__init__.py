"""The layers: each filters maps and keeps every `stride`-th sample, or chooses which samples are kept.

Read `_blur.py` first, the fixed blur; then `_adaptive.py`, which predicts its filters, and `_polyphase.py`, which
chooses samples by content, and `_phases.py`, which keeps several choices at once. `_importance.py` weighs samples by
content. `_gaussian.py`, `_attention.py` and `_spectral.py` are what the adaptive filter is compared with. `_dynamic.py`
filters by the whole image, and is DMNet's. `_alignment.py` filters nothing: it moves images to where a network's grid
meets them always alike.
"""

from __future__ import annotations

from ._adaptive import INITS as INITS
from ._adaptive import AdaptiveBlurPool1d as AdaptiveBlurPool1d
from ._adaptive import AdaptiveBlurPool2d as AdaptiveBlurPool2d
from ._adaptive import AdaptiveBlurPool3d as AdaptiveBlurPool3d
from ._adaptive import Init as Init
from ._adaptive import check_init as check_init
from ._alignment import PhaseAlign2d as PhaseAlign2d
from ._alignment import check_period as check_period
from ._attention import AttentionBlurPool2d as AttentionBlurPool2d
from ._attention import check_sizes as check_sizes
from ._blur import BlurPool1d as BlurPool1d
from ._blur import BlurPool2d as BlurPool2d
from ._blur import BlurPool3d as BlurPool3d
from ._dynamic import DynamicFilter2d as DynamicFilter2d
from ._gaussian import WIDTHS as WIDTHS
from ._gaussian import GaussianBlurPool2d as GaussianBlurPool2d
from ._gaussian import Width as Width
from ._importance import TAPS as TAPS
from ._importance import ImportancePool2d as ImportancePool2d
from ._importance import Taps as Taps
from ._phases import PhaseRepeat2d as PhaseRepeat2d
from ._phases import PhaseSplit2d as PhaseSplit2d
from ._polyphase import PHASES as PHASES
from ._polyphase import Phase as Phase
from ._polyphase import PhaseReturn2d as PhaseReturn2d
from ._polyphase import PolyphasePool2d as PolyphasePool2d
from ._spectral import AverageBlurPool2d as AverageBlurPool2d
from ._spectral import IdealBlurPool2d as IdealBlurPool2d

LAYERS = (
    AdaptiveBlurPool1d,
    AdaptiveBlurPool2d,
    AdaptiveBlurPool3d,
    AttentionBlurPool2d,
    AverageBlurPool2d,
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    GaussianBlurPool2d,
    IdealBlurPool2d,
    ImportancePool2d,
    PhaseSplit2d,
    PolyphasePool2d,
)
"""Every layer that filters before it subsamples, or chooses what it keeps."""

__all__ = [
    "INITS",
    "LAYERS",
    "PHASES",
    "TAPS",
    "WIDTHS",
    "AdaptiveBlurPool1d",
    "AdaptiveBlurPool2d",
    "AdaptiveBlurPool3d",
    "AttentionBlurPool2d",
    "AverageBlurPool2d",
    "BlurPool1d",
    "BlurPool2d",
    "BlurPool3d",
    "DynamicFilter2d",
    "GaussianBlurPool2d",
    "IdealBlurPool2d",
    "ImportancePool2d",
    "Init",
    "Phase",
    "PhaseAlign2d",
    "PhaseRepeat2d",
    "PhaseReturn2d",
    "PhaseSplit2d",
    "PolyphasePool2d",
    "Taps",
    "Width",
    "check_init",
    "check_period",
    "check_sizes",
]
