"""What replaces what: from operations that subsample to the edits that give them a filter."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

import torch
from torch import nn

from antialias._torch import own_children
from antialias.nn import (
    Adaptive,
    Filter,
    PhaseAlignment,
    PhaseAverage,
    PhaseSplit2d,
    Polyphase,
    PolyphasePool2d,
    ShiftAverage,
    check_filter,
)

from .._plan import Placement, Site
from ..dataflow import Graph, Op, each, follow, pair
from ..edits import CHILD, Edit, FilterEdit, Insert, MoveInput, Patch, SetAttributes, Smooth, SmoothFunction
from ._find import Candidate
from ._macs import added_macs
from ._place import foldable_around, place
from ._stride1 import at_stride_1, folded_at_stride_1, why_not_at_stride_1

Where = str | Sequence[str] | Callable[[Site], bool] | None
Direction = Literal["down", "up"]
_FUNCTIONAL = ("max_pool2d_with_indices", "avg_pool2d")
_WITH_STRIDE = {
    1: (nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d),
    2: (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d),
    3: (nn.Conv3d, nn.MaxPool3d, nn.AvgPool3d),
}


@dataclass
class Rules:
    """What the user asked for.

    Attributes:
        filter: The filter to place.
        placement: `"exact"` keeps a trained network's function; `"paper"` is the published form.
        stem: Whether the first strided convolution gets a filter too; `None`: if the filter has a `phase`, which is
            exact only where every stride is replaced, or averages phases. With `phase="input_norm"`, `None` only moves
            its input to the phase.
        where: Which sites, by glob over names or by predicate; `None` for all.
        sites: `"down"`: what subsamples; `"up"`: what upsamples.
    """

    filter: Filter
    placement: Placement = "exact"
    stem: bool | None = None
    where: Where = None
    sites: Direction = "down"

    def __post_init__(self) -> None:
        check_filter(self.filter)
        self.moves_stem = self.stem is None and self.filter.phase == "input_norm"
        if self.stem is None:
            self.stem = self.filter.phase is not None or isinstance(self.filter, PhaseAverage)
        if self.placement not in ("exact", "paper"):
            raise ValueError(f"placement={self.placement!r} is unknown. Use 'exact' or 'paper'.")
        if self.sites not in ("down", "up"):
            raise ValueError(f"sites={self.sites!r} is unknown. Use 'down', or 'up' for what upsamples.")
        chooses = self.filter.phase is not None or isinstance(self.filter, (PhaseAlignment, PhaseAverage, ShiftAverage))
        if self.sites == "up" and chooses:
            raise ValueError(
                f"{self.filter} is for what subsamples, and sites='up' keeps every sample. Use a low-pass filter, such "
                "as Fixed() or Adaptive(), without phase=."
            )

    def selects(self, site: Site) -> bool:
        """Return whether `where` selects a site."""
        if self.where is None:
            return True
        if callable(self.where):
            return bool(self.where(site))
        globs = [self.where] if isinstance(self.where, str) else self.where
        return any(fnmatchcase(site.name, glob) for glob in globs)

    def why_not(self, candidate: Candidate, site: Site) -> str:
        """Say why a candidate is left without looking further; empty if it is not."""
        averages = isinstance(self.filter, PhaseAverage)
        if candidate.leave and not (candidate.kind == "stem" and (averages or self.filter.phase is not None)):
            chooses = isinstance(candidate.module, (PhaseSplit2d, PolyphasePool2d))
            if not averages or candidate.kind != "filter" or chooses:
                return candidate.leave
        if candidate.kind == "stem" and not self.stem:
            return "stem: keeps its stride as in the papers; stem=True filters it"
        if not self.selects(site):
            return "not selected by `where`"
        if reason := self.filter.why_not(len(candidate.op.output.shape) - 2):
            return reason
        if max(candidate.stride) == 1 and isinstance(self.filter, (PhaseAverage, Polyphase)):
            return "keeps every sample, so there is no phase to choose"
        return ""


def decide(candidates: Sequence[Candidate], graph: Graph, rules: Rules, model: nn.Module) -> tuple[Site, ...]:
    """Decide what becomes of each candidate: one site for each, in their order.

    Args:
        candidates: What keeps only some positions.
        graph: The dataflow around them.
        rules: What is to be replaced, and by what.
        model: The network.
    """
    taken = {name for name, module in model.named_modules() if CHILD in own_children(module)}
    sites: dict[Candidate, Site] = {}
    for candidate in candidates:
        site = _as_it_is(candidate)
        if candidate in sites:
            continue
        if reason := rules.why_not(candidate, site):
            sites[candidate] = dataclasses.replace(site, reason=reason)
        elif isinstance(rules.filter, PhaseAverage) and (candidate.kind == "filter" or candidate.leave):
            sites[candidate] = _phases_of_layer(candidate, site, rules)
        elif rules.moves_stem and candidate.kind == "stem" and _reads_as_far_on_both_sides(candidate, graph):
            spot = f"input of {candidate.name}"
            move = MoveInput(
                module=candidate.name, side="input", channels=candidate.op.input.shape[1], stride=candidate.stride
            )
            why = "stem: keeps its stride as in the papers, and starts at the chosen phase; stem=True filters it"
            sites[candidate] = dataclasses.replace(site, action="filter", place=spot, reason=why, edits=(move,))
        elif rules.sites == "up":
            sites[candidate] = _smooth(candidate, site, graph, rules, model)
        elif candidate.module is None:
            sites[candidate] = _filter_function(candidate, site, graph, rules, model)
        else:
            branches = _branches_beside(candidate, candidates, graph, rules)
            sites |= _filter_module(candidate, branches, graph, rules, model, frozenset(taken))
        taken.update(edit.module for edit in sites[candidate].edits if isinstance(edit, Insert))
    return tuple(sites[candidate] for candidate in candidates)


def uncalled(model: nn.Module, graph: Graph) -> Iterator[Site]:
    """Yield the layers with a stride that the example did not reach."""
    called = {call.module for call in graph.calls}
    for name, module in model.named_modules():
        dims = next((dims for dims, kinds in _WITH_STRIDE.items() if isinstance(module, kinds)), 0)
        if module in called or not dims:
            continue
        own: Any = module
        if max(stride := each(own.stride, dims)) > 1:
            size = "x".join(map(str, each(own.kernel_size, dims)))
            yield Site(
                name=name,
                kind="uncalled",
                operation=f"{type(module).__name__} {size}",
                stride=stride,
                channels=getattr(module, "out_channels", 0),
                input_size=(),
                output_size=(),
                action="leave",
                reason="not called on the example in evaluation mode",
            )


def _as_it_is(candidate: Candidate) -> Site:
    """Describe a candidate, with the maps before and after its whole module, which may pad before it subsamples."""
    op, module = candidate.op, candidate.module
    of_module = getattr(module, "kernel_size", ()) if "pool" in candidate.kind else ()
    kernel = op.weight.shape[2:] if op.name == "convolution" else op.settings.get("kernel_size", of_module)
    if (
        candidate.kind == "filter" and op.name == "convolution"
    ):  # of what predicts, which may be smaller than the filter
        kernel = getattr(module, "kernel_size", kernel)
    size = "x".join(map(str, each(kernel, len(op.output.shape) - 2) if kernel != () else ()))
    layer = type(module).__name__ if module is not None else op.name.removesuffix("_with_indices")
    around = next((call for call in candidate.call.chain() if call.module is module), None) if module else None
    before, after = (around.input, around.output) if around is not None else (None, None)
    return Site(
        name=candidate.name,
        kind=candidate.kind,
        operation=f"{layer} {size}".strip(),
        stride=candidate.strides,
        channels=candidate.channels,
        input_size=(before or op.input).shape[2:],
        output_size=(after or op.output).shape[2:],
        action="leave",
    )


def _branches_beside(
    candidate: Candidate, candidates: Sequence[Candidate], graph: Graph, rules: Rules
) -> Iterator[list[Candidate]]:
    """Yield which branches of a module that can be folded into one convolution, which then has one stride, to try.

    All of them first; then those that are added to the candidate one by one, as a block may fold its branches and keep
    its shortcut; then none.
    """
    if (folds := foldable_around(candidate)) is not None and max(candidate.stride) > 1:
        branches = [
            other
            for other in candidates
            if other is not candidate
            and other.module is not None
            and (other.stride, len(other.ops)) == (candidate.stride, len(candidate.ops))
            and foldable_around(other) is folds
            and not (rules.why_not(other, _as_it_is(other)) or why_not_at_stride_1(other, graph))
        ]
        yield branches
        added: list[Candidate] = []
        while one := next(
            (
                other
                for other in branches
                if other not in added and follow(*(each.op.output for each in (candidate, *added, other)))
            ),
            None,
        ):
            added.append(one)
        yield added
    yield []


def _filter_module(
    candidate: Candidate,
    branches: Iterator[list[Candidate]],
    graph: Graph,
    rules: Rules,
    model: nn.Module,
    taken: frozenset[str],
) -> dict[Candidate, Site]:
    """Give a layer its filter, and the branches beside it where one filter behind their sum serves all."""
    site = _as_it_is(candidate)
    if reason := why_not_at_stride_1(candidate, graph):
        return {candidate: dataclasses.replace(site, reason=reason)}
    for beside in branches:
        if (spot := place(candidate, graph, taken, beside)) is not None:
            break
    else:
        calls = len(graph.calls_of(candidate.call.module))
        reason = f"no place reaches all readers of its output exactly once (called {calls} times)"
        return {candidate: dataclasses.replace(site, reason=reason)}
    filters = [
        Insert(
            module=port.owner,
            side=port.side,
            had_stride=port.side == "input" and port.call.module is candidate.module,
            channels=port.value.shape[1],
            stride=candidate.strides,
            like=_nearest_parameter(candidate.op),
            frozen_norm=_is_frozen(model, candidate.call.name or ""),
            depthwise=candidate.depthwise,
        )
        for port in spot.ports
    ]
    circular = rules.filter.phase is not None and rules.filter.padding_mode == "circular"
    where = ", ".join(map(str, spot.ports))
    # The filter first: hooks are prepended, and a layer crops to its old phase before its output is filtered.
    edits = [*filters, *at_stride_1(candidate, rules.placement, circular)]
    edits += folded_at_stride_1(candidate)
    sites = {candidate: _filtered(site, candidate, edits, where, spot.why, rules.filter)}
    for branch in beside:
        sites[branch] = dataclasses.replace(
            _as_it_is(branch),
            action="filter",
            place=where,
            reason=f"added to {candidate.name}: the filter behind the sum serves both",
            edits=(*at_stride_1(branch, rules.placement, circular), *folded_at_stride_1(branch)),
            macs=added_macs(branch, (), dense=True),
        )
    return sites


def _phases_of_layer(candidate: Candidate, site: Site, rules: Rules) -> Site:
    """Average the phases of a filter's map, or of the image, moved, that a stem of patches reads."""
    name, stride = candidate.name, candidate.stride
    if candidate.kind != "filter":
        move = MoveInput(module=name, side="input", channels=candidate.op.input.shape[1], stride=stride)
        why = "the image moved by a part of a patch: there is no map of patches to split"
        return _filtered(site, candidate, [move], f"input of {name}", why, rules.filter)
    assert candidate.module is not None
    edits: list[Edit] = [Insert(module=name, side="output", channels=candidate.channels, stride=stride)]
    for inner, module in candidate.module.named_modules(prefix=name):
        if hasattr(module, "stride") and pair(module.stride) == stride:
            edits.append(SetAttributes(module=inner, attributes={"stride": (1, 1)}))
    return _filtered(site, candidate, edits, f"output of {name}", "the phases of the filtered map", rules.filter)


def _reads_as_far_on_both_sides(candidate: Candidate, graph: Graph) -> bool:
    """Return whether a candidate is torch's own convolution, called once, whose border can be closed to a circle."""
    conv = candidate.module
    if type(conv) is not nn.Conv2d or isinstance(conv.padding, str) or len(graph.calls_of(conv)) > 1:
        return False
    reach = (dilation * (size - 1) for size, dilation in zip(conv.kernel_size, conv.dilation, strict=True))
    return all(2 * one == other for one, other in zip(pair(conv.padding), reach, strict=True))


def _smooth(candidate: Candidate, site: Site, graph: Graph, rules: Rules, model: nn.Module) -> Site:
    """Give what upsamples a filter right behind it, which is linear: whatever bends comes after."""
    op, call = candidate.op, candidate.call
    new: dict[str, Any] = {"channels": candidate.channels, "stride": candidate.strides}
    new |= {"like": _nearest_parameter(op), "frozen_norm": _is_frozen(model, call.name or "")}
    if candidate.module is None:
        interpolations = {other.name for other in graph.ops if "upsample_" in other.name}
        if reason := _why_not_patched(candidate, graph, interpolations):
            return dataclasses.replace(site, reason=f"called as a function at {op.source}; {reason}")
        calls = [other for other in graph.ops[call.first : call.last] if other.name in interpolations]
        edit: FilterEdit = SmoothFunction(module=call.name or "", index=calls.index(op), **new)
        if edit.child in own_children(call.module):
            return dataclasses.replace(site, reason="already filtered")
        why = f"behind the interpolation that is called as a function at {op.source}"
        return _filtered(site, candidate, [edit], f"inside {call.name}", why, rules.filter)
    if CHILD in own_children(candidate.module):
        return dataclasses.replace(site, reason="already filtered")
    if len(candidate.ops) != len(graph.calls_of(candidate.module)):
        return dataclasses.replace(site, reason=f"{type(candidate.module).__name__} does not do the same in each call")
    edit = Smooth(module=candidate.name, side="output", **new)
    return _filtered(site, candidate, [edit], f"output of {candidate.name}", "behind what upsamples", rules.filter)


def _filter_function(candidate: Candidate, site: Site, graph: Graph, rules: Rules, model: nn.Module) -> Site:
    op, call = candidate.op, candidate.call
    if len(op.input.shape) != 4 or (op.input.producer and op.input.producer.name in ("unsqueeze", "pow")):
        reason = "it is no max or average pool of maps in two dimensions: let a module, such as nn.MaxPool3d, pool"
    else:
        reason = _why_not_patched(candidate, graph, _FUNCTIONAL)
    if reason:
        return dataclasses.replace(site, reason=f"called as a function at {op.source}; {reason}")
    pools = [other for other in graph.ops[call.first : call.last] if other.name in _FUNCTIONAL]
    edit = Patch(
        module=call.name or "",
        index=pools.index(op),
        channels=candidate.channels,
        stride=candidate.stride,
        like=_nearest_parameter(op),
        frozen_norm=_is_frozen(model, call.name or ""),
    )
    why = f"after the pool that is called as a function at {op.source}"
    return _filtered(site, candidate, [edit], f"inside {call.name}", why, rules.filter)


def _why_not_patched(candidate: Candidate, graph: Graph, functions: Collection[str]) -> str:
    """Say why a function that a module calls, one of these, cannot be given a filter; empty if it can."""
    call = candidate.call
    if not call.name:
        return "no named module calls it"
    if "forward" in call.module.__dict__:
        return f"the forward of {call.name} is replaced already"
    called = [
        [inner for inner in graph.ops[one.first : one.last] if inner.name in functions]
        for one in graph.calls_of(call.module)
    ]
    if any(inner.call.module is not call.module for ops in called for inner in ops if inner.call):
        return f"{call.name} calls modules that {'pool' if functions is _FUNCTIONAL else 'interpolate'}, too"
    if len({tuple((inner.name, inner.output.shape[1]) for inner in ops) for ops in called}) > 1:
        return f"{call.name} does not do the same in each of its calls"
    return ""


def _filtered(site: Site, candidate: Candidate, edits: Sequence[Edit], spot: str, why: str, config: Filter) -> Site:
    """Return the site with its edits, and with what they cost."""
    filters = [edit for edit in edits if isinstance(edit, FilterEdit)]
    layers = [edit.build(config, device=torch.device("meta")) for edit in filters]
    channels = filters[0].channels
    if isinstance(config, Adaptive) and (groups := config.groups_for(channels)) != config.groups:
        why = f"{why}; groups={groups}, as {config.groups} does not divide {channels} channels"
    if isinstance(config, Adaptive) and config.predictor is None and filters[0].depthwise:
        why = f"{why}; predictor='bottleneck', as the convolution is depthwise"
    return dataclasses.replace(
        site,
        action="filter",
        channels=channels,
        place=spot,
        reason=why,
        edits=tuple(edits),
        parameters=sum(p.numel() for layer in layers for p in layer.parameters()),
        macs=added_macs(
            candidate,
            layers,
            dense=not any(
                edit.upsampled or isinstance(edit, MoveInput) or (isinstance(edit, Insert) and edit.had_stride)
                for edit in filters
            ),
        ),
    )


def _nearest_parameter(op: Op) -> str:
    """Name the nearest parameter at or before `op`."""
    waiting: list[Op | None] = [op]
    while waiting:
        current = waiting.pop(0)
        if current is None or current.call is None:
            continue
        for name, _ in current.call.module.named_parameters():
            if current.call.name:
                return f"{current.call.name}.{name}"
        waiting.extend(value.producer for value in current.inputs)
    return ""


def _is_frozen(model: nn.Module, name: str) -> bool:
    """Whether the norms of the smallest module around `name` that has any are all frozen ones."""
    parts = name.split(".")
    for length in range(len(parts), -1, -1):
        around = model.get_submodule(".".join(parts[:length]))
        norms = [type(m).__name__ for m in around.modules() if "BatchNorm" in type(m).__name__]
        if norms:
            return all("Frozen" in norm for norm in norms)
    return False
