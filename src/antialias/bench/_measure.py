"""How it is measured: correctness first, contenders in turns, medians and quartiles, bytes, and the roofline."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ._contest import Contender, Contenders, Contest
from ._cost import Rates, operations_of
from ._memory import peak_bytes, saved_bytes
from ._passes import PASSES, Run

# Relative error in float32 of two ways to compute the same, outputs and gradients. One row or tap amiss is 1e-2.
TOLERANCE = 1e-4

_SAMPLE_SECONDS = 0.02
_MOST_CALLS = 100


@dataclass(frozen=True)
class Result:
    """One pass of one contender in one contest.

    Attributes:
        contest: What was computed.
        contender: Who computed it.
        what: Which pass, a name of `PASSES`.
        threads: Threads that torch ran on.
        milliseconds: Median time.
        lower_quartile: Of the time, in milliseconds.
        upper_quartile: Of the time, in milliseconds.
        saved_bytes: Bytes kept for the backward; `None` if compiled or already kept.
        peak_bytes: Growth of the process at the peak of the pass; `None` where the system does not tell.
        moved_bytes: Bytes that torch's operations read and write, counted from their shapes; `None` if compiled.
        multiply_adds: Multiply-adds of convolutions, matrix products and adaptive filters; `None` if compiled.
        exponentials: Of softmaxes; `None` if compiled.
        limit_milliseconds: Least time for all of these on this machine; `None` if compiled.
    """

    contest: str
    contender: str
    what: str
    threads: int
    milliseconds: float
    lower_quartile: float
    upper_quartile: float
    saved_bytes: int | None = None
    peak_bytes: int | None = None
    moved_bytes: int | None = None
    multiply_adds: int | None = None
    exponentials: int | None = None
    limit_milliseconds: float | None = None


def measure(contest: Contest, rounds: int = 7, rates: Rates | None = None) -> list[Result]:
    """Check that the contenders agree, then time them in turns.

    Machines drift, so each round runs every pass of every contender once, and only ratios of medians of one contest are
    meant to be quoted. A pass of a few milliseconds is repeated within its turn.

    Args:
        contest: What to compare.
        rounds: Timed rounds, at least 3, after one that warms up.
        rates: What the machine can do, for the roofline.

    Raises:
        ValueError: `rounds` is too small.
        RuntimeError: Contenders that must agree do not; nothing is timed.
    """
    if rounds < 3:
        raise ValueError(f"rounds={rounds} gives no quartiles. Use 3 or more.")
    contenders = contest.make(contest.shape)
    with _threads(contest.threads):
        check(contest.name, contenders)
        runs = {(name, what): PASSES[what](each) for name, each in contenders.items() for what in each.passes}
        times = _interleaved(runs, rounds)
        return [
            _result(contest.name, name, what, contenders[name], run, times[name, what], rates)
            for (name, what), run in runs.items()
        ]


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check(contest: str, contenders: Contenders) -> None:
    """Raise unless the contenders that compute the same agree, in outputs and, where they are timed, in gradients.

    Args:
        contest: Name of the contest, for the message.
        contenders: Who takes part.

    Raises:
        RuntimeError: One differs from the first of its kind by more than `TOLERANCE`.
    """
    for kind in dict.fromkeys(each.computes for each in contenders.values() if each.computes):
        first, *others = (name for name, each in contenders.items() if each.computes == kind)
        expected = _answers(contenders[first])
        for name in others:
            _compare(contest, name, first, _answers(contenders[name]), expected)


def _compare(contest: str, name: str, first: str, found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for which in (which for which in expected if which in found):
        error = ((found[which] - expected[which]).norm() / expected[which].norm()).item()
        if not error <= TOLERANCE:
            raise RuntimeError(
                f"{contest}: {name} differs from {first} by {error:.1e} in {which}. No time is reported on a wrong "
                "result."
            )


def _answers(contender: Contender) -> dict[str, Tensor]:
    answers = {"the output": PASSES["forward"](contender)()}
    if {"backward", "forward+backward"} & set(contender.passes):
        gradients = PASSES["forward+backward"](contender)()
        answers |= {f"gradient {number}": gradient for number, gradient in enumerate(gradients)}
    return answers


def _interleaved(runs: Mapping[tuple[str, str], Run], rounds: int) -> dict[tuple[str, str], list[float]]:
    for run in runs.values():
        run()
    calls = {key: _calls(_seconds(run, 1)) for key, run in runs.items()}
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    order = list(runs)
    for _ in range(rounds):
        for key in order:
            times[key].append(1e3 * _seconds(runs[key], calls[key]))
        order = [*order[1:], order[0]]  # nobody always runs after the same neighbour
    return times


def _calls(seconds: float) -> int:
    return min(max(math.ceil(_SAMPLE_SECONDS / max(seconds, 1e-9)), 1), _MOST_CALLS)


def _seconds(run: Run, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def _result(
    contest: str, name: str, what: str, contender: Contender, run: Run, times: list[float], rates: Rates | None
) -> Result:
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    timed = Result(contest, name, what, torch.get_num_threads(), median, low, high, peak_bytes=peak_bytes(run))
    return timed if contender.compiled else _counted(timed, contender, run, rates)


def _counted(timed: Result, contender: Contender, run: Run, rates: Rates | None) -> Result:
    operations = operations_of(run)
    return replace(
        timed,
        saved_bytes=None if timed.what == "backward" else saved_bytes(run, contender.layer.parameters()),
        moved_bytes=sum(each.moved_bytes for each in operations),
        multiply_adds=sum(each.multiply_adds for each in operations),
        exponentials=sum(each.exponentials for each in operations),
        limit_milliseconds=1e3 * rates.seconds(operations) if rates else None,
    )
