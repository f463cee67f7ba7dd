"""Notice operations that gave their stride to a filter and run without it.

What a tool puts in the place of a filtered module takes the filter over (`_places`), unless the tool leaves no trace.
So the operation, the filter, and the nearest module around both each have a hook: a pass of that module in which the
operation ran more often than its filter raises. So does one in which neither ran, since something at stride 1 was put
into `_modules` in the operation's place, which takes all its hooks away. Marks belong to a thread and to a pass:
replicas, exceptions and checkpointing leave none behind. Nothing is looked at while a network is compiled, exported or
traced.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx import Proxy

from antialias._torch import forward_hooks, forward_pre_hooks, is_compiled, own_children

from ..dataflow import pair


class _Marks(threading.local):
    """How often operations ran ahead of their filters, by the name of their site."""

    def __init__(self) -> None:
        self.ahead: dict[str, int] = {}


_marks = _Marks()


@dataclass(frozen=True)
class Ran:
    """Mark that an operation, or its filter, ran.

    Attributes:
        site: Name of the site.
        step: 1 of an operation, -1 of a filter.
    """

    site: str
    step: int

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if not torch.compiler.is_compiling() and not isinstance(output, Proxy):
            _marks.ahead[self.site] = _marks.ahead.get(self.site, 0) + self.step


@dataclass(frozen=True)
class Begin:
    """Forget marks of an earlier pass that was cut off.

    Attributes:
        site: Name of the site.
    """

    site: str

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        if not torch.compiler.is_compiling():
            _marks.ahead.pop(self.site, None)


@dataclass(frozen=True)
class End:
    """Raise if an operation ran in a pass, and its filter did not.

    Attributes:
        site: Name of the site.
        place: Where the filter was put.
        path: Name of the operation in the module around.
        ran: How the operation ran, in words.
    """

    site: str
    place: str
    path: str = ""
    ran: str = "ran at stride 1"

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if torch.compiler.is_compiling() or isinstance(output, Proxy):
            return
        ahead = _marks.ahead.pop(self.site, 0)
        if ahead < 0 or (ahead == 0 and not self.is_replaced(module)):
            return
        if any(is_compiled(inner) for inner in module.modules()):
            return  # what is compiled marks nothing
        why = "It was put into _modules, unregistered. " if ahead == 0 else ""
        raise RuntimeError(
            f"{self.site} {self.ran}, and its filter at the {self.place} did not run. {why}A tool has taken that "
            "module or its hooks away: often one that folds norms into convolutions, or makes norms anew. "
            "Let it work on the network before convert_, or undo the conversion first: conversion_of(model).revert_()."
        )

    def is_replaced(self, around: nn.Module) -> bool:
        """Say whether something else at stride 1 is where the operation was, which nobody has registered there."""
        here: Any = around
        for name in self.path.split(".") if self.path else ():
            if (here := own_children(here).get(name)) is None:
                return False
        return here is not around and pair(getattr(here, "stride", 0)) == (1, 1) and not marks(here, self.site)


def marks(module: nn.Module, site: str) -> list[Ran]:
    """Return what marks a site in the first module that has such marks."""
    for inner in module.modules():
        if ours := [hook for hook in forward_hooks(inner).values() if isinstance(hook, Ran) and hook.site == site]:
            return ours
    return []


def watch(model: nn.Module, site: str, filters: Sequence[str], place: str, ran: str = "ran at stride 1") -> None:
    """Watch one site.

    Args:
        model: The network.
        site: Name of the module that gave its stride away, or that upsamples.
        filters: Names of its filters in the network.
        place: Where they are, in words.
        ran: How the module ran, in words.
    """
    paths = [site.split(".")[:-1], *(name.split(".")[:-2] for name in filters)]
    shared = 0
    while all(len(path) > shared and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    around = model.get_submodule(".".join(paths[0][:shared]))
    around.register_forward_pre_hook(Begin(site), prepend=True)
    around.register_forward_hook(End(site, place, ".".join(site.split(".")[shared:]), ran))
    model.get_submodule(site).register_forward_hook(Ran(site, 1))
    for name in filters:
        model.get_submodule(name).register_forward_hook(Ran(site, -1))


def unwatch(model: nn.Module, sites: set[str]) -> None:
    """Take the hooks of these sites away."""
    for module in model.modules():
        for hooks in (forward_pre_hooks(module), forward_hooks(module)):
            ours: dict[int, Any] = hooks
            for key in [k for k, h in ours.items() if isinstance(h, (Ran, Begin, End)) and h.site in sites]:
                del ours[key]
