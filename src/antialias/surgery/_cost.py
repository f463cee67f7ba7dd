"""Count multiply-adds of an observed forward pass."""

from __future__ import annotations

import math

from ._graph import Graph, Op


def network_macs(graph: Graph) -> int:
    """Return the multiply-adds of all convolutions and matrix products in `graph`."""
    return sum(_macs(op) for op in graph.ops)


def _macs(op: Op) -> int:
    if op.name == "convolution":
        at = op.input if op.settings["transposed"] else op.output
        return at.shape[0] * math.prod(at.shape[2:]) * math.prod(op.weight.shape)
    if op.name in ("addmm", "mm", "bmm", "baddbmm"):
        return math.prod(op.output.shape) * _inner(op)
    return 0


def _inner(op: Op) -> int:
    factors = [value.shape for value in op.inputs if len(value.shape) > 1]
    return factors[0][-1] if factors else 0
