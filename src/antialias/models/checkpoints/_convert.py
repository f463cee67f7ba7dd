"""Give a network the filters that a file has, where the file has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from antialias.nn import Adaptive, Filter, Fixed
from antialias.surgery import (
    Conversion,
    Placement,
    Site,
    conversion_of,
    input_size,
    inspect,
    replay_,
    unconverted_copy,
)
from antialias.surgery.edits import FilterEdit, Insert, Replace, SetAttributes

from ._layout import Layout, StoredFilter

_PADDING_MODES = {"reflect": "reflect", "replicate": "replicate", "constant": "zeros", "circular": "circular"}


def convert_as_stored_(model: nn.Module, layout: Layout, path: Path) -> dict[str, str]:
    """Give a plain network the filters of a file, or find them in a converted one.

    Args:
        model: The network; it is changed.
        layout: What the file holds.
        path: What messages call the file.

    Returns:
        `{name in the file: name in the network}` of the filters.

    Raises:
        ValueError: The network has no such place, or its own filters are others than the file's.
    """
    conversion = conversion_of(model)
    if conversion is not None:
        return _filters_of(conversion, layout, path)
    sites = [(site, [edit for edit in site.edits if isinstance(edit, FilterEdit)]) for site in _sites(model, layout)]
    owners = {edits[0].module: edits[0].channels for _, edits in sites if edits}
    paths = {edits[0].module: edits[0].path for _, edits in sites if edits}
    holders = _matched(layout.filters, owners, model, path)
    by_holder = {holder: stored for stored, holder in holders.items()}
    steps: dict[Filter, list[Site]] = {}
    left: list[Site] = []
    for site, edits in sites:
        stored = by_holder.get(edits[0].module) if edits else None
        if stored is not None:
            steps.setdefault(stored.config, []).append(_at_stride_of_file(site))
        elif site.action == "filter":
            plain = dataclasses.replace(site, action="leave", place="", edits=(), macs=0, parameters=0)
            left.append(dataclasses.replace(plain, reason=f"no filter in {path.name}"))
        else:
            left.append(site)
    if steps:
        steps[next(reversed(steps))] += left
        replay_(model, _as_steps(steps, "paper"))
    return {stored.name: paths[holder] for stored, holder in holders.items()}


def adopt_filters_(model: nn.Module) -> Conversion | None:
    """Put this package's filters in the place of timm's where they compute the same; `None` where there are none.

    timm's `BlurPool2d` is `Fixed` of its size, and its `AvgPool2d(2)` in the same places `Fixed(kernel_size=2)`, which
    in maps with an odd side keeps the last row and column that timm's drops. Blurs of even size, which give other
    sizes there, stay timm's.

    Args:
        model: The network; it is changed.
    """
    configs = {name: config for name, module in model.named_modules() if (config := _config_of(name, module))}
    if not configs:
        return None
    steps: dict[Filter, list[Site]] = {}
    for site in inspect(model, _example(model), Fixed()).sites:
        name = site.name.partition(":")[0]
        if (config := configs.get(name)) is not None:
            owner, _, child = name.rpartition(".")
            rows, columns = site.stride
            like = next(iter(dict(model.named_parameters())), "")
            edit = Replace(module=owner, replaced=child, channels=site.channels, stride=(rows, columns), like=like)
            reason = "in the place of timm's, which computes the same"
            adopted = dataclasses.replace(site, name=name, kind="filter", action="filter", reason=reason, edits=(edit,))
            steps.setdefault(config, []).append(dataclasses.replace(adopted, place=f"in place of {name}", macs=0))
    return replay_(model, _as_steps(steps, "exact"))


def _config_of(name: str, module: nn.Module) -> Filter | None:
    """Return the filter that does what a layer of timm's does, if it is one and one does."""
    kind: Any = type(module)
    if kind.__name__ == "BlurPool2d" and kind.__module__.startswith("timm."):
        layer: Any = module
        half, mode = layer.filt_size // 2, _PADDING_MODES.get(layer.pad_mode)
        if layer.filt_size % 2 and 3 <= layer.filt_size <= 7 and list(layer.padding) == [half] * 4 and mode:
            return Fixed(kernel_size=layer.filt_size, padding_mode=mode)  # type: ignore[arg-type]
    if kind is nn.AvgPool2d and name.rpartition(".")[2] in ("aa", "maxpool"):
        pool: Any = module
        if (pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode) == (2, 2, 0, False):
            return Fixed(kernel_size=2)
    return None


def _sites(model: nn.Module, layout: Layout) -> list[Site]:
    """Return the places of a plain network where filters can be, each as the file has it.

    Where a fixed filter has the place of a max pool itself, as in DenseNet, the pool keeps its window beside it; where
    it stands behind the pool, as in ResNet, the pool's window is smaller, as published. The first convolution keeps its
    stride unless there are more filters than other places, as in AlexNet.
    """
    kind = next((stored.config for stored in layout.filters), Fixed())
    example, modules = _example(model), dict(model.named_modules())
    plan = inspect(model, example, kind, placement="paper", stem=False)
    if len(plan.changed) < len(layout.filters):
        plan = inspect(model, example, kind, placement="paper", stem=True)
    sites = plan.sites
    fixed = {stored.name for stored in layout.filters if isinstance(stored.config, Fixed)}
    whole = {name for name in fixed if isinstance(modules.get(name), nn.MaxPool2d)}
    if whole:
        exact = {site.name: site for site in inspect(model, example, kind, stem=False).sites}
        sites = tuple(exact[site.name] if site.name in whole else site for site in sites)
    return list(sites)


def _example(model: nn.Module) -> Any:
    _, *sides = input_size(model) or (3, 224, 224)
    modules = list(model.modules())
    channels = next((module.in_channels for module in modules if isinstance(module, nn.Conv2d)), 3)
    if any(type(module).__name__ == "SpaceToDepth" for module in modules):
        channels = 3  # its first convolution reads blocks of pixels
    image = torch.zeros(channels, *sides)
    like = next((p for p in model.parameters() if p.is_floating_point()), image)
    image = image.to(device=like.device, dtype=like.dtype)
    return [image] if type(getattr(model, "transform", None)).__name__ == "GeneralizedRCNNTransform" else image[None]


def _at_stride_of_file(site: Site) -> Site:
    """Return a site as the file has it: of a first convolution with stride 4, as in AlexNet, a filter takes half."""
    if site.kind != "stem" or site.stride != (4, 4):
        return site
    edits = tuple(
        dataclasses.replace(edit, stride=(2, 2))
        if isinstance(edit, Insert)
        else dataclasses.replace(edit, attributes={"stride": (2, 2)})
        if isinstance(edit, SetAttributes)
        else edit
        for edit in site.edits
    )
    return dataclasses.replace(site, edits=edits, reason=f"{site.reason}; the convolution keeps half of its stride")


def _as_steps(steps: Mapping[Filter, Iterable[Site]], placement: Placement) -> dict[str, Any]:
    return {
        "version": 1,
        "steps": [
            {"filter": config.to_dict(), "placement": placement, "sites": [site.to_dict() for site in sites]}
            for config, sites in steps.items()
        ],
    }


def _matched(
    filters: Iterable[StoredFilter], owners: Mapping[str, int], model: nn.Module, path: Path
) -> dict[StoredFilter, str]:
    """Give each filter of a file a module of the network that holds one: the one named so, else the one of its block.

    Raises:
        ValueError: Some find none.
    """
    holders: dict[str, StoredFilter] = {}
    waiting = list(filters)
    for choose in (_by_name, _by_descendant, _by_block):
        for stored in [*waiting]:
            free = [owner for owner, channels in owners.items() if owner not in holders and channels == stored.channels]
            if (owner := choose(stored, free)) is not None:
                holders[owner] = stored
                waiting.remove(stored)
    if waiting:
        names = ", ".join(f"{stored.name} ({stored.channels} channels)" for stored in waiting)
        places = ", ".join(f"{name} ({channels})" for name, channels in owners.items()) or "none"
        raise ValueError(
            f"{path} has filters where {type(model).__name__} has no place for them: {names}. Its places: {places}. "
            "Use the network that the file was trained with, as model=."
        )
    return {stored: owner for owner, stored in holders.items()}


def _by_name(stored: StoredFilter, free: list[str]) -> str | None:
    return next((spot for spot in stored.spots if spot in free), None)


def _by_descendant(stored: StoredFilter, free: list[str]) -> str | None:
    inside = [owner for spot in stored.spots for owner in free if owner.startswith(f"{spot}.")]
    return inside[0] if len(inside) == 1 else None


def _by_block(stored: StoredFilter, free: list[str]) -> str | None:
    inside = [owner for owner in free if owner.startswith(f"{stored.block}.")]
    return inside[0] if len(inside) == 1 and stored.block else None


def _filters_of(conversion: Conversion, layout: Layout, path: Path) -> dict[str, str]:
    """Find the filters of a file in a network that is converted already.

    Raises:
        ValueError: It has others, or has them elsewhere.
    """
    layers: dict[str, Any] = conversion.filters()
    if not layout.filters:
        return {}
    paths = {name.rpartition(".")[0]: name for name in layers}
    owners = {owner: int(getattr(layers[name], "channels", 0)) for owner, name in paths.items()}
    holders = _matched(layout.filters, owners, conversion.model, path)
    if extra := sorted(owners.keys() - set(holders.values())):
        raise ValueError(
            f"{path} has {len(holders)} filters, {type(conversion.model).__name__} {len(owners)}: there is none in the "
            f"file for {', '.join(extra)}. Pass the plain network, which is converted as the file is."
        )
    for stored, owner in holders.items():
        layer = layers[paths[owner]]
        same_kind = hasattr(layer, "taps") if isinstance(stored.config, Fixed) else hasattr(layer, "groups")
        wanted: Any = stored.config
        size = getattr(layer, "kernel_size", None)
        alike = size in (wanted.kernel_size, (wanted.kernel_size,) * 2)
        if isinstance(wanted, Adaptive):
            alike = alike and layer.groups == wanted.groups if same_kind else False
        if not (same_kind and alike):
            raise ValueError(
                f"{path} has {stored.config} at {stored.name}, where the network has {layer}. Pass the plain network, "
                "which is converted as the file is."
            )
    # Filters in the same places are not enough: around them, pools have other windows and convolutions other strides.
    twin = unconverted_copy(conversion.model)
    convert_as_stored_(twin, layout, path)
    published = dict(twin.named_modules())
    for name, module in conversion.model.named_modules():
        is_filter = any(f"{name}.".startswith(f"{own}.") for own in layers)
        if name in published and not is_filter and (said := published[name].extra_repr()) != module.extra_repr():
            raise ValueError(
                f"{path} has {name} with {said}, where the network has {module.extra_repr()}: it was converted "
                "otherwise. Pass the plain network, which is converted as the file is."
            )
    return {stored.name: paths[owner] for stored, owner in holders.items()}
