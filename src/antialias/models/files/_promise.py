"""Build the network that a file says it holds, once its tensors bear that out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from antialias.metrics import TransformersNetwork
from antialias.models._origin import Origin
from antialias.models.libraries import build_architecture, without_memory

from ._header import Header

_FIX = "Use the file that antialias.save wrote, or load(path, model=...) with the network."
_SPARE = 10_000  # modules without tensors, and those that a constructor makes and replaces


def build_as_promised(origin: Origin, header: Header, tensors: Mapping[str, Tensor], path: Path) -> nn.Module:
    """Build a network by name if it is as large as a file's tensors.

    It is built without memory first, where that can be, and compared: each of its parameters has to be in the file, in
    its shape. A file may name any number of classes, and a config any width.

    Args:
        origin: What to build.
        header: What the file says beside its tensors.
        tensors: The file's.
        path: What messages call the file.

    Raises:
        ValueError: The file does not bear it out, or there is no such network.
    """
    most = max((tensor.numel() for tensor in tensors.values()), default=0)
    if (origin.num_classes or 0) > most:
        raise ValueError(
            f"{path} says num_classes={origin.num_classes}, and its largest tensor has {most} values. {_FIX}"
        )
    with _at_most(len(tensors) + len(header.ties), path):
        try:
            promised = without_memory(origin)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{path} cannot be built: {str(error)[:300]}") from error
        if promised is None:
            return _built(origin, path)
    part: Any = promised
    if isinstance(promised, TransformersNetwork) and not all(name.startswith("network.") for name in tensors):
        part = promised.network
    for name, parameter in part.named_parameters():
        stored = tensors.get(header.ties.get(name, name))
        if stored is None or stored.shape != parameter.shape:
            held = "missing" if stored is None else f"of shape {tuple(stored.shape)}"
            raise ValueError(
                f"{path} does not fit {type(part).__name__}: {name} of shape {tuple(parameter.shape)} is {held}. {_FIX}"
            )
    return _built(origin, path)


def _built(origin: Origin, path: Path) -> nn.Module:
    try:
        return build_architecture(origin)
    except (TypeError, RuntimeError, ArithmeticError, LookupError) as error:
        raise ValueError(
            f"{path} names {origin.name}, which cannot be built so ({str(error)[:300]}). {_FIX}"
        ) from error


@contextmanager
def _at_most(tensors: int, path: Path) -> Iterator[None]:
    """Stop a constructor that registers many more parameters or modules than a file has tensors."""
    most, count = 4 * tensors + _SPARE, 0

    def register(*_: object) -> None:
        nonlocal count
        count += 1
        if count > most:
            raise ValueError(f"{path} names a network of more than {most:,} parts for {tensors} tensors. {_FIX}")

    handles = (
        register_module_parameter_registration_hook(register),
        register_module_module_registration_hook(register),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
