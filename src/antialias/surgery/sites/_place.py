"""Decide where a filter can sit so that all readers of a value see it filtered exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from antialias.nn import LAYERS

from ..dataflow import Call, Graph, Step, Value, follow, is_norm
from ..edits import Side, is_foldable
from ._find import Candidate

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


@dataclass(frozen=True, eq=False)
class Port:
    """The first input or the output of a module, where a hook can filter.

    Attributes:
        call: A call of the module.
        side: Which end of it.
        value: The value that passes there.
    """

    call: Call
    side: Side
    value: Value

    @property
    def owner(self) -> str:
        """Name of the module."""
        return self.call.name or ""

    def __str__(self) -> str:
        return f"{self.side} of {self.owner}"


@dataclass(frozen=True)
class Place:
    """Where the filters of one site sit, and why there.

    Attributes:
        ports: One port for each filter; several only for a module that is called at several places.
        why: One sentence.
    """

    ports: tuple[Port, ...]
    why: str


def place(
    candidate: Candidate, graph: Graph, taken: frozenset[str] = frozenset(), beside: Sequence[Candidate] = ()
) -> Place | None:
    """Find the place of a filter, or return `None` if none can be proven.

    A place outside of modules that can be folded comes first: folding makes such a module anew from what it holds.

    Args:
        candidate: What subsamples.
        graph: The observed dataflow.
        taken: Names of modules that already hold a filter.
        beside: Branches that are added to the candidate's before anything bends; one filter behind the sum serves all.
    """
    call = candidate.call
    chains = [follow(*(one.ops[n].output for one in (candidate, *beside))) for n in range(len(candidate.ops))]
    if "pool" not in candidate.kind:
        chains = [[s for s in chain if s.activated] + [s for s in chain[::-1] if not s.activated] for chain in chains]
    for folds in (foldable_around(candidate), None) if foldable_around(candidate) else (None,):
        if candidate.kind in ("shortcut", "dilated shortcut") and folds is None and not beside:
            ports = [Port(op.call, "input", op.input) for op in candidate.ops if op.call and op.call.input is op.input]
            if len(ports) == len(graph.calls_of(call.module)) and call.name not in taken:
                return Place((ports[0],), "before the 1x1 convolution, where it costs least and does the same")
        for steps in zip(*chains, strict=False):
            values = [step.value for step in steps]
            batched = all(len(value.shape) == len(candidate.strides) + 2 for value in values)
            if batched and (chosen := _assign(values, graph, taken, folds)):
                return Place(chosen, _why(candidate, steps[0]))
    return None


def foldable_around(candidate: Candidate) -> Call | None:
    """Return the outermost call around a candidate of a module that can be folded, the network itself apart."""
    calls = [call for call in candidate.call.chain() if call.parent is not None]
    return next((call for call in calls[::-1] if is_foldable(call.module)), None)


def _why(candidate: Candidate, chosen: Step) -> str:
    if "pool" in candidate.kind:
        return "after the pool, which keeps its window and loses its stride"
    if chosen.activated:
        return "after the activation"
    normed = chosen.value.producer is not None and is_norm(chosen.value.producer)
    here = "right after the normalisation" if normed else "right after the convolution"
    if any(step.activated for step in follow(candidate.op.output)):
        return f"{here}: all readers of the activation's output cannot be reached in one place"
    return f"{here}: no activation follows in the same branch"


def _assign(values: Sequence[Value], graph: Graph, taken: frozenset[str], outside: Call | None) -> tuple[Port, ...]:
    """Give each value one port; a module's port counts only if all its calls belong to these values."""
    options = [[port for port in _ports(value, graph) if port.owner not in taken] for value in values]
    if outside is not None:
        options = [[port for port in ports if outside not in [*port.call.chain()][1:]] for ports in options]
    assigned: dict[int, Port] = {}
    for index, ports in enumerate(options):
        if index in assigned:
            continue
        for port in ports:
            group = {
                other: twin
                for other, twins in enumerate(options)
                for twin in twins
                if twin.call.module is port.call.module and twin.side == port.side
            }
            one_width = len({twin.value.shape[1] for twin in group.values()}) == 1
            whole = len(graph.calls_of(port.call.module)) == len(group)
            if one_width and whole and not group.keys() & assigned.keys():
                assigned |= group
                break
    if len(assigned) < len(values):
        return ()
    return tuple({port.owner: port for port in assigned.values()}.values())


def _ports(value: Value, graph: Graph) -> Iterator[Port]:
    """Yield the ends of modules that a map passes with all its readers behind: outputs first, innermost first."""
    for call in graph.returning(value):
        read_inside = any(call.holds(op) for op in value.consumers)
        if call.holds(value.producer) and not read_inside and _can_own(call):
            yield Port(call, "output", value)
    for call in graph.receiving(value):
        all_inside = value.consumers and all(call.holds(op) for op in value.consumers)
        if all_inside and not value.is_output and not call.holds(value.producer) and _can_own(call):
            yield Port(call, "input", value)


def _can_own(call: Call) -> bool:
    if not call.name or isinstance(call.module, _CONTAINERS):
        return False
    return not any(isinstance(around.module, LAYERS) for around in call.chain())
