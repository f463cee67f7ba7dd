"""All targets by name."""

from __future__ import annotations

from .._target import Target
from . import data, networks

TARGETS: dict[str, Target] = {**networks.TARGETS, **data.TARGETS}
