"""Fixed low-pass filters with subsampling, of one to three dimensions.

`_blur.py` checks what it is given and picks a backend: `_reference.py`, one convolution of torch's, or `_cpp.py` on the
CPU for filters that are a product of two rows of taps.
"""

from __future__ import annotations

from ._blur import binomial as binomial
from ._blur import blur as blur
