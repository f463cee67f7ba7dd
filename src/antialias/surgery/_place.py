"""Decide where a filter can sit so that all readers of a value see it filtered exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import nn

from antialias.nn import LAYERS

from ._flow import Step, follow, is_norm
from ._graph import Call, Graph, Value
from ._sites import Found

Side = Literal["input", "output"]
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


def place(site: Found, graph: Graph, taken: frozenset[str] = frozenset()) -> Place | None:
    """Find the place of a site's filter, or return `None` if none can be proven.

    Args:
        site: What subsamples.
        graph: The observed dataflow.
        taken: Names of modules that already hold a filter.
    """
    if site.kind in ("shortcut", "dilated shortcut"):
        ports = tuple(Port(op.call, "input", op.input) for op in site.ops if op.call and op.call.input is op.input)
        whole = len(ports) == len(graph.calls_of(site.call.module)) and site.call.name not in taken
        if whole:
            return Place(ports[:1], "before the 1x1 convolution, where it costs least and does the same")
    chains = [_preferred(site, follow(op.output)) for op in site.ops]
    for steps in zip(*chains, strict=False):
        if ports := _assign([step.value for step in steps], graph, taken):
            return Place(ports, _why(site, steps[0]))
    return None


def _preferred(site: Found, steps: list[Step]) -> list[Step]:
    if "pool" in site.kind:
        return steps
    return [step for step in steps if step.activated] + [step for step in reversed(steps) if not step.activated]


def _why(site: Found, chosen: Step) -> str:
    if "pool" in site.kind:
        return "after the pool, which keeps its window and loses its stride"
    if chosen.activated:
        return "after the activation"
    normed = chosen.value.producer is not None and is_norm(chosen.value.producer)
    here = "right after the normalisation" if normed else "right after the convolution"
    if any(step.activated for step in follow(site.op.output)):
        return f"{here}: all readers of the activation's output cannot be reached in one place"
    return f"{here}: no activation follows in the same branch"


def _assign(values: Sequence[Value], graph: Graph, taken: frozenset[str]) -> tuple[Port, ...]:
    """Give each value one port; a module's port counts only if all its calls belong to these values."""
    options = [[port for port in _ports(value, graph) if _can_own(port, taken)] for value in values]
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
            if _is_whole(group, port, graph) and not group.keys() & assigned.keys():
                assigned |= group
                break
    if len(assigned) < len(values):
        return ()
    return tuple({port.owner: port for port in assigned.values()}.values())


def _is_whole(group: dict[int, Port], port: Port, graph: Graph) -> bool:
    same_channels = len({twin.value.shape[1] for twin in group.values()}) == 1
    return same_channels and len(graph.calls_of(port.call.module)) == len(group)


def _can_own(port: Port, taken: frozenset[str]) -> bool:
    module = port.call.module
    if not port.call.name or port.call.name in taken or len(port.value.shape) != 4:
        return False
    return not isinstance(module, _CONTAINERS) and not any(isinstance(c.module, LAYERS) for c in port.call.chain())


def _ports(value: Value, graph: Graph) -> Iterator[Port]:
    for call in graph.returning(value):
        if call.holds(value.producer) and not any(call.holds(op) for op in value.consumers):
            yield Port(call, "output", value)
    for call in graph.receiving(value):
        read_inside = value.consumers and all(call.holds(op) for op in value.consumers)
        if read_inside and not value.is_output and not call.holds(value.producer):
            yield Port(call, "input", value)
