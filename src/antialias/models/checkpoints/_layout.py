"""A file's names in the words of a network: which are filters, where these stand, and what all others become."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from antialias.nn import Adaptive, Filter, Fixed
from antialias.ops import Normalize, binomial

_CONTAINERS = (nn.Sequential, nn.ModuleList)
_WRAPPERS = ("model.", "net.", "network.")
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")


@dataclass(frozen=True, eq=False)
class StoredFilter:
    """A filter that a file holds.

    Attributes:
        name: Its name in the file, such as `layer2.0.conv3.0`.
        channels: Channels of the map.
        config: What builds it.
        spots: Names of modules of the network that may hold it, the likeliest first.
        block: Name of the module of the network that it is somewhere in.
        tensors: Its weights by their names in the filter; empty for a fixed one.
    """

    name: str
    channels: int
    config: Filter
    spots: tuple[str, ...] = ()
    block: str = ""
    tensors: dict[str, Tensor] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Layout:
    """What a file holds, in the words of a network.

    Attributes:
        plain: Everything but the filters, by the network's names.
        filters: The filters.
        written: `{name: name in the file}` of everything in `plain`.
    """

    plain: dict[str, Tensor] = field(repr=False)
    filters: tuple[StoredFilter, ...]
    written: dict[str, str] = field(repr=False)


def layout_of(model: nn.Module, tensors: Mapping[str, Tensor], normalize: Normalize, path: Path) -> Layout:
    """Say what a file holds in the words of a network.

    Zhang's and the authors' networks have a filter as a module of its own, in a `Sequential` beside what it was put in
    front of or behind (`conv3.0` the filter, `conv3.1` the convolution), which moves all behind it by one.

    Args:
        model: The network, plain or converted.
        tensors: The file's state dict.
        normalize: How adaptive filters are normalised.
        path: What messages call the file.

    Raises:
        ValueError: A fixed filter is not the binomial one.
    """
    own = model.state_dict().keys()
    tensors = _without_wrapper(tensors, own)
    stored = _stored_filters(tensors, own, normalize, path)
    body = _body(tensors, own)
    modules = dict(model.named_modules())
    indices: dict[str, list[int]] = {}
    for name in stored:
        parent, _, index = name.rpartition(".")
        if index.isdigit():
            indices.setdefault(parent, []).append(int(index))
    filters = tuple(
        replace(one, spots=spots, block=block)
        for one in stored.values()
        for spots, block in [_place_of(_in_body(one.name, body), indices, modules)]
    )
    named: dict[str, str] = {}
    for name in tensors:
        if not any(name.startswith(f"{each}.") for each in stored):
            new = ".".join(_shifted(_in_body(name, body), indices, modules))
            named[name] = new if new in own else _older(new, own)
    # Of two names that become one, one is of a module that the network lacks; it keeps its name, and fits nothing.
    count = Counter(named.values())
    written = {new if count[new] == 1 else name: name for name, new in named.items()}
    plain = {new: tensors[name] for new, name in written.items()}
    return Layout(plain, filters, written)


def _older(name: str, own: Collection[str]) -> str:
    """Return a name as libraries spell it now: of DenseNet's layers, and of a classifier without dropout."""
    spelt = _OLD_DENSENET.sub(r"\1\2.", name)
    behind_dropout = name.replace("classifier.0.", "classifier.1.")
    return behind_dropout if name.startswith("classifier.0.") and behind_dropout in own else spelt


def _without_wrapper(tensors: Mapping[str, Tensor], own: Collection[str]) -> Mapping[str, Tensor]:
    """Take away, or put back, what stands in front of all names of one of the two sides only."""
    for prefix in ("module.", *_WRAPPERS):
        in_file, in_network = (all(name.startswith(prefix) for name in names) for names in (tensors, own))
        if in_file and not in_network:
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        elif in_network and not in_file:
            tensors = {prefix + name: tensor for name, tensor in tensors.items()}
    return tensors


def _stored_filters(
    tensors: Mapping[str, Tensor], own: Collection[str], normalize: Normalize, path: Path
) -> dict[str, StoredFilter]:
    """Find the filters in a file: buffers `filt` are fixed; `conv` and `bn` that the network lacks predict taps."""
    stored: dict[str, StoredFilter] = {}
    for name, tensor in tensors.items():
        place, _, kind = name.rpartition(".")
        if kind == "filt" and name not in own and tensor.ndim == 4:
            stored[place] = StoredFilter(place, tensor.shape[0], Fixed(kernel_size=_binomial_size(tensor, name, path)))
    for name, tensor in tensors.items():
        place = name.removesuffix(".conv.weight")
        if place == name or name in own or f"{place}.bn.running_mean" not in tensors or tensor.ndim != 4:
            continue
        outputs, channels, *size = tensor.shape
        groups, rest = divmod(outputs, size[0] * size[1])
        if size[0] == size[1] and size[0] % 2 and not rest and groups and not channels % groups:
            parts = {key.removeprefix(f"{place}."): t for key, t in tensors.items() if key.startswith(f"{place}.")}
            config = Adaptive(kernel_size=size[0], groups=groups, normalize=normalize, init="paper", predictor="full")
            stored[place] = StoredFilter(place, channels, config, tensors=parts)
    return stored


def _binomial_size(filt: Tensor, name: str, path: Path) -> int:
    """Return the size of a fixed filter.

    Raises:
        ValueError: It is not the binomial filter of its size.
    """
    channels, one, size, width = filt.shape
    row = binomial(size, dtype=torch.float64) if one == 1 and size == width and 1 <= size <= 7 else None
    if row is None or channels < 1 or not torch.allclose(filt.double(), torch.outer(row, row), rtol=0, atol=1e-4):
        raise ValueError(
            f"{path} has a fixed filter {name} of shape {tuple(filt.shape)} that is not the binomial one of 1 to 7 "
            "taps. Convert the plain network with a filter of your own, and load the weights without the filters."
        )
    return size


def _body(tensors: Mapping[str, Tensor], own: Collection[str]) -> str | None:
    """Return where a network has the body that the authors' detector calls `resnet`; `None`: it has it there, too."""
    if not any(name.startswith("resnet.stem.") for name in tensors) or any(name.startswith("resnet.") for name in own):
        return None
    start = "layer1.0.conv1.weight"
    return next((name.removesuffix(start) for name in own if name.endswith(start)), None)


def _in_body(name: str, body: str | None) -> str:
    if body is None or not name.startswith("resnet."):
        return name
    return body + name.removeprefix("resnet.").removeprefix("stem.")


def _shifted(name: str, indices: Mapping[str, list[int]], modules: Mapping[str, nn.Module]) -> list[str]:
    """Return the parts of a name in the network, where no filter stands in a sequence."""
    before: list[str] = []
    parts: list[str] = []
    for part in name.split("."):
        filters = indices.get(".".join(before))
        before.append(part)
        if filters is None or not part.isdigit():
            parts.append(part)
        elif isinstance(modules.get(".".join(parts)), _CONTAINERS):
            parts.append(str(int(part) - sum(index < int(part) for index in filters)))
    return parts


def _place_of(
    name: str, indices: Mapping[str, list[int]], modules: Mapping[str, nn.Module]
) -> tuple[tuple[str, ...], str]:
    """Return the modules of the network that may hold a filter, and the block that it is in."""
    parent, _, index = name.rpartition(".")
    around = ".".join(_shifted(parent, indices, modules)) if parent else ""
    block = around.rpartition(".")[0]
    if not index.isdigit():
        return (name, around), around
    if not isinstance(modules.get(around), _CONTAINERS):
        return (around,), block
    follower = int(_shifted(name, indices, modules)[-1])
    return tuple(f"{around}.{n}".lstrip(".") for n in (follower - 1, follower)), block
