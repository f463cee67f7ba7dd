"""Find blocks whose stride was turned into dilation: they lost their subsampling, not their filter."""

from __future__ import annotations

from ._flow import follow
from ._graph import Graph, Op, Value
from ._sites import Found, filter_around, is_shortcut

_JOIN = "add"


def find_dilated(graph: Graph) -> list[Found]:
    """List the convolutions that had a stride before a network was dilated.

    A dilated stage keeps a stride-1 filter where its stride was, but such a block may show stride 1 and dilation 1
    itself. The sign is the first convolution after it whose dilation is larger than all before. If an identity runs
    around that convolution, its block had no stride, and the stage began at the nearest earlier block without one, with
    the first convolution beside its shortcut.

    Source: Zou et al., BMVC 2020, section 4.3 (DeepLab); facts of placement in the documentation.
    """
    sites: dict[Op, Found] = {}
    for op in graph.ops:
        if _is_growth(op, graph) and (start := _stage_start(op, graph)) is not None:
            for conv in (start, _projection(start, graph)):
                if conv is not None and conv not in sites and max(conv.settings["stride"]) == 1:
                    sites[conv] = _found(conv)
    return [site for site in sites.values() if site.module is not None]


def _found(op: Op) -> Found:
    call = op.call
    kind = "dilated shortcut" if is_shortcut(op) else "dilated"
    named = call is not None and call.name is not None
    leave = "already anti-aliased" if _is_filtered(op, kind) else ""
    return Found(call.name or "" if call else "", kind, (1, 1), [op], call.module if call and named else None, leave)


def _is_filtered(op: Op, kind: str) -> bool:
    if kind == "dilated shortcut":
        return op.input.producer is not None and filter_around(op.input.producer) is not None
    return any(filter_around(reader) for step in follow(op.output) for reader in step.value.consumers)


def _is_growth(op: Op, graph: Graph) -> bool:
    if not _is_plane(op) or max(op.settings["dilation"]) == 1:
        return False
    before = [max(conv.settings["dilation"]) for conv in graph.ancestors(op) if _is_plane(conv)]
    return bool(before) and max(op.settings["dilation"]) > max(before) and not _is_parallel(op)


def _is_plane(op: Op) -> bool:
    if not op.is_spatial or filter_around(op) is not None:
        return False
    return len(op.settings["stride"]) == 2 and not op.settings["transposed"]


def _is_parallel(op: Op) -> bool:
    """Branches of several dilations on one value are a pyramid, such as ASPP, and no stage."""
    siblings = [other for other in op.input.consumers if other.name == "convolution"]
    return len({max(other.settings["dilation"]) for other in siblings}) > 1


def _stage_start(growth: Op, graph: Graph) -> Op | None:
    earlier = [op for op in graph.ancestors(growth) if _is_plane(op)]
    for op in sorted([growth, *earlier], key=lambda op: -op.index):
        around = _around(op, graph)
        if not isinstance(around, Value):
            beside = [other for other in earlier if around is not None and _around(other, graph) is around]
            return min([op, *beside], key=lambda op: op.index)
    return None


def _projection(start: Op, graph: Graph) -> Op | None:
    around = _around(start, graph)
    return around if isinstance(around, Op) and is_shortcut(around) else None


def _around(op: Op, graph: Graph) -> Op | Value | None:
    """Return what runs around `op` to the next sum: a convolution, an earlier value (an identity), or nothing."""
    reached = {op}
    for later in graph.ops[op.index + 1 :]:
        sources = [value.producer in reached for value in later.inputs]
        if not any(sources):
            continue
        if later.name == _JOIN and len(sources) == 2:
            return None if all(sources) else _origin(later.inputs[sources.index(False)])
        reached.add(later)
    return None


def _origin(value: Value) -> Op | Value:
    while value.producer is not None and len(value.consumers) == 1 and len(value.producer.inputs) == 1:
        if value.producer.name == "convolution":
            return value.producer
        value = value.producer.input
    return value
