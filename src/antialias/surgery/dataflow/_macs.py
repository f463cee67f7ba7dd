"""Count multiply-adds of an observed forward pass."""

from __future__ import annotations

import math

from ._graph import Graph


def network_macs(graph: Graph) -> int:
    """Return the multiply-adds of all convolutions and matrix products in `graph`."""
    macs = 0
    for op in graph.ops:
        if op.name == "convolution":
            at = op.input if op.settings["transposed"] else op.output
            macs += at.shape[0] * math.prod(at.shape[2:]) * math.prod(op.weight.shape)
        elif op.name in ("addmm", "mm", "bmm", "baddbmm"):
            factors = [value.shape for value in op.inputs if len(value.shape) > 1]
            macs += math.prod(op.output.shape) * (factors[0][-1] if factors else 0)
    return macs
