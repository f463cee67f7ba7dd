"""Convolutions of maps whose border is continued, which keep the map and not its padded copy: `_padded_conv.py`.

There is one implementation, of torch's own convolutions, and a copy that is laid out as they are fastest.
"""

from __future__ import annotations

from ._padded_conv import padded_conv2d as padded_conv2d
