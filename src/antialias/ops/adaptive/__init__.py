"""The adaptive filter: a low-pass filter of its own for each location and channel group, from logits, in one pass.

`_adaptive.py` checks what it is given and picks a backend. `_reference.py` is the definition, with which `_cpp.py` (the
CPU) and `_triton.py` (CUDA; its kernels in `_triton_kernels.py`, their launches in `_triton_launch.py`) agree, and
`_exported.py`, which exported programs hold. `_operation.py` tells torch about the kernels, and `_normalized.py` is the
filter behind a BatchNorm, which keeps no logits. `_any_dims.py` is the filter of sequences and volumes.
"""

from __future__ import annotations

from ._adaptive import adaptive_blur2d as adaptive_blur2d
from ._adaptive import backends as backends
from ._any_dims import adaptive_blur as adaptive_blur
from ._normalized import Normalized as Normalized
from ._reference import NORMALIZATIONS as NORMALIZATIONS
from ._reference import Normalize as Normalize
from ._reference import filter_weights as filter_weights
