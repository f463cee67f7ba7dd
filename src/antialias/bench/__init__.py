"""Time and memory of the filters beside what people use today, correctness first.

A benchmark is data: implementations that compute the same, made for any shape (`_benchmark.py`). `benchmarks/` lists
them, the tests run them on tiny shapes, `measurement/` checks and times them, and `_targets.py` says what they have to
show. `_run.py` does all of it, and leaves a CSV (`_results.py`), tables (`_tables.py`) and figures (`_figures.py`).
"""

from __future__ import annotations

from ._benchmark import Benchmark as Benchmark
from ._benchmark import Implementation as Implementation
from ._benchmark import Shape as Shape
from ._figures import draw as draw
from ._results import read_results as read_results
from ._results import write_results as write_results
from ._run import Outcome as Outcome
from ._run import run as run
from ._tables import TextTable as TextTable
from ._tables import table_of_scaling as table_of_scaling
from ._tables import table_of_targets as table_of_targets
from ._tables import tables_of_times as tables_of_times
from ._targets import TARGETS as TARGETS
from ._targets import ScalingFit as ScalingFit
from ._targets import Target as Target
from ._targets import TargetResult as TargetResult
from ._targets import compare_with_targets as compare_with_targets
from ._targets import fit_scaling as fit_scaling
from .benchmarks import BENCHMARKS as BENCHMARKS
from .benchmarks import MACHINE as MACHINE
from .measurement import Rates as Rates
from .measurement import Result as Result
from .measurement import check as check
from .measurement import measure as measure

__all__ = [
    "BENCHMARKS",
    "MACHINE",
    "TARGETS",
    "Benchmark",
    "Implementation",
    "Outcome",
    "Rates",
    "Result",
    "ScalingFit",
    "Shape",
    "Target",
    "TargetResult",
    "TextTable",
    "check",
    "compare_with_targets",
    "draw",
    "fit_scaling",
    "measure",
    "read_results",
    "run",
    "table_of_scaling",
    "table_of_targets",
    "tables_of_times",
    "write_results",
]
