"""What polyphase subsampling needs beyond its layers: one phase for maps that are added, circular borders, returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from torch import nn

from antialias.nn import Filter, PolyphasePool2d

from ._borders import circular_borders
from ._edits import Edit, FilterEdit, Insert, Retune, ReturnPhase, SharePhase, Slide
from ._graph import Graph, Op
from ._grids import Grids, follow_grids, is_upsampling, where
from ._plan import Site
from ._sites import Found, both


class Arrangement(NamedTuple):
    """The sites, and the changes to the rest of the network.

    Attributes:
        sites: The sites, without the parameters of layers that follow another one's choice.
        edits: Shared phases, returns and circular borders.
        notes: Where exactness under circular shifts is lost, and why.
    """

    sites: tuple[Site, ...]
    edits: tuple[Edit, ...] = ()
    notes: tuple[str, ...] = ()


def arrange(graph: Graph, found: Sequence[Found], sites: Sequence[Site], config: Filter) -> Arrangement:
    """Arrange for a network with polyphase subsampling to move with circular shifts of the picture, where it can.

    Args:
        graph: The dataflow.
        found: What subsamples.
        sites: What was decided for each of `found`, then sites that are not called.
        config: The filter.
    """
    pairs = list(zip(found, sites, strict=False))
    sampled = {op: n for n, (f, _) in enumerate(pairs) if max(f.stride) > 1 for op in f.ops if not is_upsampling(op)}
    grids = follow_grids(graph, sampled, [both(f.stride) for f in found])
    leaders = _leaders(graph, pairs, grids)
    notes = [*_strided(pairs), *_indivisible(pairs, grids), *grids.notes]
    edits = [*_shares(pairs, grids, leaders, notes), *_returns(graph, grids, leaders, notes)]
    if config.padding_mode == "circular":
        borders = circular_borders(graph, _retuned(sites))
        edits, notes = [*edits, *borders.edits], [*notes, *borders.notes]
    else:
        notes.append(f"borders are continued by padding_mode={config.padding_mode!r}, not 'circular'")
    return Arrangement(tuple(_without_judges(sites, edits, config)), tuple(edits), tuple(dict.fromkeys(notes)))


def _strided(pairs: Sequence[tuple[Found, Site]]) -> Iterator[str]:
    for found, site in pairs:
        if site.action == "leave" and max(found.stride) > 1 and not is_upsampling(found.op):
            yield f"{site.name} keeps its stride: {site.reason}"


def _indivisible(pairs: Sequence[tuple[Found, Site]], grids: Grids) -> Iterator[str]:
    for number, (found, site) in enumerate(pairs):
        stride = both(found.stride)
        size = _size_before(number, pairs, grids)
        if site.action == "filter" and any(n % s for n, s in zip(size, stride, strict=True)):
            yield f"{site.name} subsamples a map of {'x'.join(map(str, size))}, no multiple of its stride {stride}"


def _size_before(number: int, pairs: Sequence[tuple[Found, Site]], grids: Grids) -> tuple[int, ...]:
    """Return the size that the map before a site has where each layer keeps it and only strides divide it."""
    grid = grids.before.get(number, ())
    if not grid:
        return pairs[number][1].input_size
    before, stride = _size_before(grid[-1], pairs, grids), both(pairs[grid[-1]][0].stride)
    return tuple(-(-n // s) for n, s in zip(before, stride, strict=True))


def _leaders(graph: Graph, pairs: Sequence[tuple[Found, Site]], grids: Grids) -> dict[int, FilterEdit]:
    """Return, for each group of sites, the layer that runs first."""
    layers = [(n, edit) for n, (_, site) in enumerate(pairs) for edit in site.edits if isinstance(edit, FilterEdit)]
    leaders: dict[int, FilterEdit] = {}
    for number, edit in sorted(layers, key=lambda layer: _when(graph, pairs[layer[0]][0].op, layer[1])):
        if max(edit.stride) > 1:
            leaders.setdefault(grids.group(number), edit)
    return leaders


def _when(graph: Graph, op: Op, edit: FilterEdit) -> int:
    if not isinstance(edit, Insert):
        return op.index
    call = next(call for call in graph.calls if call.name == edit.module)
    return call.first if edit.side == "input" else call.last


def _shares(
    pairs: Sequence[tuple[Found, Site]], grids: Grids, leaders: Mapping[int, FilterEdit], notes: list[str]
) -> Iterator[SharePhase]:
    for number, (_, site) in enumerate(pairs):
        leader = leaders.get(grids.group(number))
        for edit in site.edits:
            if leader is None or not isinstance(edit, FilterEdit) or edit is leader or max(edit.stride) == 1:
                continue
            if edit.stride != leader.stride:
                notes.append(f"{site.name} has stride {edit.stride}, and meets maps of stride {leader.stride}")
            else:
                yield SharePhase(module=edit.module, child=edit.child, leader=leader.path)


def _returns(graph: Graph, grids: Grids, leaders: Mapping[int, FilterEdit], notes: list[str]) -> Iterator[ReturnPhase]:
    for op, sites in grids.returns:
        pools = [leaders[group].path for group in map(grids.group, sites) if group in leaders]
        if len(pools) < len(sites):
            continue  # a stride that is kept is noted already
        if (why_not := _why_not_returned(graph, op)) != "":
            notes.append(f"{where(op)} {why_not}")
        else:
            assert op.call is not None
            yield ReturnPhase(module=op.call.name or "", index=_index(graph, op), pools=tuple(pools))


def _why_not_returned(graph: Graph, op: Op) -> str:
    if op.call is None or op.call.name is None:
        return "upsamples in a module that the network does not hold"
    if len(graph.calls_of(op.call.module)) > 1:
        return "upsamples, and is called several times"
    if op.name == "convolution" and not isinstance(op.call.module, nn.ConvTranspose2d):
        return "calls a transposed convolution as a function"
    return ""


def _index(graph: Graph, op: Op) -> int:
    """Return which `interpolate` of its module's forward, those of modules inside included, or -1 for a layer's own."""
    assert op.call is not None
    if isinstance(op.call.module, (nn.Upsample, nn.ConvTranspose2d)):
        return -1
    inside = graph.ops[op.call.first : op.call.last]
    return [other for other in inside if other.name.startswith("upsample_")].index(op)


def _retuned(sites: Sequence[Site]) -> dict[str, Mapping[str, Any]]:
    edits = [edit for site in sites for edit in site.edits]
    slid: dict[str, Mapping[str, Any]] = {edit.module: {} for edit in edits if isinstance(edit, Slide)}
    return slid | {edit.module: edit.attributes for edit in edits if isinstance(edit, Retune)}


def _without_judges(sites: Sequence[Site], edits: Sequence[Edit], config: Filter) -> Iterator[Site]:
    following = {(edit.module, edit.child) for edit in edits if isinstance(edit, SharePhase)}
    for site in sites:
        spared = 0
        for edit in site.edits:
            if isinstance(edit, FilterEdit) and (edit.module, edit.child) in following:
                spared += _judge(edit.build(config))
        yield replace(site, parameters=site.parameters - spared)


def _judge(layer: nn.Module) -> int:
    judge = layer.judge if isinstance(layer, PolyphasePool2d) else None
    return sum(p.numel() for p in judge.parameters()) if judge is not None else 0
