"""Plan what polyphase subsampling needs: one phase for maps that are added, returns of a phase, circular borders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from antialias.nn import Filter, PolyphasePool2d

from .._plan import Site
from ..dataflow import Graph, Op
from ..edits import Edit, FilterEdit, Insert, ReturnPhase, SetAttributes, SharePhase, Stride1Pool
from ..sites import Candidate
from ._borders import circular_borders
from ._grids import Grids, follow_sites, subsamples, where


@dataclass(frozen=True)
class PolyphasePlan:
    """The sites, and the changes to the rest of the network.

    Attributes:
        sites: The sites, without the parameters of layers that follow another one's phase.
        edits: Shared phases, returns and circular borders.
        notes: Where exactness under circular shifts is lost, and why.
    """

    sites: tuple[Site, ...]
    edits: tuple[Edit, ...] = ()
    notes: tuple[str, ...] = ()


def plan_polyphase(
    graph: Graph, candidates: Sequence[Candidate], sites: Sequence[Site], config: Filter
) -> PolyphasePlan:
    """Plan for a network with polyphase subsampling to move with circular shifts of the image, where it can.

    Without a `phase` in the filter, or sites that get one, there is nothing to plan beyond the sites.

    Args:
        graph: The dataflow.
        candidates: What subsamples.
        sites: What was decided for each of `candidates`, then sites that are not called.
        config: The filter.
    """
    if config.phase is None or all(site.action == "leave" for site in sites):
        return PolyphasePlan(tuple(sites))
    pairs = list(zip(candidates, sites, strict=False))
    grids = follow_sites(graph, candidates)
    leaders = _leaders(graph, pairs, grids)
    left = [site for candidate, site in pairs if subsamples(candidate) and site.action == "leave"]
    notes = [f"{site.name} keeps its stride: {site.reason}" for site in left]
    for number, (candidate, site) in enumerate(pairs):
        size = _size_before(number, pairs, grids) if site.action == "filter" else ()
        if any(n % s for n, s in zip(size, candidate.stride, strict=False)):
            shape = "x".join(map(str, size))
            notes.append(f"{site.name} subsamples a map of {shape}, no multiple of its stride {candidate.stride}")
    notes += grids.notes
    edits = [*_shares(pairs, grids, leaders, notes), *_returns(graph, grids, leaders, notes)]
    sites = _without_scorers(sites, edits, config)
    if config.padding_mode == "circular":
        slides: dict[str, Mapping[str, Any]] = {
            e.module: {} for site in sites for e in site.edits if isinstance(e, Stride1Pool)
        }
        set_to = {e.module: e.attributes for site in sites for e in site.edits if isinstance(e, SetAttributes)}
        borders, open_borders = circular_borders(graph, slides | set_to)
        edits, notes = [*edits, *borders], [*notes, *open_borders]
    else:
        notes.append(f"borders are continued by padding_mode={config.padding_mode!r}, not 'circular'")
    return PolyphasePlan(tuple(sites), tuple(edits), tuple(dict.fromkeys(notes)))


def _size_before(number: int, pairs: Sequence[tuple[Candidate, Site]], grids: Grids) -> tuple[int, ...]:
    """Return the size that the map before a site has where each layer keeps it and only strides divide it."""
    grid = grids.before.get(number, ())
    if not grid:
        return pairs[number][1].input_size
    before, stride = _size_before(grid[-1], pairs, grids), pairs[grid[-1]][0].stride
    return tuple(-(-n // s) for n, s in zip(before, stride, strict=True))


def _leaders(graph: Graph, pairs: Sequence[tuple[Candidate, Site]], grids: Grids) -> dict[int, FilterEdit]:
    """Return, for each group of sites, the layer that runs first."""
    layers: list[tuple[int, int, FilterEdit]] = []
    for number, (candidate, site) in enumerate(pairs):
        for edit in site.edits:
            if isinstance(edit, Insert):
                call = next(call for call in graph.calls if call.name == edit.module)
                layers.append((call.first if edit.side == "input" else call.last, number, edit))
            elif isinstance(edit, FilterEdit):
                layers.append((candidate.op.index, number, edit))
    leaders: dict[int, FilterEdit] = {}
    for _, number, edit in sorted(layers, key=lambda layer: layer[0]):
        if max(edit.stride) > 1:
            leaders.setdefault(grids.group(number), edit)
    return leaders


def _shares(
    pairs: Sequence[tuple[Candidate, Site]], grids: Grids, leaders: Mapping[int, FilterEdit], notes: list[str]
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
        if (reason := _why_not_returned(graph, op)) != "":
            notes.append(f"{where(op)} {reason}")
            continue
        assert op.call is not None
        index = -1  # of a layer's own
        if not isinstance(op.call.module, (nn.Upsample, nn.ConvTranspose2d)):
            inside = graph.ops[op.call.first : op.call.last]
            index = [other for other in inside if other.name.startswith("upsample_")].index(op)
        yield ReturnPhase(module=op.call.name or "", index=index, pools=tuple(pools))


def _why_not_returned(graph: Graph, op: Op) -> str:
    if op.call is None or op.call.name is None:
        return "upsamples in a module that the network does not hold"
    if len(graph.calls_of(op.call.module)) > 1:
        return "upsamples, and is called several times"
    if op.name == "convolution" and not isinstance(op.call.module, nn.ConvTranspose2d):
        return "calls a transposed convolution as a function"
    return ""


def _without_scorers(sites: Sequence[Site], edits: Sequence[Edit], config: Filter) -> list[Site]:
    """Return the sites without the parameters of phase scorers that follow another layer's phase."""
    following = {(edit.module, edit.child) for edit in edits if isinstance(edit, SharePhase)}
    spared = [0] * len(sites)
    for n, site in enumerate(sites):
        for edit in site.edits:
            if isinstance(edit, FilterEdit) and (edit.module, edit.child) in following:
                layer = edit.build(config)
                scorer = layer.judge if isinstance(layer, PolyphasePool2d) else None
                spared[n] += sum(p.numel() for p in scorer.parameters()) if scorer is not None else 0
    return [replace(site, parameters=site.parameters - n) for site, n in zip(sites, spared, strict=True)]
