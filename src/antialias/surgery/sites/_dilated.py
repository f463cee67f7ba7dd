"""Find blocks whose stride was turned into dilation: they lost their subsampling, not their filter."""

from __future__ import annotations

from ..dataflow import Graph, Op, Value, follow
from ._find import Candidate, filter_around, is_shortcut

_JOIN = "add"


def find_dilated(graph: Graph) -> list[Candidate]:
    """List the convolutions that had a stride before a network was dilated.

    A dilated stage keeps a stride-1 filter where its stride was, but such a block may show stride 1 and dilation 1
    itself. The sign is the first convolution after it whose dilation is larger than all before. If an identity runs
    around that convolution, its block had no stride, and the stage began at the nearest earlier block without one, with
    the first convolution beside its shortcut.

    Source: Zou et al., BMVC 2020, section 4.3 (DeepLab); facts of placement in the documentation.
    """
    candidates: dict[Op, Candidate] = {}
    for growth in graph.ops:
        if not _is_growth(growth, graph) or (start := _stage_start(growth, graph)) is None:
            continue
        beside = _around(start, graph)
        for op in (start, beside if isinstance(beside, Op) and is_shortcut(beside) else None):
            if op is None or op in candidates or max(op.settings["stride"]) > 1:
                continue
            if op.call is None or op.call.name is None:
                continue
            if is_shortcut(op):
                kind, filtered = "dilated shortcut", bool(op.input.producer and filter_around(op.input.producer))
            else:
                readers = (reader for step in follow(op.output) for reader in step.value.consumers)
                kind, filtered = "dilated", any(filter_around(reader) for reader in readers)
            leave = "already anti-aliased" if filtered else ""
            candidates[op] = Candidate(op.call.name, kind, (1, 1), [op], op.call.module, leave)
    return list(candidates.values())


def _is_growth(op: Op, graph: Graph) -> bool:
    """Whether a convolution's dilation is larger than all before, and no branch of a pyramid such as ASPP."""
    if not _is_plane(op) or max(op.settings["dilation"]) == 1:
        return False
    before = [max(conv.settings["dilation"]) for conv in graph.ancestors(op) if _is_plane(conv)]
    beside = {max(other.settings["dilation"]) for other in op.input.consumers if other.name == "convolution"}
    return bool(before) and max(op.settings["dilation"]) > max(before) and len(beside) == 1


def _is_plane(op: Op) -> bool:
    if not op.is_spatial or filter_around(op) is not None:
        return False
    return len(op.settings["stride"]) == 2 and not op.settings["transposed"]


def _stage_start(growth: Op, graph: Graph) -> Op | None:
    earlier = [op for op in graph.ancestors(growth) if _is_plane(op)]
    for op in sorted([growth, *earlier], key=lambda op: -op.index):
        around = _around(op, graph)
        if not isinstance(around, Value):
            beside = [other for other in earlier if around is not None and _around(other, graph) is around]
            return min([op, *beside], key=lambda op: op.index)
    return None


def _around(op: Op, graph: Graph) -> Op | Value | None:
    """Return what runs around `op` to the next sum: a convolution, an earlier value (an identity), or nothing."""
    reached = {op}
    for later in graph.ops[op.index + 1 :]:
        sources = [value.producer in reached for value in later.inputs]
        if not any(sources):
            continue
        if later.name != _JOIN or len(sources) != 2:
            reached.add(later)
            continue
        if all(sources):
            return None
        value = later.inputs[sources.index(False)]
        while value.producer is not None and len(value.consumers) == 1 and len(value.producer.inputs) == 1:
            if value.producer.name == "convolution":
                return value.producer
            value = value.producer.input
        return value
    return None
