"""Time and memory of the filters beside what people use today, correctness first."""

from __future__ import annotations

from ._contests import CONTESTS as CONTESTS
from ._contests import Contest as Contest
from ._measure import Result as Result
from ._measure import measure as measure
from ._run import run as run

__all__ = ["CONTESTS", "Contest", "Result", "measure", "run"]
