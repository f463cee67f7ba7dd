"""Whether a network is still the one that its name builds."""

from __future__ import annotations

import re
import warnings

import torch
from torch import nn

from antialias.models._origin import Origin, origin_of
from antialias.models.libraries import build_architecture, without_memory
from antialias.surgery import conversion_of, unconverted_copy


def name_of(model: nn.Module) -> Origin | None:
    """Return what a network is built from; `None` for one of the user's own, or changed since it was built.

    What has no parameters leaves no trace in a file: another activation, pool or padding would be lost without a word.

    Args:
        model: The network, converted or not.

    Warns:
        UserWarning: It was changed, so that its file does not say how to build it.
    """
    if (origin := origin_of(model)) is None:
        return None
    try:
        with torch.random.fork_rng(devices=()):
            plain = model if conversion_of(model) is None else unconverted_copy(model)
            now = dict(plain.named_modules())
            built = dict((without_memory(origin) or build_architecture(origin)).named_modules())
    except (ValueError, OSError):  # a tool has folded what would be reverted, or a folder is gone: `load` tells
        return origin
    for name in sorted(now.keys() | built.keys()):
        here, there = (_said(each[name]) if name in each else "none" for each in (now, built))
        holds = any(name in each and [*each[name].children(), *each[name].parameters()] for each in (now, built))
        if (holds and type(now.get(name)) is not type(built.get(name))) or "Drop" in here + there:
            continue  # its tensors tell, or evaluation does not ask
        if here != there:
            warnings.warn(
                f"{origin.name} has {here} at {name!r}, where its name builds {there}: it was changed since. The file "
                "will need the changed network: load(path, model=...).",
                stacklevel=3,
            )
            return None
    return origin


def _said(module: nn.Module) -> str:
    """Return a module's type and settings, without those that only training asks."""
    settings = re.sub(r"(inplace|momentum|track_running_stats)=[^,]*(, )?", "", module.extra_repr())
    return f"{type(module).__name__}({settings.rstrip(', ')})"
