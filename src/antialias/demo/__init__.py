"""The demo: small networks trained with and without filters, and a real network on real photographs."""

from __future__ import annotations

from ._run import run as run
from ._settings import FULL as FULL
from ._settings import QUICK as QUICK
from ._settings import Settings as Settings

__all__ = ["FULL", "QUICK", "Settings", "run"]
