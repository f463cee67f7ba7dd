"""What parts agree on that do not know each other."""

from __future__ import annotations

from collections.abc import Callable

IGNORED = 255
"""The class of pixels that are neither learnt nor counted, in data and in metrics."""

ProgressCallback = Callable[[int, int], None]
"""What long calls tell how far they are: called with `(done, total)`."""
