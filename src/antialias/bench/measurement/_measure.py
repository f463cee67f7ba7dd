"""How it is measured: correctness first, implementations in turns, medians and quartiles, bytes, and the roofline."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from .._benchmark import Benchmark, Implementation, Implementations
from ._memory import peak_bytes, saved_bytes
from ._passes import PASSES, Run
from ._roofline import Rates, operations_of

# Relative error in float32 of two ways to compute the same, outputs and gradients. One row or tap amiss is 1e-2.
TOLERANCE = 1e-4

_SAMPLE_SECONDS = 0.02
_MOST_CALLS = 100


@dataclass(frozen=True)
class Result:
    """One pass of one implementation in one benchmark.

    Attributes:
        benchmark: What was computed.
        implementation: Which implementation did.
        pass_name: Which pass, a name of `PASSES`.
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

    benchmark: str
    implementation: str
    pass_name: str
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


def measure(benchmark: Benchmark, rounds: int = 7, rates: Rates | None = None, *, device: str = "cpu") -> list[Result]:
    """Check that the implementations agree, then time them in turns.

    Machines drift, so each round runs every pass of every implementation once, and only ratios of medians of one
    benchmark are meant to be quoted. A pass of a few milliseconds is repeated within its turn.

    Args:
        benchmark: What to compare.
        rounds: Timed rounds, at least 3, after one that warms up.
        rates: What the machine can do, for the roofline.
        device: Where it runs, such as `"cpu"` or `"cuda"`. On CUDA, convolutions and products take float32 as it is.

    Raises:
        ValueError: `rounds` is too small.
        RuntimeError: Implementations that must agree do not; nothing is timed.
    """
    if rounds < 3:
        raise ValueError(f"rounds={rounds} gives no quartiles. Use 3 or more.")
    implementations, threads = benchmark.make(benchmark.shape), torch.get_num_threads()
    if device != "cpu":
        implementations = {name: each.to(device) for name, each in implementations.items()}
    torch.set_num_threads(benchmark.threads or threads)
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            check(benchmark.name, implementations)
            runs = {(name, what): PASSES[what](each) for name, each in implementations.items() for what in each.passes}
            times = _time_in_turns(runs, rounds, device)
            return [
                _result(benchmark.name, name, what, implementations[name], run, times[name, what], rates)
                for (name, what), run in runs.items()
            ]
    finally:
        torch.set_num_threads(threads)


def check(benchmark: str, implementations: Implementations) -> None:
    """Raise unless implementations of the same agree, in outputs and, where they are timed, in gradients.

    Args:
        benchmark: Name of the benchmark, for the message.
        implementations: Those of it.

    Raises:
        RuntimeError: One differs from the first of its kind by more than `TOLERANCE`.
    """
    expected: dict[str | None, tuple[str, dict[str, torch.Tensor]]] = {}
    for name, implementation in implementations.items():
        if implementation.computes is None:
            continue
        tensors = {"the output": PASSES["forward"](implementation)()}
        if {"backward", "forward+backward"} & set(implementation.passes):
            gradients = PASSES["forward+backward"](implementation)()
            tensors |= {f"gradient {number}": gradient for number, gradient in enumerate(gradients)}
        first, firsts = expected.setdefault(implementation.computes, (name, tensors))
        for which in (which for which in firsts if which in tensors):
            error = ((tensors[which] - firsts[which]).norm() / firsts[which].norm()).item()
            if not error <= TOLERANCE:
                raise RuntimeError(
                    f"{benchmark}: {name} differs from {first} by {error:.1e} in {which}. No time is reported on a "
                    "wrong result."
                )


def _time_in_turns(runs: Mapping[tuple[str, str], Run], rounds: int, device: str) -> dict[tuple[str, str], list[float]]:
    """Return milliseconds of each run in each round; the order rotates, so that nobody always follows the same."""
    for run in runs.values():
        run()
    calls = {
        key: min(max(math.ceil(_SAMPLE_SECONDS / max(_seconds(run, 1, device), 1e-9)), 1), _MOST_CALLS)
        for key, run in runs.items()
    }
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    order = list(runs)
    for _ in range(rounds):
        for key in order:
            times[key].append(1e3 * _seconds(runs[key], calls[key], device))
        order = [*order[1:], order[0]]
    return times


def _seconds(run: Run, calls: int, device: str) -> float:
    synchronize = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    synchronize()
    start = time.perf_counter()
    for _ in range(calls):
        run()
    synchronize()
    return (time.perf_counter() - start) / calls


def _result(
    benchmark: str,
    name: str,
    pass_name: str,
    implementation: Implementation,
    run: Run,
    times: list[float],
    rates: Rates | None,
) -> Result:
    low, median, high = statistics.quantiles(times, n=4, method="inclusive")
    timed = (benchmark, name, pass_name, torch.get_num_threads(), median, low, high)
    peak = peak_bytes(run, implementation.inputs[0].device)
    if implementation.compiled:
        return Result(*timed, peak_bytes=peak)
    operations = operations_of(run)
    return Result(
        *timed,
        saved_bytes=None if pass_name == "backward" else saved_bytes(run, implementation.layer.parameters()),
        peak_bytes=peak,
        moved_bytes=sum(each.moved_bytes for each in operations),
        multiply_adds=sum(each.multiply_adds for each in operations),
        exponentials=sum(each.exponentials for each in operations),
        limit_milliseconds=1e3 * rates.seconds(operations) if rates else None,
    )
