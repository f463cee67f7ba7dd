"""The verb: run the contests, write one CSV for this device, and hold it against the bars."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from antialias._version import __version__

from ._bars import Growth, Verdict, growths, verdicts
from ._contest import Contest
from ._contests import CONTESTS, MACHINE
from ._cost import Rates
from ._figures import draw
from ._files import markdown, read_results, write_results
from ._measure import Result, measure
from ._memory import keep_freed_memory
from ._peers import PEERS, missing, version


@dataclass(frozen=True)
class Outcome:
    """What a run measured.

    Attributes:
        results: Of this run.
        verdicts: The bars that it concerns.
        growths: The scaling curves of it.
        missing: Peers that are not installed and so took no part.
        path: The device's CSV.
        figures: Drawn from the whole CSV.
    """

    results: list[Result]
    verdicts: list[Verdict]
    growths: list[Growth]
    missing: list[str]
    path: Path
    figures: list[Path]


def run(
    folder: str | Path = "benchmarks/results",
    *,
    only: str = "",
    rounds: int = 7,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run contests and write their results, with versions, to the CSV of this device; table and figures come from it.

    Args:
        folder: Folder of the results.
        only: Part of the name of the contests to run; all if empty. Others keep their rows in the CSV.
        rounds: Timed rounds of each contest.
        progress: Called with the number of contests done and of all.

    Raises:
        ValueError: No contest has `only` in its name.
        RuntimeError: Contenders disagree.
    """
    contests = [contest for contest in CONTESTS if only in contest.name]
    if not contests:
        raise ValueError(f"only={only!r} names no contest. Use a part of: {'; '.join(c.name for c in CONTESTS)}.")
    results = _results(contests, rounds, progress or (lambda done, total: None))
    absent = missing(peer for contest in contests for peer in contest.peers)
    path = Path(folder) / f"{_device()}.csv"
    write_results(path, results, _versions())
    written = read_results(path)
    path.with_suffix(".md").write_text(markdown(verdicts(written), growths(written), absent))
    return Outcome(results, verdicts(results), growths(results), absent, path, draw(path))


def _results(contests: list[Contest], rounds: int, progress: Callable[[int, int], None]) -> list[Result]:
    results: list[Result] = []
    rates: dict[int, Rates] = {}
    # Those that keep memory come last, because the C library's own ways do not come back.
    for done, contest in enumerate(sorted(contests, key=lambda contest: contest.keeps_memory)):
        progress(done, len(contests))
        if contest.keeps_memory:
            keep_freed_memory()
        threads = contest.threads or torch.get_num_threads()
        if threads not in rates:
            machine = measure(replace(MACHINE, threads=threads), rounds)
            rates[threads] = _rates(machine)
            results += machine
        results += measure(contest, rounds, rates[threads])
    return results


def _rates(machine: Sequence[Result]) -> Rates:
    per_second = {result.contender: 1e3 / result.milliseconds for result in machine}
    moved = {result.contender: result.moved_bytes or 0 for result in machine}
    products = {result.contender: result.multiply_adds or 0 for result in machine}
    arithmetic = max(products[name] * per_second[name] for name in products)
    exponentials = next(result.exponentials or 0 for result in machine if result.contender == "exponential")
    return Rates(moved["copy"] * per_second["copy"], arithmetic, exponentials * per_second["exponential"])


def _device() -> str:
    words = f"{platform.machine()} {_processor()} {torch.get_num_threads()} threads"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file() and (found := re.search(r"model name\s*:\s*(.+)", info.read_text())):
        return found[1]
    return platform.processor()


def _versions() -> dict[str, str]:
    own = {"antialias": __version__, "torch": torch.__version__, "python": platform.python_version()}
    return own | {name: version(name) for name in PEERS}
