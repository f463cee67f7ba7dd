"""Settings, data sets, images, clips, score files and uploads."""

from __future__ import annotations

from .._target import Target

TARGETS: dict[str, Target] = {}
