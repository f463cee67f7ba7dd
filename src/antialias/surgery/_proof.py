"""Prove that a plan keeps what a network computes, before it is carried out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from antialias._torch import tree_map_only
from antialias.nn import Fixed, PhaseAlignment, PhaseAverage, ShiftAverage

from ._conversion import ConversionStep, apply, undo
from ._plan import Plan
from .dataflow import copied, tensors_in, untouched
from .edits import FilterEdit

_CLOSE, _FAR = 1e-4, 1e-3

Input = tuple[tuple[Any, ...], dict[str, Any]]


class _SamePhases(PhaseAverage):
    """As many runs as a `PhaseAverage` has, all of the phase that the network keeps."""

    def offsets(self, stride: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        return ((0, 0),) * len(super().offsets(stride))


def prove(model: nn.Module, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Try a plan and take it back: whether it keeps what the network computes, where it is meant to, or runs at all.

    Args:
        model: The network. One without values, on the meta device, is left alone.
        plan: What would be done to it.
        args: Positional arguments of the network.
        kwargs: Keyword arguments of the network.

    Raises:
        ValueError: A site changes what the network computes, or the network does not run with the plan.
    """
    if any(tensor.is_meta for tensor in (*model.parameters(), *tensors_in((args, dict(kwargs))))):
        return
    if isinstance(plan.filter, (PhaseAlignment, ShiftAverage)):
        return  # the network is run as a whole, as the plan did
    if plan.placement == "exact" and plan.filter.phase is None:
        _check_exact(model, plan, args, kwargs)
    else:
        _check_runs(model, plan, args, kwargs)


def _check_exact(model: nn.Module, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Compare a network with itself under filters of one tap, which hand their map on, so that only a plan can differ.

    Where phases are to be averaged, each of them is the phase that the network keeps, and so the average what it was.

    The example is tried, and one of another size where the network takes it; phases with two images as well, since a
    network that asks for the number of its images early finds more of them later. Everything is undone before this
    returns.
    Outputs that hardly differ are enough; where they do, as after a detector's suppression, the maps at the filters
    decide.
    """
    filters = [(edit, site) for site in plan.changed for edit in site.edits if isinstance(edit, FilterEdit)]
    owners = {edit.module: site for edit, site in filters}
    inputs: list[Input] = [(args, dict(kwargs))]
    before = [_run(model, inputs[0])]
    averages = isinstance(plan.filter, PhaseAverage)
    dims = {len(edit.stride) for edit, _ in filters}
    for others in (_other_sizes(*inputs[0], dims), _two_images(*inputs[0]) if averages else ()):
        for other in others:
            try:
                before.append(_run(model, other))
            except Exception:  # whatever a network says of an input that it does not take
                continue
            inputs.append(other)
            break
    same = _SamePhases(phases=plan.filter.phases) if isinstance(plan.filter, PhaseAverage) else Fixed(kernel_size=1)
    trial = ConversionStep(same, plan.placement, plan.sites, plan.edits)
    with _applied(model, trial):
        try:
            after = [_run(model, each) for each in inputs]
        except Exception as error:
            names = ", ".join(site.name for site in plan.changed)
            if averages:
                raise ValueError(
                    f"{plan.network} does not run with several phases in its batch ({error}). Nothing was converted. "
                    f"Average phases at other sites than {names}: where=."
                ) from error
            raise ValueError(
                f"{plan.network} does not run with filters that do nothing ({error}). Nothing was converted. "
                f"Leave out the site that it cannot do without, by where=; there are {names}."
            ) from error
    for each, old, new in zip(inputs, before, after, strict=True):
        if _error(new, old) <= _CLOSE:
            continue
        if averages:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_in(each))
            raise ValueError(
                f"{plan.network} mixes images of a batch, so that its phases do not stay apart behind "
                f"{plan.changed[0].name}: its answer to an input of {shapes} changes by {_error(new, old):.1%} where "
                "all phases are the one that it keeps. Nothing was converted. Average phases at other sites: where=."
            )
        old_maps = _maps(model, owners, each)
        with _applied(model, trial):
            new_maps = _maps(model, owners, each)
        for name, old_map in old_maps.items():
            if (error := _error(new_maps.get(name, []), old_map)) > max(_FAR, 30 * torch.finfo(old_map[0].dtype).eps):
                site, shapes = owners[name], ", ".join(str(tuple(tensor.shape)) for tensor in tensors_in(each))
                raise ValueError(
                    f"{site.name} ({site.operation}, filter at {site.place}) would change what {plan.network} "
                    f"computes, with a filter that does nothing, by {error:.1%} on an input of {shapes}. Nothing was "
                    f"converted. Leave the site out: where=lambda site: site.name != {site.name!r}."
                )


def _check_runs(model: nn.Module, plan: Plan, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Run a network with a plan that is not meant to keep its function: a map may get another size on the way."""
    with _applied(model, ConversionStep(plan.filter, plan.placement, plan.sites, plan.edits)):
        try:
            _run(model, (args, dict(kwargs)))
        except Exception as error:
            names = ", ".join(dict.fromkeys(f"{site.name} ({site.operation})" for site in plan.changed))
            raise ValueError(
                f"{plan.network} does not run with {plan.filter} ({error}). Nothing was converted. A phase that is "
                "chosen gives some pools and convolutions a map of another size, which layers of a fixed size do not "
                f"take. Leave out the site that does, by where=; there are {names}."
            ) from error


def _other_sizes(args: tuple[Any, ...], kwargs: dict[str, Any], dims: Collection[int]) -> Iterator[Input]:
    """Yield the input at other sizes: smaller and of other parity, and larger by what most networks divide by.

    Args:
        args: Positional arguments.
        kwargs: Keyword arguments.
        dims: How many dimensions the maps have that are filtered, and so the inputs that are resized.
    """
    maps = [t for t in tensors_in((args, kwargs)) if t.ndim - 2 in dims and t.is_floating_point()]
    if not maps:
        return
    before = maps[0].shape[2:]
    smaller = [max(n * 3 // 4 & ~1, 1) if axis % 2 else n * 3 // 4 | 1 for axis, n in enumerate(before)]
    for size in (smaller, [n + 1 for n in before], [n + 32 * (axis + 1) for axis, n in enumerate(before)]):

        def resized(tensor: Tensor, size: list[int] = size) -> Tensor:
            fits = tensor.shape[2:] == before and tensor.is_floating_point()
            return F.interpolate(tensor, size) if fits else tensor

        yield tree_map_only(Tensor, resized, (args, kwargs))


def _two_images(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Input]:
    """Yield an input of one image with another beside it, its mirror image."""
    maps = [tensor for tensor in tensors_in((args, kwargs)) if tensor.ndim == 4]
    if maps and all(len(tensor) == 1 for tensor in maps):

        def doubled(tensor: Tensor) -> Tensor:
            return torch.cat([tensor, tensor.flip(-1)]) if tensor.ndim == 4 else tensor

        yield tree_map_only(Tensor, doubled, (args, kwargs))


@contextmanager
def _applied(model: nn.Module, step: ConversionStep) -> Iterator[None]:
    apply(model, step)
    try:
        yield
    finally:
        undo(model, step)


def _run(model: nn.Module, inputs: Input) -> list[Tensor]:
    with untouched(model):
        args, kwargs = copied(inputs)
        return [tensor.clone() for tensor in tensors_in(model(*args, **kwargs))]


def _maps(model: nn.Module, names: Mapping[str, Any], inputs: Input) -> dict[str, list[Tensor]]:
    """Return what the modules of these names compute, in the order in which they run."""
    maps: dict[str, list[Tensor]] = {}

    def keep(name: str, output: object) -> None:
        maps.setdefault(name, []).extend(tensor.clone() for tensor in tensors_in(output))

    handles = [
        model.get_submodule(name).register_forward_hook(lambda _, args, output, name=name: keep(name, output))
        for name in names
    ]
    try:
        _run(model, inputs)
    finally:
        for handle in handles:
            handle.remove()
    return maps


def _error(after: Sequence[Tensor], before: Sequence[Tensor]) -> float:
    """Return the relative error of tensors, infinite where their shapes differ."""
    if [tensor.shape for tensor in after] != [tensor.shape for tensor in before]:
        return float("inf")
    errors = [0.0]
    for new, old in zip(after, before, strict=True):
        exact = torch.promote_types(old.dtype, torch.float64)  # complex numbers stay complex
        new, old = (tensor.to(exact).nan_to_num() for tensor in (new, old))
        errors.append(float((new - old).norm() / old.norm().clamp_min(torch.finfo(torch.float32).tiny)))
    return max(errors)
