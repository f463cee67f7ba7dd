"""How an operation gives up its stride and keeps the map: sampled with the old stride, it is what it was."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..dataflow import Graph, pair
from ..edits import Edit, KeepPhase, SetAttributes, Stride1Pool
from ._find import Candidate


def why_not_at_stride_1(candidate: Candidate, graph: Graph) -> str:
    """Say why the module of a candidate cannot run at stride 1; empty if it can."""
    module: Any = candidate.module
    if len(candidate.ops) != len(graph.calls_of(module)):
        return f"{type(module).__name__} does not do the same in each of its calls"
    if max(candidate.stride) > 1 and pair(module.stride) != candidate.stride:
        return f"its stride {module.stride} is not the stride {candidate.stride} it runs with"
    own_forward = type(module).forward not in (nn.MaxPool2d.forward, nn.AvgPool2d.forward)
    if "pool" in candidate.kind and module.ceil_mode and own_forward:
        return f"ceil_mode in a forward of {type(module).__name__}'s own"
    return ""


def at_stride_1(candidate: Candidate, placement: str, circular: bool) -> list[Edit]:
    """Plan the edits that take a module's stride away.

    Args:
        candidate: What subsamples, by a module of its own.
        placement: `"exact"` keeps the window of a pool; `"paper"` shrinks it, or leaves it to the filter.
        circular: Borders close to a circle, where no window hangs over the end.
    """
    module: Any = candidate.module
    name, kind, stride = candidate.call.name or "", candidate.kind, candidate.stride
    if max(stride) == 1:
        return []
    if placement == "paper" and kind == "average pool":
        nothing = {"kernel_size": 1, "stride": 1, "padding": 0, "ceil_mode": False}
        return [SetAttributes(module=name, attributes=nothing)]
    slides = type(module) is nn.MaxPool2d and not (module.ceil_mode or module.return_indices)
    if placement == "paper" and kind == "max pool" and max(pair(module.padding)) > 0:
        kernel = tuple(k - p for k, p in zip(pair(module.kernel_size), pair(module.padding), strict=True))
        smaller = SetAttributes(module=name, attributes={"kernel_size": kernel, "padding": 0})
        return [smaller, Stride1Pool(module=name) if slides else SetAttributes(module=name, attributes={"stride": 1})]
    if "pool" in kind and module.ceil_mode:
        flat = SetAttributes(module=name, attributes={"stride": 1, "ceil_mode": False})
        return [flat if circular else Stride1Pool(module=name)]
    follows = _pads_for_stride(candidate)
    if slides and not follows:
        return [Stride1Pool(module=name)]
    at_1 = SetAttributes(module=name, attributes={"stride": 1 if isinstance(module.stride, int) else (1, 1)})
    return [at_1, KeepPhase(module=name, stride=stride)] if follows else [at_1]


def _pads_for_stride(candidate: Candidate) -> bool:
    """Whether the layer pads by its stride; timm's "same" layers say so in their name."""
    pad = candidate.op.input.producer
    inside = candidate.call.holds(pad) and pad is not None and pad.name == "constant_pad_nd"
    unpadded = not max(pair(getattr(candidate.module, "padding", 0)))
    return "Same" in type(candidate.module).__name__ and (inside or unpadded)
