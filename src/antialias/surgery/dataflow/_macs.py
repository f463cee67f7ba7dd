"""Count multiply-adds of an observed forward pass."""

from __future__ import annotations

import math

from ._graph import Graph, Op


def network_macs(graph: Graph) -> int:
    """Return the multiply-adds of all convolutions and matrix products in `graph`."""
    return sum(map(op_macs, graph.ops))


def op_macs(op: Op) -> int:
    """Return the multiply-adds of one operation; 0 if it is no convolution and no matrix product."""
    if op.name == "convolution":
        at = op.input if op.settings["transposed"] else op.output
        return at.shape[0] * math.prod(at.shape[2:]) * math.prod(op.weight.shape)
    if op.name in ("addmm", "mm", "bmm", "baddbmm"):
        factors = [value.shape for value in op.inputs if len(value.shape) > 1]
        return math.prod(op.output.shape) * (factors[0][-1] if factors else 0)
    return 0
