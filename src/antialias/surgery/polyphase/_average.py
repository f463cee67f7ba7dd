"""Plan what averaging over sampling phases needs: which sites split together, what they meet, what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from antialias.nn import PhaseAverage, PhaseSplit2d

from .._plan import Site
from ..dataflow import Graph, Op, Value, network_macs, op_macs, pair
from ..edits import (
    AveragePhases,
    Edit,
    EndPhases,
    FusePhases,
    Insert,
    JoinPhases,
    MoveInput,
    Patch,
    Steps,
    WrapEnd,
    joins,
)
from ..sites import Candidate, Rules, filter_around
from ._grids import Grid, Grids, follow_sites, where

_MOST_RUNS = 16


@dataclass(frozen=True)
class PhaseGroup:
    """Sites whose maps meet, so that they have to keep the same samples.

    Attributes:
        sites: Their numbers, in order of execution.
        stride: The stride that they share.
        pitch: Rows and columns of the image from one position of the map they subsample to the next.
    """

    sites: tuple[int, ...]
    stride: tuple[int, int]
    pitch: tuple[int, int]


@dataclass(frozen=True)
class PhasePlan:
    """The sites, and the changes to the rest of the network.

    Attributes:
        sites: The sites, those of groups that are not selected left.
        edits: What repeats maps that meet phases, and the average of the answers.
    """

    sites: tuple[Site, ...]
    edits: tuple[Edit, ...]


def group_sites(
    graph: Graph,
    candidates: Sequence[Candidate],
    sites: Sequence[Site],
    reasons: dict[int, str] | None = None,
) -> list[PhaseGroup]:
    """Return the groups of sites that have to split together and can, from the input to the deepest.

    Args:
        graph: The dataflow.
        candidates: What subsamples.
        sites: What was decided for each of `candidates`, with every site selected.
        reasons: Takes up, by the number of its site, why a group cannot.
    """
    possible, grids = [], follow_sites(graph, candidates)
    for group in _groups(graph, candidates, sites, grids):
        if reason := _why_not(graph, candidates, sites, group, grids):
            if reasons is not None:
                reasons |= dict.fromkeys(group.sites, reason)
        else:
            possible.append(group)
    return possible


def ends_before(graph: Graph, candidates: Sequence[Candidate], groups: Sequence[PhaseGroup]) -> list[str]:
    """Return for each group where phases of what comes before may end: a module whose map is all that follows reads.

    Of several between it and the group before, it is the one with the smallest map, and of these the last: in inverted
    residual blocks the linear bottleneck, of which the average over phases is what the next block should see. Empty
    where something bypasses all of them.

    Args:
        graph: The dataflow.
        candidates: What subsamples.
        groups: Groups of these.
    """
    last_read = {
        value: max((op.index for op in value.consumers), default=-1) for op in graph.ops for value in op.inputs
    }
    last_read |= {value: len(graph.ops) for value in graph.outputs if value is not None}
    live = {value for op in graph.ops for value in op.inputs if value.producer is None}
    alone: dict[int, tuple[int, str]] = {}
    for op in graph.ops:
        live |= {value for value in op.outputs if value in last_read}
        live = {value for value in live if last_read[value] > op.index}
        if len(live) == 1 and len((value := next(iter(live))).shape) == 4 and value.producer is not None:
            names = [c.name for c in graph.returning(value) if c.name and len(graph.calls_of(c.module)) == 1]
            if names:
                alone[op.index] = math.prod(value.shape), names[-1]
    ends, after = list[str](), -1
    for group in groups:
        first = min(candidates[n].op.index for n in group.sites)
        between = {index: found for index, found in alone.items() if after < index < first}
        ends.append(between[min(between, key=lambda index: (between[index][0], -index))][1] if between and ends else "")
        after = max(candidates[n].op.index for n in group.sites)
    return ends


def pitches(graph: Graph, candidates: Sequence[Candidate]) -> dict[int, tuple[int, int]]:
    """Return how many rows and columns of the image lie between positions of the map that each site subsamples.

    Args:
        graph: The dataflow.
        candidates: What subsamples; those that are not followed to the image are left out.
    """
    strides = [candidate.stride for candidate in candidates]
    return {number: _pitch(grid, strides) for number, grid in follow_sites(graph, candidates).before.items()}


def plan_phases(
    graph: Graph,
    candidates: Sequence[Candidate],
    sites: Sequence[Site],
    rules: Rules,
    model: nn.Module,
    filtered: Mapping[str, str],
) -> PhasePlan:
    """Plan an average over phases at the sites that the rules select, or at the deepest group of them.

    Args:
        graph: The dataflow.
        candidates: What subsamples.
        sites: What was decided for each of `candidates`, with every site selected; then sites that are not called.
        rules: What the user asked for.
        model: The network.
        filtered: Names of filters that it has, with those of the sites that they were given to, which select them, too.

    Raises:
        ValueError: The runs multiply to more than 16, phases are averaged already, or something meets the phases that
            cannot be repeated.
    """
    config = rules.filter
    assert isinstance(config, PhaseAverage)
    if any(isinstance(module, PhaseSplit2d) for module in model.modules()):
        raise ValueError(
            f"{type(model).__name__} averages phases already. Call conversion_of(model).revert_() first, and name all "
            "groups of sites that are wanted in one where=."
        )
    grids = follow_sites(graph, candidates)
    groups = _groups(graph, candidates, sites, grids)
    if rules.where is None:
        groups = [one for one in groups if not _why_not(graph, candidates, sites, one, grids)][-1:] or groups[:1]
    else:
        names = [{site.name, filtered.get(site.name, site.name)} for site in sites]
        groups = [
            group
            for group in groups
            if any(rules.selects(replace(sites[n], name=name)) for n in group.sites for name in names[n])
        ]
        if takes_list(graph) and not groups:
            raise ValueError(
                f"{type(model).__name__} takes a list of images, as detectors do: its phases are averaged at the input "
                "alone. Leave where out, or name its first strided operation."
            )
    chosen = {n for group in groups for n in group.sites}
    left = "not selected by `where`" if rules.where is not None else "not in the last group of sites that can split"
    kept = [
        site
        if n in chosen or site.action == "leave"
        else replace(site, action="leave", place="", reason=left, macs=0, parameters=0, edits=())
        for n, site in enumerate(sites)
    ]
    if config.phases == 1:
        alone = "phases=1: the network as it is"
        return PhasePlan(tuple(replace(s, edits=(), macs=0, reason=alone) if s.edits else s for s in kept), ())
    runs = [len(config.offsets(group.stride)) for group in groups]
    splits = _Splits(graph, candidates, kept, groups, {_end(graph, model, name): name for name in config.until})
    most = max((splits.before(op) for op in graph.ops), key=lambda one: math.prod(runs[g] for g in one), default=())
    if (product := math.prod(runs[g] for g in most)) > _MOST_RUNS:
        raise ValueError(
            f"{' x '.join(str(runs[g]) for g in most)} = {product} runs of the network behind {len(most)} groups of "
            f"sites; {_MOST_RUNS} are the most. Use fewer phases, or fewer groups: where=."
        )
    edits = _plan_joins(graph, candidates, splits, grids)
    if takes_list(graph):
        return PhasePlan(_at_the_input(graph, kept, runs), tuple(edits))
    if config.padding_mode == "circular":
        edits += _wrapped_ends([(candidates[n], kept[n]) for n in sorted(chosen)])
    return PhasePlan(_with_costs(graph, candidates, kept, splits, runs), tuple(edits))


def _end(graph: Graph, model: nn.Module, name: str) -> Value:
    """Return the map that a module of this name returns.

    Raises:
        ValueError: There is none, it runs several times, or returns something else than one map; or the network is a
            detector, whose phases are averaged in its detections alone.
    """
    if takes_list(graph):
        raise ValueError(
            f"{type(model).__name__} takes a list of images, as detectors do, and averages its detections. Leave "
            f"until={name!r} out."
        )
    calls = [call for call in graph.calls if call.name == name]
    if not calls:
        some = ", ".join(name for name, _ in list(model.named_children())[:8])
        raise ValueError(f"until={name!r} is no module of {type(model).__name__} that runs; there are {some}, ...")
    if len(calls) > 1 or calls[0].output is None or len(calls[0].output.shape) != 4:
        what = f"is called {len(calls)} times" if len(calls) > 1 else "does not return one map (N, C, H, W)"
        raise ValueError(f"until={name!r}: it {what}, so that phases cannot be averaged there. Name another module.")
    return calls[0].output


def _why_not(
    graph: Graph, candidates: Sequence[Candidate], sites: Sequence[Site], group: PhaseGroup, grids: Grids
) -> str:
    """Say why the sites of a group cannot split, empty if they can."""
    try:
        _plan_joins(graph, candidates, _Splits(graph, candidates, sites, [group]), grids)
    except ValueError as error:
        return str(error)
    return ""


def _wrapped_ends(chosen: Sequence[tuple[Candidate, Site]]) -> Iterator[WrapEnd]:
    """Yield what lets windows read on in a circle that a phase moves over the end."""
    for candidate, site in chosen:
        module: Any = candidate.module
        size, stride = pair(getattr(module, "kernel_size", 1)), candidate.stride
        if candidate.kind == "filter" or any(isinstance(edit, MoveInput) for edit in site.edits):
            continue
        # A window that does not overlap the next one has no border, until a phase moves it over the end.
        if all(1 <= k <= s for k, s in zip(size, stride, strict=True)) and max(size) > 1:
            yield WrapEnd(module=candidate.name, stride=stride, after=(size[0] - 1, size[1] - 1))


def _groups(graph: Graph, candidates: Sequence[Candidate], sites: Sequence[Site], grids: Grids) -> list[PhaseGroup]:
    """Return the groups of sites that share a grid, of those in which every site has a place to split.

    A detector, which resizes its images, has one at most: its first strided operation, for the input.
    """
    if takes_list(graph):
        stems = [n for n, candidate in enumerate(candidates) if candidate.kind == "stem"][:1]
        return [PhaseGroup((n,), candidates[n].stride, (1, 1)) for n in stems]
    strides = [candidate.stride for candidate in candidates]
    members: dict[int, list[int]] = {}
    for number in sorted(grids.before):
        members.setdefault(grids.group(number), []).append(number)
    return [
        PhaseGroup(tuple(numbers), strides[numbers[0]], _pitch(grids.before[numbers[0]], strides))
        for numbers in members.values()
        if len({strides[n] for n in numbers}) == 1 and all(sites[n].action == "filter" for n in numbers)
    ]


def _plan_joins(graph: Graph, candidates: Sequence[Candidate], splits: _Splits, grids: Grids) -> list[Edit]:
    """Plan what repeats maps that meet phases, and the average of the answers.

    Raises:
        ValueError: Something meets the phases that cannot be repeated.
    """
    groups, strides, ended = splits.groups, [candidate.stride for candidate in candidates], splits.ended

    def steps(groups_of: Sequence[int], value: Value) -> tuple[Steps, ...]:
        """Say how far a phase of each group moves a map."""
        if len(value.shape) != 4 or value.shape[-1] * value.shape[-2] == 1:
            return tuple((*groups[g].stride, 0.0, 0.0) for g in groups_of)
        down, right = _pitch_of(value, graph, grids, strides)
        return tuple((*groups[g].stride, groups[g].pitch[0] / down, groups[g].pitch[1] / right) for g in groups_of)

    if takes_list(graph):
        return [FusePhases(module="", stride=group.stride) for group in groups]
    edits: list[Edit] = []
    for value, name in splits.ends.items():
        if value not in ended:
            raise ValueError(
                f"until={name!r}: no phases run there; {', '.join(candidates[n].name for g in groups for n in g.sites)}"
                " lie behind it, or end before it. Name a module between the sites and the answers, or leave it out."
            )
        edits.append(EndPhases(module=name, groups=steps(ended[value], value)))
    if ended:
        last = max(value.producer.index for value in ended if value.producer is not None)
        over = {g for split in ended.values() for g in split}
        for op in graph.ops[last + 1 :]:
            if over & set(splits.before(op)):
                raise ValueError(
                    f"{where(op)} reads a map that still is in phases, which bypasses {', '.join(splits.ends.values())}"
                    f" ({op.name}). Name a module in until= behind which nothing reads what lies before it."
                )
    for op in graph.ops:
        most = splits.before(op)
        fewer = [value for value in op.inputs if splits.of(value, op) != most]
        if not fewer:
            continue
        moves = {steps(most[len(splits.of(value, op)) :], value) for value in fewer}
        if reason := _why_not_joined(op, splits, moves, graph):
            raise ValueError(
                f"{where(op)} joins phases with what is before the split ({op.name}), and {reason}. Average phases "
                "further up, where both are behind the split, or at the input."
            )
        assert op.call is not None
        same = [o for o in graph.ops[op.call.first : op.call.last] if o.name == op.name and joins(o)]
        (repeats,) = moves
        edits.append(JoinPhases(module=op.call.name or "", function=op.name, index=same.index(op), groups=repeats))
    for value in graph.outputs:
        if value is not None and (splits.of(value) or ended) and len(value.shape) not in (2, 4):
            raise ValueError(
                f"the network returns {tuple(value.shape)}: neither one answer for each image (N, K) nor maps "
                "(N, C, H, W), so that there is no telling what an average over phases would mix. Convert the part of "
                "it that returns one of these."
            )
    outputs = tuple(steps(splits.of(v), v) if v is not None else () for v in graph.outputs)
    return [*edits, AveragePhases(module="", outputs=outputs, ended=bool(ended))]


def _pitch(grid: Grid, strides: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return math.prod(strides[n][0] for n in grid), math.prod(strides[n][1] for n in grid)


def _at_the_input(graph: Graph, sites: Sequence[Site], runs: Sequence[int]) -> tuple[Site, ...]:
    """Return the sites of a detector, which runs as a whole for each phase."""
    macs = network_macs(graph) * (math.prod(runs) - 1)
    why = "the images moved: detections are moved back and fused"
    return tuple(
        replace(site, place="input of the network", reason=why, macs=macs, parameters=0, edits=())
        if site.action == "filter"
        else site
        for site in sites
    )


def takes_list(graph: Graph) -> bool:
    """Return whether the network took single images `(C, H, W)`."""
    images = [value for op in graph.ops for value in op.inputs if value.producer is None]
    return bool(images) and all(len(value.shape) == 3 for value in images)


def _pitch_of(value: Value, graph: Graph, grids: Grids, strides: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return how many rows and columns of the image lie between positions of a map.

    Raises:
        ValueError: The map was not followed to the image, and no multiple of its size is the image's.
    """
    if (grid := grids.of(value)) is not None:
        return _pitch(grid, strides)
    image = next(v for op in graph.ops for v in op.inputs if v.producer is None and len(v.shape) == 4)
    if any(whole % part for whole, part in zip(image.shape[2:], value.shape[2:], strict=True)):
        raise ValueError(
            f"a map of {value.shape[-2]}x{value.shape[-1]} cannot be followed to the image of "
            f"{image.shape[-2]}x{image.shape[-1]}, so that there is no telling how far a phase moves it."
        )
    return image.shape[-2] // value.shape[-2], image.shape[-1] // value.shape[-1]


class _Splits:
    """Which groups split each value, in the order in which they do.

    Args:
        graph: The dataflow.
        candidates: What subsamples.
        sites: What was decided for each of `candidates`.
        groups: The sites that split, together.
        ends: Maps that are averaged over the phases that run there, with the names of what returns them.

    Attributes:
        ended: For each of these maps that is in phases, the groups that split it.
    """

    def __init__(
        self,
        graph: Graph,
        candidates: Sequence[Candidate],
        sites: Sequence[Site],
        groups: Sequence[PhaseGroup],
        ends: Mapping[Value, str] | None = None,
    ) -> None:
        self.groups, self.ends = groups, ends or {}
        self.ended: dict[Value, tuple[int, ...]] = {}
        self._of: dict[Value, tuple[int, ...]] = {}
        self._entering: dict[tuple[Op, Value], int] = {}  # split at the input of a module, for what is inside of it
        made: dict[Value, int] = {}
        for number, group in enumerate(groups):
            for n in group.sites:
                for edit in sites[n].edits:
                    if isinstance(edit, Patch):
                        made |= {op.output: number for op in candidates[n].ops}
                    elif isinstance(edit, Insert):
                        for call in (call for call in graph.calls if call.name == edit.module):
                            if edit.side == "output" and call.output is not None:
                                made[call.output] = number
                            elif edit.side == "input" and call.input is not None:
                                inside = graph.ops[call.first : call.last]
                                self._entering |= {(op, call.input): number for op in inside if call.input in op.inputs}
        for op in graph.ops:
            before = self.before(op)
            for value in op.outputs:
                split = (*before, made[value]) if value in made else before
                if value in self.ends and split:
                    self.ended[value], split = split, ()
                self._of[value] = split

    def of(self, value: Value, op: Op | None = None) -> tuple[int, ...]:
        """Return the groups that split a value, or what an operation reads of it."""
        groups = self._of.get(value, ())
        return (*groups, self._entering[op, value]) if op is not None and (op, value) in self._entering else groups

    def before(self, op: Op) -> tuple[int, ...]:
        """Return the groups that split what an operation reads."""
        return max((self.of(value, op) for value in op.inputs), key=len, default=())


def _why_not_joined(op: Op, splits: _Splits, moves: set[tuple[Steps, ...]], graph: Graph) -> str:
    """Say why what an operation joins to phases cannot be repeated; empty if it can."""
    most = splits.before(op)
    if any(split != most[: len(split)] for split in (splits.of(value, op) for value in op.inputs)):
        return "its maps were split by different groups"
    if len(moves) > 1:
        return "its maps were split by different groups, or lie on different grids"
    if any(step != round(step) for steps in moves for group in steps for step in group):
        return "a phase moves the map by less than a position"
    if not joins(op):
        return "only sums, products and concatenations are known to join them"
    if op.call is None or op.call.name is None or filter_around(op) is not None:
        return "no named module of the network does it"
    if "forward" in op.call.module.__dict__:
        return f"the forward of {op.call.name} is replaced already"
    if len(graph.calls_of(op.call.module)) > 1:
        return f"{op.call.name} is called several times"
    return ""


def _with_costs(
    graph: Graph,
    candidates: Sequence[Candidate],
    sites: Sequence[Site],
    splits: _Splits,
    runs: Sequence[int],
) -> tuple[Site, ...]:
    """Return the sites with what each group costs at its first site: what follows runs once for each phase."""
    groups, costs = splits.groups, [0] * len(splits.groups)
    for op in graph.ops:
        split_by = splits.before(op)
        for i, group in enumerate(split_by):
            costs[group] += op_macs(op) * math.prod(runs[g] for g in split_by[:i]) * (runs[group] - 1)
    counted = list(sites)
    for number, group in enumerate(groups):
        for n in group.sites:
            around = math.prod(runs[g] for g in splits.before(candidates[n].op) if g != number)
            counted[n] = replace(sites[n], macs=sites[n].macs * around + (costs[number] if n == group.sites[0] else 0))
    return tuple(counted)
