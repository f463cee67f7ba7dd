"""What of a file fits a network, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_LISTED = 8


@dataclass(frozen=True)
class Misfit:
    """What does not fit; false where everything does.

    Attributes:
        missing: Names of the network's tensors that the file lacks.
        unexpected: Names in the file that the network lacks.
        shapes: `{name: (shape in the file, shape in the network)}` of what differs.
        types: `{name: (type in the file, type in the network)}` where one holds fractions and the other does not.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    types: dict[str, tuple[torch.dtype, torch.dtype]]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.shapes or self.types)

    def __str__(self) -> str:
        differs = [
            f"{name} is {_size(there)} in the file, {_size(here)} here" for name, (there, here) in self.shapes.items()
        ]
        types = [f"{name} is {there} in the file, {here} here" for name, (there, here) in self.types.items()]
        parts = {
            "missing": self.missing,
            "unexpected": self.unexpected,
            "of another shape": differs,
            "of another type": types,
        }
        return "; ".join(f"{len(names)} {kind} ({_listed(names)})" for kind, names in parts.items() if names)

    @property
    def classes(self) -> tuple[int, int] | None:
        """How many classes the file and the network have, where nothing but that differs."""
        if self.missing or self.unexpected or self.types or not self.shapes:
            return None
        pairs = list(self.shapes.values())
        there, here = (
            min(there[0] if there else 0 for there, _ in pairs),
            min(here[0] if here else 0 for _, here in pairs),
        )
        same = all(a[1:] == b[1:] and a and b and a[0] * here == b[0] * there for a, b in pairs)
        return (there, here) if same and there else None


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a number"


def _listed(names: Any) -> str:
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def compare(model: nn.Module, tensors: Mapping[str, Tensor], without: tuple[str, ...] = ()) -> Misfit:
    """Compare a network's tensors with those of a file.

    Counts of batches may be missing: networks saved before torch counted them have none.

    Args:
        model: The network.
        tensors: The file's, by the network's names.
        without: Names of modules of the network that the file need not fill.
    """
    aside = tuple(f"{name}." for name in without)
    own = {name: tensor for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor)}
    both = [name for name in own if name in tensors]
    return Misfit(
        missing=tuple(
            name
            for name in own
            if name not in tensors and not name.endswith("num_batches_tracked") and not name.startswith(aside)
        ),
        unexpected=tuple(name for name in tensors if name not in own),
        shapes={
            name: (tuple(tensors[name].shape), tuple(own[name].shape))
            for name in both
            if tensors[name].shape != own[name].shape
        },
        types={
            name: (tensors[name].dtype, own[name].dtype)
            for name in both
            if tensors[name].dtype != own[name].dtype
            and (tensors[name].is_floating_point(), tensors[name].is_complex())
            != (own[name].is_floating_point(), own[name].is_complex())
        },
    )
