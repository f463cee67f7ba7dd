"""Follow sampling grids through a network: which maps lie on the same grid, and where a finer grid is entered again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..dataflow import Graph, Op, Value, pair
from ..sites import Candidate

_REDUCING = frozenset({"mean", "sum", "amax", "_adaptive_avg_pool2d", "adaptive_max_pool2d"})
_FLATTENING = frozenset({"view", "_unsafe_view", "reshape", "flatten"})

Grid = tuple[int, ...]
"""The numbers of the sites that subsampled on the way from the network's input, in order."""


@dataclass
class Grids:
    """What following the grids found.

    Attributes:
        before: The grid of the maps that each site subsamples, by its number.
        returns: Upsampling operations, each with the sites whose subsampling it takes back, the finest first.
        notes: Where maps on different grids meet, or a grid is left in a way that no shift survives.
    """

    before: dict[int, Grid] = field(default_factory=dict)
    returns: list[tuple[Op, Grid]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _joined: dict[int, int] = field(default_factory=dict)
    _of: dict[Value, Grid] = field(default_factory=dict)

    def group(self, site: int) -> int:
        """Return the first site that keeps the same samples as `site`."""
        while (other := self._joined.get(site, site)) != site:
            site = other
        return site

    def of(self, value: Value) -> Grid | None:
        """Return the grid of a map, or `None` if it lies on none."""
        return self._of.get(value)

    def join(self, first: int, second: int) -> None:
        """Note that two sites must keep the same samples."""
        low, high = sorted((self.group(first), self.group(second)))
        if low != high:
            self._joined[high] = low


def subsamples(candidate: Candidate) -> bool:
    """Return whether a candidate keeps fewer positions than it reads, rather than making a map larger."""
    return max(candidate.stride) > 1 and not is_upsampling(candidate.op)


def follow_sites(graph: Graph, candidates: Sequence[Candidate]) -> Grids:
    """Follow the grids of `graph` through the sites that subsample, numbered by their place.

    Args:
        graph: The dataflow.
        candidates: What subsamples, and what upsamples.
    """
    sampled = {op: n for n, c in enumerate(candidates) if subsamples(c) for op in c.ops if not is_upsampling(op)}
    return follow_grids(graph, sampled, [candidate.stride for candidate in candidates])


def follow_grids(graph: Graph, sampled: Mapping[Op, int], strides: Sequence[tuple[int, int]]) -> Grids:
    """Follow the grids of `graph`.

    Args:
        graph: The dataflow.
        sampled: Operations that subsample, with the number of their site.
        strides: Stride of each site.
    """
    grids = Grids()
    for op in graph.ops:
        for value in op.inputs:
            if value.producer is None:
                grids._of.setdefault(value, ())
        if (grid := _merged(op, grids)) is None:
            continue
        if op in sampled:
            grids.before[sampled[op]] = grid
            grid = (*grid, sampled[op])
        elif is_upsampling(op):
            grid = _upsampled(op, grid, grids, strides)
        elif op.name in _FLATTENING and _positions(op.input) > 1:
            size = "x".join(map(str, op.input.shape[-2:]))
            if op.output.shape == (op.input.shape[0], math.prod(op.input.shape[1:])):
                grids.notes.append(f"{where(op)} tells positions apart: it flattens a map of {size}")
        if op.name not in _REDUCING or _positions(op.output) > 1:
            grids._of |= {value: grid for value in op.outputs if len(value.shape) >= 4}
    return grids


def _merged(op: Op, grids: Grids) -> Grid | None:
    """Return the grid of an operation's maps, after noting that those that meet there are one."""
    known = [(value, grids._of[value]) for value in op.inputs if value in grids._of]
    size = max((_positions(value) for value, _ in known), default=0)
    met = [grid for value, grid in known if _positions(value) == size]
    for other in met[1:]:
        if len(other) != len(met[0]):
            grids.notes.append(f"{where(op)} joins maps that were subsampled {len(met[0])} and {len(other)} times")
        for first, second in zip(met[0], other, strict=False):
            grids.join(first, second)
    return met[0] if met else None


def _upsampled(op: Op, grid: Grid, grids: Grids, strides: Sequence[tuple[int, int]]) -> Grid:
    """Return the grid after an upsampling, noted as one that repeats samples or as one that does not."""
    before, after = op.input.shape[2:], op.output.shape[2:]
    if before == after or not grid:
        return grid
    factor = tuple(large / small for small, large in zip(before, after, strict=True))
    left, taken = grid, (1, 1)
    while left and max(taken) < max(factor):
        taken = tuple(t * s for t, s in zip(taken, strides[left[-1]], strict=True))
        left = left[:-1]
    repeats = op.name == "upsample_nearest2d"
    if op.name == "convolution":
        repeats = tuple(op.weight.shape[2:]) == pair(op.settings["stride"]) and not any(op.settings["padding"])
    if taken == factor and repeats:
        grids.returns.append((op, grid[len(left) :]))
    else:
        small, large = ("x".join(map(str, size[-2:])) for size in (before, after))
        grids.notes.append(
            f"{where(op)} does not take back a subsampling sample by sample: {op.name} from {small} to {large}"
        )
    return left


def is_upsampling(op: Op) -> bool:
    """Return whether an operation makes maps larger."""
    if op.name.startswith("upsample_"):
        return any(after > before for before, after in zip(op.input.shape, op.output.shape, strict=True))
    return op.name == "convolution" and bool(op.settings["transposed"])


def where(op: Op) -> str:
    """Name the module that performs an operation."""
    return op.module_name or "the network itself"


def _positions(value: Value) -> int:
    return value.shape[-1] * value.shape[-2] if len(value.shape) >= 4 else 0
