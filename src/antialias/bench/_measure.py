"""How it is measured: correctness first, contenders interleaved, medians and quartiles, bytes kept for the backward."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ._contests import Contenders, Contest


@dataclass(frozen=True)
class Result:
    """One contender in one contest.

    Attributes:
        contest: What was computed.
        contender: Who computed it.
        what: `"forward"` (evaluation) or `"forward+backward"` (training).
        milliseconds: Median time.
        quartiles: Lower and upper quartile of the time, in milliseconds.
        ratio: Median time over the median of the contest's first contender.
        saved_bytes: Bytes that the forward pass keeps for the backward; 0 in evaluation.
    """

    contest: str
    contender: str
    what: str
    milliseconds: float
    quartiles: tuple[float, float]
    ratio: float
    saved_bytes: int


def measure(contest: Contest, rounds: int = 7) -> list[Result]:
    """Check that the contenders agree, then time them in turns.

    Machines drift, so each round runs every contender once and only ratios of medians are meant to be quoted.

    Args:
        contest: What to compare.
        rounds: Timed rounds, at least 3, after one that warms up.

    Raises:
        ValueError: `rounds` is too small.
        RuntimeError: Contenders that must agree do not; nothing is timed.
    """
    if rounds < 3:
        raise ValueError(f"rounds={rounds} gives no quartiles. Use 3 or more.")
    contenders = contest.make()
    x = torch.randn(contest.shape, generator=torch.Generator().manual_seed(0))
    if contest.agree:
        _check_agreement(contest, contenders, x)
    return [*_results(contest, contenders, x, rounds, _forward), *_results(contest, contenders, x, rounds, _backward)]


def _check_agreement(contest: Contest, contenders: Contenders, x: Tensor) -> None:
    with torch.no_grad():
        outputs = {name: layer(x) for name, layer in contenders.items()}
    (first, expected), *others = outputs.items()
    for name, output in others:
        error = (output - expected).norm() / expected.norm()
        if not error < 1e-5:
            raise RuntimeError(
                f"{contest.name}: {name} differs from {first} by {error:.1e}. No time is reported on a wrong result."
            )


def _forward(layer: nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        layer.eval()(x)


def _backward(layer: nn.Module, x: Tensor) -> None:
    layer.train()(x.requires_grad_()).sum().backward()


def _results(
    contest: Contest, contenders: Contenders, x: Tensor, rounds: int, step: Callable[[nn.Module, Tensor], None]
) -> list[Result]:
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, layer in contenders.items():
            seconds = _seconds(step, layer, x)
            if turn:
                times[name].append(1e3 * seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    first, what = next(iter(medians.values())), "forward" if step is _forward else "forward+backward"
    return [
        Result(contest.name, name, what, medians[name], _quartiles(times[name]), medians[name] / first, saved)
        for name, saved in ((name, _saved_bytes(layer, x, step)) for name, layer in contenders.items())
    ]


def _seconds(step: Callable[[nn.Module, Tensor], None], layer: nn.Module, x: Tensor) -> float:
    fresh = x.detach().clone()
    start = time.perf_counter()
    step(layer, fresh)
    return time.perf_counter() - start


def _quartiles(values: list[float]) -> tuple[float, float]:
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def _saved_bytes(layer: nn.Module, x: Tensor, step: Callable[[nn.Module, Tensor], None]) -> int:
    storages: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in layer.parameters()}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        step(layer, x.detach().clone())
    return sum(storages.values())
