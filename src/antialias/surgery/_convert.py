"""Inspect and convert networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from antialias._torch import forward_hooks, forward_pre_hooks, tree_leaves
from antialias.nn import Adaptive, Filter, PhaseAlign2d, PhaseAlignment, PhaseAverage, ShiftAverage

from ._conversion import Conversion, apply, conversion_of
from ._plan import Placement, Plan, Site, counted
from ._proof import prove
from .dataflow import Graph, arguments, copied, network_macs, observe, tensors_in, untouched
from .edits import AlignImages, AlignPhases, AnswerCopies, AverageShifts, Edit, FilterEdit, logits_of
from .polyphase import ends_before, group_sites, plan_phases, plan_polyphase
from .sites import Direction, Rules, Where, decide, find, find_dilated, find_upsampling, uncalled


def inspect(
    model: nn.Module,
    example: Any = None,
    filter: Filter | None = None,
    *,
    placement: Placement = "exact",
    stem: bool | None = None,
    where: Where = None,
    sites: Direction = "down",
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
            is exact only where every stride is replaced; with `phase="input_norm"` it keeps its stride and its input
            is moved to the phase.
        where: Which sites: a glob over their names, several, or a predicate on `Site`; all by default.
        sites: `"down"`: what subsamples. `"up"`: what upsamples (transposed convolutions, pixel shuffles and nearest
            interpolation), which gets a filter that keeps every sample right behind it, against images and
            checkerboards.

    Raises:
        ValueError: `example` is `None` and the network names no input size, `placement` or `sites` is unknown, or the
            filter chooses samples and `sites="up"` keeps them all.
        TypeError: `filter` is no filter config.
        RuntimeError: The network does not run on the example.

    Source: Zou et al., BMVC 2020, and Zhang, ICML 2019, for where the filters go.
    """
    rules = Rules(filter if filter is not None else Adaptive(), placement, stem, where, sites)
    if isinstance(rules.filter, (PhaseAlignment, ShiftAverage)):
        return _plan_whole(model, example, rules)
    graph = observed(model, example)
    macs, name = network_macs(graph), type(model).__name__
    parameters = sum(p.numel() for p in model.parameters())
    if rules.sites == "up":
        decided = decide(find_upsampling(graph), graph, rules, model)
        return Plan(name, rules.filter, placement, decided, macs, parameters)
    candidates = sorted([*find(graph), *find_dilated(graph)], key=lambda candidate: candidate.op.index)
    if isinstance(rules.filter, PhaseAverage):
        everywhere = replace(rules, where=None)
        decided = (*decide(candidates, graph, everywhere, model), *uncalled(model, graph))
        steps = conversion.steps if (conversion := conversion_of(model)) is not None else []
        filtered = {
            edit.path: site.name
            for step in steps
            for site in step.sites
            for edit in site.edits
            if isinstance(edit, FilterEdit)
        }
        phases = plan_phases(graph, candidates, decided, rules, model, filtered)
        return Plan(name, rules.filter, placement, phases.sites, macs, parameters, phases.edits)
    decided = (*decide(candidates, graph, rules, model), *uncalled(model, graph))
    polyphase = plan_polyphase(graph, candidates, decided, rules.filter)
    return Plan(name, rules.filter, placement, polyphase.sites, macs, parameters, polyphase.edits, polyphase.notes)


def _plan_whole(model: nn.Module, example: Any, rules: Rules) -> Plan:
    """Plan what moves a classifier's input and takes it as a whole, also one that cannot be looked into.

    Raises:
        ValueError: A site is named, the network has it already, there are no images, or no logits.
    """
    config, name = rules.filter, type(model).__name__
    what = type(config).__name__
    if rules.where is not None:
        raise ValueError(f"where={rules.where!r}: {what} moves the network's input, no site. Leave where out.")
    copies = isinstance(config, ShiftAverage)
    hooks = forward_hooks(model) if copies else forward_pre_hooks(model)
    if any(isinstance(hook, (AnswerCopies, AlignImages)) for hook in hooks.values()):
        does = "averages over shifted copies" if copies else "aligns its images"
        raise ValueError(f"{name} {does} already. Call conversion_of(model).revert_() first.")
    args, kwargs = arguments(model, example)
    images = [tensor for tensor in tensors_in((args, kwargs)) if tensor.dim() == 4]
    if not images:
        could = "shifted" if copies else "aligned"
        raise ValueError(f"{name} is given no images (N, C, H, W), which could be {could}. Pass an example= of some.")
    with untouched(model):
        shown, named = copied((args, dict(kwargs)))
        logits_of(model, model(*shown, **named))
        now = [tensor for tensor in tensors_in((shown, named)) if tensor.dim() == 4]
        if copies and not all(map(torch.equal, now, images)):
            raise ValueError(
                f"{name} writes into its images, so that shifted copies would be of what it wrote. Let it work on a "
                "copy: images.clone()."
            )
    macs = 0 if getattr(model, "sealed", None) is not None else network_macs(observed(model, example))
    size = (images[0].shape[2], images[0].shape[3])
    edit: Edit
    kind = "input" if copies else "alignment"
    if isinstance(config, ShiftAverage):
        edit, added = AverageShifts(module=""), (config.copies - 1) * macs
        reason = f"the answers to {config.copies} shifted copies are averaged"
        reason += "" if config.threshold is None else ", or to fewer where these decide: costs are the most"
    else:
        assert isinstance(config, PhaseAlignment)
        edit, added = AlignPhases(module=""), PhaseAlign2d.macs_of_a_pixel * len(images[0]) * size[0] * size[1]
        reason = f"images are moved by up to {config.period // 2} pixels, to where what they show meets strides alike"
    site = Site(
        name="input",
        kind=kind,
        operation=name,
        stride=(1, 1),
        channels=images[0].shape[1],
        input_size=size,
        output_size=size,
        action="filter",
        place="input of the network",
        reason=reason,
        macs=added,
        edits=(edit,),
    )
    return Plan(name, config, rules.placement, (site,), macs, sum(p.numel() for p in model.parameters()))


def phase_groups(model: nn.Module, example: Any = None) -> tuple[tuple[str, ...], ...]:
    """Name the sites at which `PhaseAverage` can split a network, grouped by what has to split together.

    Args:
        model: The network; it is left as it was.
        example: As in `inspect`.

    Returns:
        The names of the sites of each group, from the input to the deepest.

    Raises:
        ValueError: As in `inspect`.
        RuntimeError: As in `inspect`.
    """
    return tuple(names for names, _ in phase_places(model, example))


def phase_places(model: nn.Module, example: Any = None) -> tuple[tuple[tuple[str, ...], str], ...]:
    """Name the sites of each group as `phase_groups` does, and the last module before it where phases may end.

    Args:
        model: The network; it is left as it was.
        example: As in `inspect`.

    Returns:
        For each group, from the input to the deepest, the names of its sites, and for `PhaseAverage(until=)` the module
        before them whose map is all that follows reads; empty where there is none, or the network takes a list.

    Raises:
        ValueError: As in `inspect`.
        RuntimeError: As in `inspect`.
    """
    graph = observed(model, example)
    candidates = sorted([*find(graph), *find_dilated(graph)], key=lambda candidate: candidate.op.index)
    sites = decide(candidates, graph, Rules(PhaseAverage()), model)
    groups = group_sites(graph, candidates, sites)
    names = [tuple(sites[n].name for n in group.sites) for group in groups]
    return tuple(zip(names, ends_before(graph, candidates, groups), strict=True))


def observed(model: nn.Module, example: Any) -> Graph:
    """Run a network once on an example and return its dataflow.

    Raises:
        ValueError: It cannot be looked into; its attribute `sealed` says why.
        RuntimeError: It does not run on the example.
    """
    if (reason := getattr(model, "sealed", None)) is not None:
        raise ValueError(f"{type(model).__name__} cannot be looked into or converted: {reason}")
    args, kwargs = arguments(model, example)
    try:
        return observe(model, args, kwargs)
    except RuntimeError as error:
        shapes = ", ".join(str(tuple(t.shape)) for t in tree_leaves((args, dict(kwargs))) if isinstance(t, Tensor))
        raise RuntimeError(
            f"{type(model).__name__} does not run on the example, of shape {shapes}: {error} "
            "Pass an example= that the network takes."
        ) from error


def convert_(
    model: nn.Module,
    filter: Filter | None = None,
    *,
    example: Any = None,
    placement: Placement = "exact",
    stem: bool | None = None,
    where: Where = None,
    sites: Direction = "down",
) -> Conversion:
    """Give a network anti-aliasing filters, in place.

    Every parameter stays the object it is and keeps its name. With the default placement and start values the
    network's function stays what it was, so that a trained network keeps its answers and can learn from there. That is
    tried first, with filters of one tap, on the example and on an input of another size where the network takes one.

    Args:
        model: The network; it is changed.
        filter: The filter to place; `Adaptive()` by default.
        example: As in `inspect`.
        placement: As in `inspect`.
        stem: As in `inspect`.
        where: As in `inspect`.
        sites: As in `inspect`. A network may be converted twice, once for each.

    Returns:
        What was changed and what was left, and the way back.

    Raises:
        ValueError: Nothing was found that a filter could follow; the message says what was looked at. Or a site would
            change what the network computes, even with a filter that does nothing; the message names it.
        TypeError: `filter` is no filter config.
        RuntimeError: The network does not run on the example.
    """
    args, kwargs = arguments(model, example)
    plan = inspect(model, example, filter, placement=placement, stem=stem, where=where, sites=sites)
    if not plan.sites:
        none = "has a stride or pools" if sites == "down" else "makes a map larger"
        raise ValueError(f"{plan.network} has no site to filter: none of its operations {none}.")
    if not plan.changed:
        looked = "\n".join(f"  {site.name}: {site.operation}: {site.reason}" for site in plan.sites)
        operations = counted(len(plan.sites), "operation")
        raise ValueError(f"{plan.network} has no site to filter. Looked at {operations}:\n{looked}")
    prove(model, plan, args, kwargs)
    return apply(model, plan)
