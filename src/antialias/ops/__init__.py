"""The mathematics: padding, fixed low-pass filters, and filters given per location and channel group or per picture.

`_reference.py` is the definition of the adaptive filter; every faster backend agrees with it in float64.
"""

from __future__ import annotations

from ._blur import binomial as binomial
from ._blur import blur as blur
from ._dynamic import dynamic_filter2d as dynamic_filter2d
from ._layout import in_layout_of as in_layout_of
from ._normalized import Normalized as Normalized
from ._pad import PADDING_MODES as PADDING_MODES
from ._pad import PaddingMode as PaddingMode
from ._pad import check_padding_mode as check_padding_mode
from ._pad import pad as pad
from ._padded import padded_conv2d as padded_conv2d
from ._pool import max_pool2d as max_pool2d
from ._reference import NORMALIZATIONS as NORMALIZATIONS
from ._reference import Normalize as Normalize
from ._reference import filter_weights as filter_weights
from ._select import BackendStatus as BackendStatus
from ._select import adaptive_blur2d as adaptive_blur2d
from ._select import backends as backends

__all__ = [
    "NORMALIZATIONS",
    "PADDING_MODES",
    "BackendStatus",
    "Normalize",
    "Normalized",
    "PaddingMode",
    "adaptive_blur2d",
    "backends",
    "binomial",
    "blur",
    "check_padding_mode",
    "dynamic_filter2d",
    "filter_weights",
    "in_layout_of",
    "max_pool2d",
    "pad",
    "padded_conv2d",
]
