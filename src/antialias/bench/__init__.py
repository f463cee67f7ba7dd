"""Time and memory of the filters beside what people use today, correctness first.

A contest is data: contenders that compute the same, made for any shape. `_contests.py` lists them, the tests run them
on tiny shapes, `measure` times them, and `_bars.py` says what they have to show.
"""

from __future__ import annotations

from ._bars import BARS as BARS
from ._bars import Bar as Bar
from ._bars import Growth as Growth
from ._bars import Verdict as Verdict
from ._bars import growths as growths
from ._bars import verdicts as verdicts
from ._contest import Contender as Contender
from ._contest import Contest as Contest
from ._contest import Shape as Shape
from ._contests import CONTESTS as CONTESTS
from ._contests import MACHINE as MACHINE
from ._cost import Rates as Rates
from ._figures import draw as draw
from ._files import read_results as read_results
from ._files import write_results as write_results
from ._measure import Result as Result
from ._measure import check as check
from ._measure import measure as measure
from ._run import Outcome as Outcome
from ._run import run as run

__all__ = [
    "BARS",
    "CONTESTS",
    "MACHINE",
    "Bar",
    "Contender",
    "Contest",
    "Growth",
    "Outcome",
    "Rates",
    "Result",
    "Shape",
    "Verdict",
    "check",
    "draw",
    "growths",
    "measure",
    "read_results",
    "run",
    "verdicts",
    "write_results",
]
