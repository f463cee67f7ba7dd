"""What was done to a network: a record that stays with it, and the way back."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from antialias._display import Display, Displayed
from antialias._torch import forget_compiled
from antialias.nn import Filter, filter_from_dict

from ._plan import Placement, Plan, Site, counted, exactness, site_from_dict, table_of
from .dataflow import fork_rng
from .edits import Edit, FilterEdit, Insert, SetAttributes, edit_from_dict, unwatch, watch

_RECORD = "_antialias"


@dataclass
class ConversionStep:
    """What one `convert_` does, as plain data that is copied and pickled with the network.

    Attributes:
        filter: The filter that is placed.
        placement: `"exact"` or `"paper"`.
        sites: What subsamples, each with its edits.
        rest: Edits of the rest of the network.
        notes: Where exactness under circular shifts is lost.
        before: What each edit replaced, once it is applied.
    """

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


class Conversion(Displayed):
    """What a conversion changed and what it left, and the way back.

    Attributes:
        model: The converted network.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @property
    def steps(self) -> list[ConversionStep]:
        """One for each `convert_`."""
        return self.model.__dict__.get(_RECORD, [])

    @property
    def changed(self) -> tuple[Site, ...]:
        """The sites that have a filter."""
        return tuple(site for step in self.steps for site in step.sites if site.action == "filter")

    @property
    def skipped(self) -> tuple[Site, ...]:
        """The sites that were left when the network was last looked at, each with its reason."""
        return tuple(site for step in self.steps[-1:] for site in step.sites if site.action == "leave")

    @property
    def filter(self) -> Filter:
        """The filter that was placed last."""
        return self.steps[-1].filter

    @property
    def placement(self) -> Placement:
        """How the filters were placed last, see `convert_`."""
        return self.steps[-1].placement

    def filters(self) -> dict[str, nn.Module]:
        """Return the filters by their names in the network."""
        edits = [edit for site in self.changed for edit in site.edits if isinstance(edit, FilterEdit)]
        return {edit.path: self.model.get_submodule(edit.path) for edit in edits}

    def revert_(self) -> nn.Module:
        """Take the filters out and give each operation its stride back.

        Parameters that were trained in between keep their new values; without training the network computes
        exactly what it did. What was cut off together with its filter is passed over.

        Raises:
            ValueError: A tool has folded operations whose filters are still there, or made adapters of layers that ran
                at stride 1; nothing is changed.
        """
        sites = [site for step in self.steps for site in step.sites if site.edits]
        filtered = {getattr(module, "site", None) for module in self.model.modules()}
        lost = {site.name: name for site in sites for edit in site.edits if not has(self.model, name := edit.module)}
        served = {site.place for site in sites if site.name in filtered}
        if gone := [lost[site.name] for site in sites if site.name in lost and site.place in served]:
            raise ValueError(
                f"{type(self.model).__name__} cannot be reverted: {gone[0]}, which gave its stride to a filter, is "
                f"gone ({len(gone)} of {len(sites)} sites). A tool has folded it into something else, as "
                "re-parameterisation does. Revert first, conversion_of(model).revert_(), and let the tool work on the "
                "network after that; or go on with the filters."
            )
        strided = [edit for site in sites for edit in site.edits if isinstance(edit, SetAttributes)]
        strided = [edit for edit in strided if has(self.model, edit.module)]
        if adapted := [edit.module for edit in strided if edit.is_adapted(self.model)]:
            raise ValueError(
                f"{type(self.model).__name__} cannot be reverted: {adapted[0]} has an adapter that was made while it "
                f"ran at stride 1 ({len(adapted)} of {len(sites)} sites), and that would go on reading every position. "
                "Merge the adapters first (merge_and_unload() in peft), or convert a network that has them already."
            )
        with unchanged_on_error(self.model):
            for step in self.steps[::-1]:
                undo(self.model, step)
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
                for step in self.steps
            ],
        }

    def __str__(self) -> str:
        return self.text()

    def display(self) -> Display:
        """Show a sentence, a table of the sites, and what is exact."""
        if not self.steps:
            return Display(f"{type(self.model).__name__} is not converted.")
        sentence = (
            f"{type(self.model).__name__}: {counted(len(self.changed), 'site')} filtered with {self.filter}, "
            f"{len(self.skipped)} left."
        )
        sites = table_of((*self.changed, *self.skipped))
        return Display(sentence, (sites,), exactness(self.filter, self.steps[-1].notes))


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


def has(model: nn.Module, name: str) -> bool:
    """Return whether a network has a module of this name.

    Example:
        >>> has(nn.Sequential(nn.ReLU()), "0"), has(nn.Sequential(nn.ReLU()), "1")
        (True, False)
    """
    try:
        model.get_submodule(name)
    except (AttributeError, IndexError):
        return False
    return True


@contextmanager
def unchanged_on_error(model: nn.Module) -> Iterator[None]:
    """Put everything but the values of tensors back if something raises: modules, classes, attributes and hooks.

    Args:
        model: The network that is changed inside.

    Example:
        >>> model = nn.Sequential(nn.ReLU())
        >>> try:
        ...     with unchanged_on_error(model):
        ...         model[0] = nn.Tanh()
        ...         raise KeyError
        ... except KeyError:
        ...     print(model[0])
        ReLU()
    """
    before = [
        (
            module,
            type(module),
            dict(vars(module)),
            [(value, value.copy()) for value in vars(module).values() if isinstance(value, (dict, list, set))],
        )
        for module in model.modules()
    ]
    try:
        yield
    except BaseException:
        for module, kind, attributes, containers in before:
            vars(module).clear()
            vars(module).update(attributes)
            module.__class__ = kind
            for container, items in containers:  # the same ones, which handles of hooks refer to
                container.clear()
                container.extend(items) if isinstance(container, list) else container.update(items)
        forget_compiled()
        raise


def apply(model: nn.Module, plan: Plan | ConversionStep) -> Conversion:
    """Make the changes of a plan in a network, all or none, and leave the record there."""
    if isinstance(plan, Plan):
        plan = ConversionStep(plan.filter, plan.placement, plan.sites, plan.edits, plan.notes)
    with unchanged_on_error(model):
        with fork_rng(), torch.inference_mode(False):
            plan.before = [edit.apply(model, plan.filter) for edit in plan.edits]
        for site in plan.sites:
            filters = [edit for edit in site.edits if isinstance(edit, FilterEdit)]
            for edit in filters:
                layer: Any = model.get_submodule(edit.path)
                layer.site = site.name
            inserted = [edit.path for edit in filters if isinstance(edit, Insert)]
            if inserted and ":" not in site.name:
                ran = "upsampled" if any(edit.upsampled for edit in filters) else "ran at stride 1"
                watch(model, site.name, inserted, site.place, ran)
    forget_compiled()
    model.__dict__.setdefault(_RECORD, []).append(plan)
    return Conversion(model)


def undo(model: nn.Module, step: ConversionStep) -> None:
    """Take the last step of a conversion back."""
    forget_compiled()
    unwatch(model, {site.name for site in step.sites})
    for edit, before in reversed(list(zip(step.edits, step.before, strict=True))):
        if has(model, edit.module):
            edit.undo(model, before)
    steps: list[ConversionStep] = model.__dict__[_RECORD]
    steps.remove(step)
    if not steps:
        del model.__dict__[_RECORD]


def replay_(
    model: nn.Module,
    values: Mapping[str, Any],
    filters: Sequence[type[Filter]] = (),
    stored: Mapping[str, Tensor] | None = None,
) -> Conversion:
    """Convert a network as another of its kind was, from `Conversion.to_dict()`, without running it.

    Args:
        model: The network; it is changed.
        values: The conversion as plain values.
        filters: Filter configs of the user's own that it may name.
        stored: The tensors that the network will be filled with, by name: no filter of another size is made.

    Raises:
        ValueError: The network does not have the modules that the conversion names, or is converted already. As after
            any other error, it is what it was.
    """
    if conversion_of(model) is not None:
        raise ValueError(f"{type(model).__name__} is converted already. Call conversion_of(model).revert_() first.")
    steps = [
        ConversionStep(
            filter_from_dict(step["filter"], filters),
            step["placement"],
            tuple(map(site_from_dict, step["sites"])),
            tuple(map(edit_from_dict, step.get("rest", ()))),
            tuple(step.get("notes", ())),
        )
        for step in values["steps"]
    ]
    edits = [edit for step in steps for edit in step.edits]
    filters_of_steps = tuple(f"{edit.path}." for edit in edits if isinstance(edit, FilterEdit))
    named = {edit.module for edit in edits if not f"{edit.module}.".startswith(filters_of_steps)}
    if missing := sorted(named - dict(model.named_modules()).keys()):
        raise ValueError(
            f"{type(model).__name__} has no module {missing[0]!r} ({len(missing)} of {len(named)} are missing), so "
            "this conversion was made on another network. Build the network it was saved with."
        )
    for step in steps if stored is not None else []:
        for edit in step.edits:
            if isinstance(edit, FilterEdit):
                _check_size(edit, step.filter, stored or {})
    with unchanged_on_error(model):
        for step in steps:
            apply(model, step)
    return Conversion(model)


def _check_size(edit: FilterEdit, config: Filter, stored: Mapping[str, Tensor]) -> None:
    """Compare a filter, without making its tensors, with those that it will be filled with.

    Raises:
        ValueError: They differ.
    """
    most = max((tensor.numel() for tensor in stored.values()), default=0)
    for name, tensor in edit.build(config, device=torch.device("meta")).state_dict().items():
        held = stored.get(f"{edit.path}.{name}")
        if tensor.numel() > most if held is None else held.shape != tensor.shape:  # what is shared is stored once
            shape = "is missing" if held is None else f"has shape {tuple(held.shape)}"
            raise ValueError(f"{config} at {edit.path} has {name} of shape {tuple(tensor.shape)}, which {shape}")
