"""Max pools whose window slides by one, as they stand in front of a filter that subsamples.

`_max_pool.py` picks a backend: `_reference.py`, torch's own, or `_cpp.py`, which keeps no indices.
"""

from __future__ import annotations

from ._max_pool import max_pool2d as max_pool2d
