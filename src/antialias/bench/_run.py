"""The verb: run the benchmarks, write one CSV for this device, and hold it against the targets."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from antialias._version import __version__

from ._benchmark import Benchmark
from ._figures import draw
from ._results import read_results, write_results
from ._tables import markdown
from ._targets import ScalingFit, TargetResult, compare_with_targets, fit_scaling
from .benchmarks import BENCHMARKS, MACHINE, PEERS, missing, version
from .measurement import Rates, Result, keep_freed_memory, measure


@dataclass(frozen=True)
class Outcome:
    """What a run measured.

    Attributes:
        results: Of this run.
        targets: The targets that it concerns, and what was measured of each.
        scaling: The scaling curves of it.
        missing: Peers that are not installed and so took no part.
        path: The device's CSV.
        figures: Drawn from the whole CSV.
    """

    results: list[Result]
    targets: list[TargetResult]
    scaling: list[ScalingFit]
    missing: list[str]
    path: Path
    figures: list[Path]


def run(
    folder: str | Path = "benchmarks/results",
    *,
    only: str = "",
    rounds: int = 7,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run benchmarks and write their results, with versions, to the CSV of this device, a table and figures beside it.

    Args:
        folder: Folder of the results.
        only: Part of the name of the benchmarks to run; all if empty. Others keep their rows in the CSV.
        rounds: Timed rounds of each benchmark.
        device: Where they run, such as `"cpu"` or `"cuda"`; other devices than the CPU know no number of threads.
        progress: Called with the number of benchmarks done and of all.

    Raises:
        ValueError: No benchmark has `only` in its name, or there is no such device.
        RuntimeError: Implementations disagree.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device={device!r}, but torch finds no CUDA device here. Use device='cpu'.")
    threads = (None, 1, 2) if device == "cpu" else (None, 1)
    benchmarks = [each for each in BENCHMARKS if only in each.name and each.threads in threads]
    if not benchmarks:
        raise ValueError(f"only={only!r} names no benchmark. Use a part of: {'; '.join(b.name for b in BENCHMARKS)}.")
    results = _measure_all(benchmarks, rounds, device, progress or (lambda done, total: None))
    absent = missing(peer for benchmark in benchmarks for peer in benchmark.peers)
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", info.read_text() if info.is_file() else "")
    words = f"{platform.machine()} {model[1] if model else platform.processor()} {torch.get_num_threads()} threads"
    if device != "cpu":
        words = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    path = Path(folder) / f"{re.sub(r'[^a-z0-9]+', '-', words.lower()).strip('-')}.csv"
    versions = {"antialias": __version__, "torch": torch.__version__, "python": platform.python_version()}
    write_results(path, results, versions | {name: version(name) for name in PEERS})
    written = read_results(path)
    path.with_suffix(".md").write_text(markdown(compare_with_targets(written), fit_scaling(written), absent))
    return Outcome(results, compare_with_targets(results), fit_scaling(results), absent, path, draw(path))


def _measure_all(
    benchmarks: list[Benchmark], rounds: int, device: str, progress: Callable[[int, int], None]
) -> list[Result]:
    results: list[Result] = []
    rates: dict[int, Rates] = {}
    # Those that keep memory come last, because the C library's own ways do not come back.
    for done, benchmark in enumerate(sorted(benchmarks, key=lambda benchmark: benchmark.keeps_memory)):
        progress(done, len(benchmarks))
        if benchmark.keeps_memory:
            keep_freed_memory()
        threads = benchmark.threads or torch.get_num_threads()
        if threads not in rates:
            machine = measure(replace(MACHINE, threads=threads), rounds, device=device)
            rates[threads] = _rates(machine)
            results += machine
        results += measure(benchmark, rounds, rates[threads], device=device)
    return results


def _rates(machine: Sequence[Result]) -> Rates:
    per_second = {result.implementation: 1e3 / result.milliseconds for result in machine}
    moved = {result.implementation: result.moved_bytes or 0 for result in machine}
    products = {result.implementation: result.multiply_adds or 0 for result in machine}
    arithmetic = max(products[name] * per_second[name] for name in products)
    exponentials = next(result.exponentials or 0 for result in machine if result.implementation == "exponential")
    return Rates(moved["copy"] * per_second["copy"], arithmetic, exponentials * per_second["exponential"])
