"""What a benchmark is: several implementations of something, taken as data by the timing and by the tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor, nn


class Shape(NamedTuple):
    """Shape `(N, C, H, W)` of a benchmark's input."""

    n: int
    channels: int
    height: int
    width: int

    def __str__(self) -> str:
        return "x".join(map(str, self))


@dataclass(frozen=True)
class Implementation:
    """One way to compute something.

    Attributes:
        layer: What computes it.
        inputs: What it takes.
        passes: What is timed, names of `PASSES`; nothing is if empty.
        computes: Implementations of one benchmark with the same word must agree; `None` agrees with nobody.
        compiled: It comes from `torch.compile`, which cannot be looked into while it runs.
    """

    layer: nn.Module
    inputs: tuple[Tensor, ...]
    passes: tuple[str, ...] = ("forward",)
    computes: str | None = None
    compiled: bool = False

    def to(self, device: str) -> Implementation:
        """Return the same on another device."""
        layer, inputs = self.layer.to(device), tuple(tensor.to(device) for tensor in self.inputs)
        return replace(self, layer=layer, inputs=inputs)


Implementations = dict[str, Implementation]


@dataclass(frozen=True)
class Benchmark:
    """Implementations of one thing, or the same one at several sizes.

    Attributes:
        name: What is computed, and where it matters on which shape and in which layout.
        shape: Shape of the input.
        make: Builds the implementations for a shape, with equal weights; tests pass small ones.
        threads: Threads to run on; `None` leaves them as they are.
        peers: Packages of other people that take part where they are installed.
        keeps_memory: Freed memory is kept by the process, as is fair among single operations that allocate alike.
    """

    name: str
    shape: Shape
    make: Callable[[Shape], Implementations]
    threads: int | None = None
    peers: tuple[str, ...] = ()
    keeps_memory: bool = False
