"""Inspect and convert networks."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from antialias.nn import Adaptive, Filter, filter_from_dict

from ._cost import network_macs
from ._edits import Edit, FilterEdit, edit_from_dict
from ._example import arguments
from ._observe import fork_rng, observe
from ._plan import Placement, Plan, Site, counted, noted, site_from_dict, table
from ._rules import Rules, Where, plan_sites

_RECORD = "_antialias"


@dataclass
class _Step:
    """What one `convert_` did, as plain data that is copied and pickled with the network."""

    filter: Filter
    placement: Placement
    sites: tuple[Site, ...]
    rest: tuple[Edit, ...] = ()
    notes: tuple[str, ...] = ()
    before: list[dict[str, Any]] = field(default_factory=list)

    @property
    def edits(self) -> list[Edit]:
        """Every change, in order."""
        return [*(edit for site in self.sites for edit in site.edits), *self.rest]


def inspect(
    model: nn.Module,
    example: Any = None,
    filter: Filter | None = None,
    *,
    placement: Placement = "exact",
    stem: bool | None = None,
    where: Where = None,
) -> Plan:
    """Say where a network subsamples, what would replace it and why, and what that costs.

    The network runs once on `example` and is left exactly as it was.

    Args:
        model: The network.
        example: Something it takes: a tensor, a tuple of arguments, a list of pictures, a dictionary of keyword
            arguments, or `None` for a random picture of the size that the network names.
        filter: The filter to place; `Adaptive()` by default.
        placement: `"exact"` keeps a trained network's function: pools keep their window. `"paper"` is the published
            form, in which max pools shrink and filters stand in for average pools.
        stem: Whether the first strided convolution gets a filter, too. `None`: only if the filter has a `phase`, which
            is exact only where every stride is replaced.
        where: Which sites: a glob over their names, several, or a predicate on `Site`; all by default.

    Raises:
        ValueError: `example` is `None` and the network names no input size, or `placement` is unknown.

    Source: Zou et al., BMVC 2020, and Zhang, ICML 2019, for where the filters go.
    """
    rules = Rules(filter if filter is not None else Adaptive(), placement, stem, where)
    args, kwargs = arguments(model, example)
    graph = observe(model, args, kwargs)
    parameters = sum(p.numel() for p in model.parameters())
    sites, edits, notes = plan_sites(graph, rules, model)
    macs = network_macs(graph)
    return Plan(type(model).__name__, rules.filter, placement, sites, macs, parameters, edits, notes)


def convert_(
    model: nn.Module,
    filter: Filter | None = None,
    *,
    example: Any = None,
    placement: Placement = "exact",
    stem: bool | None = None,
    where: Where = None,
) -> Conversion:
    """Give a network anti-aliasing filters, in place.

    Every parameter stays the object it is and keeps its name. With the default placement and start values the
    network's function stays what it was, so that a trained network keeps its answers and can learn from there.

    Args:
        model: The network; it is changed.
        filter: The filter to place; `Adaptive()` by default.
        example: As in `inspect`.
        placement: As in `inspect`.
        stem: As in `inspect`.
        where: As in `inspect`.

    Returns:
        What was changed and what was left, and the way back.

    Raises:
        ValueError: Nothing was found that a filter could follow; the message says what was looked at.
    """
    plan = inspect(model, example, filter, placement=placement, stem=stem, where=where)
    if not plan.changed:
        raise ValueError(_nothing_found(plan))
    _apply(model, _Step(plan.filter, plan.placement, plan.sites, plan.edits, plan.notes))
    return Conversion(model)


def conversion_of(model: nn.Module) -> Conversion | None:
    """Return the conversion of a network, of a copy, or of a network inside a wrapper; `None` if there is none."""
    holder = next((module for module in model.modules() if _RECORD in module.__dict__), None)
    return Conversion(holder) if holder is not None else None


def unconverted_copy(model: nn.Module) -> nn.Module:
    """Return a copy of a network without its filters: the original's function with the present parameters."""
    twin = copy.deepcopy(model)
    conversion = conversion_of(twin)
    if conversion is not None:
        conversion.revert_()
    return twin


def replay_(model: nn.Module, values: Mapping[str, Any]) -> Conversion:
    """Convert a network as another of its kind was, from `Conversion.to_dict()`, without running it.

    Raises:
        ValueError: The network does not have the modules that the conversion names, or is converted already.
    """
    if conversion_of(model) is not None:
        raise ValueError(f"{type(model).__name__} is converted already. Call conversion_of(model).revert_() first.")
    steps = [
        _Step(
            filter_from_dict(step["filter"]),
            step["placement"],
            tuple(map(site_from_dict, step["sites"])),
            tuple(map(edit_from_dict, step.get("rest", ()))),
            tuple(step.get("notes", ())),
        )
        for step in values["steps"]
    ]
    _check_names(model, steps)
    for step in steps:
        _apply(model, step)
    return Conversion(model)


class Conversion:
    """What a conversion changed and what it left, and the way back.

    Attributes:
        model: The converted network.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @property
    def changed(self) -> tuple[Site, ...]:
        """The sites that have a filter."""
        return tuple(site for step in self._steps for site in step.sites if site.action == "filter")

    @property
    def skipped(self) -> tuple[Site, ...]:
        """The sites that were left when the network was last looked at, each with its reason."""
        return tuple(site for step in self._steps[-1:] for site in step.sites if site.action == "leave")

    @property
    def filter(self) -> Filter:
        """The filter that was placed last."""
        return self._steps[-1].filter

    @property
    def placement(self) -> Placement:
        """How the filters were placed last, see `convert_`."""
        return self._steps[-1].placement

    def filters(self) -> dict[str, nn.Module]:
        """Return the filters by their names in the network."""
        edits = [edit for site in self.changed for edit in site.edits if isinstance(edit, FilterEdit)]
        names = [f"{edit.module}.{edit.child}" for edit in edits]
        return {name: self.model.get_submodule(name) for name in names}

    def revert_(self) -> nn.Module:
        """Take the filters out and give each operation its stride back.

        Parameters that were trained in between keep their new values; without training the network computes
        exactly what it did.
        """
        for step in reversed(self._steps):
            for edit, before in reversed(list(zip(step.edits, step.before, strict=True))):
                edit.undo(self.model, before)
        self.model.__dict__.pop(_RECORD, None)
        return self.model

    def to_dict(self) -> dict[str, Any]:
        """Return the conversion as plain values for JSON; `replay_` repeats it on a network of the same kind."""
        return {
            "version": 1,
            "steps": [
                {
                    "filter": step.filter.to_dict(),
                    "placement": step.placement,
                    "sites": [site.to_dict() for site in step.sites],
                    "rest": [edit.to_dict() for edit in step.rest],
                    "notes": list(step.notes),
                }
                for step in self._steps
            ],
        }

    @property
    def _steps(self) -> list[_Step]:
        return self.model.__dict__.get(_RECORD, [])

    def __str__(self) -> str:
        if not self._steps:
            return f"{type(self.model).__name__} is not converted."
        sentence = (
            f"{type(self.model).__name__}: {counted(len(self.changed), 'site')} filtered with {self.filter}, "
            f"{len(self.skipped)} left."
        )
        lines = table((*self.changed, *self.skipped))
        return "\n".join([f"{sentence}\n", *lines, *noted(self.filter, self._steps[-1].notes)])


def _apply(model: nn.Module, step: _Step) -> None:
    with fork_rng():
        step.before = [edit.apply(model, step.filter) for edit in step.edits]
    model.__dict__.setdefault(_RECORD, []).append(step)


def _nothing_found(plan: Plan) -> str:
    if not plan.sites:
        return f"{plan.network} has no site to filter: none of its operations has a stride or pools."
    looked = "\n".join(f"  {site.name}: {site.operation}: {site.reason}" for site in plan.sites)
    return f"{plan.network} has no site to filter. Looked at {counted(len(plan.sites), 'operation')}:\n{looked}"


def _check_names(model: nn.Module, steps: list[_Step]) -> None:
    modules = dict(model.named_modules())
    named = {edit.module for step in steps for edit in step.edits}
    if missing := sorted(named - modules.keys()):
        raise ValueError(
            f"{type(model).__name__} has no module {missing[0]!r} ({len(missing)} of {len(named)} are missing), so "
            "this conversion was made on another network. Build the network it was saved with."
        )
