"""Maps brought from one memory format to the other, by torch's own copy or by a kernel that is many times faster."""

from __future__ import annotations

from ._memory_format import match_memory_format as match_memory_format
