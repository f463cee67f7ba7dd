"""The mathematics: padding, fixed low-pass filters, and filters given per location and channel group or per picture.

A folder an operation: `adaptive/`, `blur/`, `max_pool/`, `padded_conv/` and `memory_format/`. Each says in its
`__init__` what it is; `_reference.py` is its definition, and every faster backend agrees with that in float64. Below
them lie `_pad.py`, `_layout.py`, `_backend.py` (which backend runs, and why another cannot), `_library.py` (the C++
kernels' library) and `_registration.py` (what torch must know of them). `_dynamic_filter.py` needs no kernel.
"""

from __future__ import annotations

from ._backend import BackendStatus as BackendStatus
from ._backend import is_exporting as is_exporting
from ._dynamic_filter import dynamic_filter2d as dynamic_filter2d
from ._layout import in_layout_of as in_layout_of
from ._pad import PADDING_MODES as PADDING_MODES
from ._pad import PaddingMode as PaddingMode
from ._pad import check_fractions as check_fractions
from ._pad import check_padding_mode as check_padding_mode
from ._pad import check_samples as check_samples
from ._pad import pad as pad
from .adaptive import NORMALIZATIONS as NORMALIZATIONS
from .adaptive import Normalize as Normalize
from .adaptive import Normalized as Normalized
from .adaptive import adaptive_blur as adaptive_blur
from .adaptive import adaptive_blur2d as adaptive_blur2d
from .adaptive import backends as backends
from .adaptive import filter_weights as filter_weights
from .blur import binomial as binomial
from .blur import blur as blur
from .max_pool import max_pool2d as max_pool2d
from .padded_conv import padded_conv2d as padded_conv2d

__all__ = [
    "NORMALIZATIONS",
    "PADDING_MODES",
    "BackendStatus",
    "Normalize",
    "Normalized",
    "PaddingMode",
    "adaptive_blur",
    "adaptive_blur2d",
    "backends",
    "binomial",
    "blur",
    "check_fractions",
    "check_padding_mode",
    "check_samples",
    "dynamic_filter2d",
    "filter_weights",
    "in_layout_of",
    "is_exporting",
    "max_pool2d",
    "pad",
    "padded_conv2d",
]
