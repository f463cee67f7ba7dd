"""Other people's fixed blurs, imported here and nowhere else, and only while a benchmark is made."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType

from torch import nn

from antialias.ops import PaddingMode


@dataclass(frozen=True)
class Peer:
    """A package with a fixed 3x3 blur of stride 2.

    Attributes:
        module: What is imported.
        modes: Its words for our padding modes.
        blur: Makes the layer from the module, a number of channels and its word for the padding mode.
    """

    module: str
    modes: dict[PaddingMode, str]
    blur: Callable[[ModuleType, int, str], nn.Module]


# By the names of their packages.
PEERS = {
    "timm": Peer(
        "timm.layers",
        {"reflect": "reflect", "zeros": "constant"},
        lambda module, channels, mode: module.BlurPool2d(channels, filt_size=3, stride=2, pad_mode=mode),
    ),
    "kornia": Peer("kornia.filters", {"zeros": "zeros"}, lambda module, channels, mode: module.BlurPool2D(3, stride=2)),
    "antialiased-cnns": Peer(
        "antialiased_cnns",
        {"reflect": "reflect", "zeros": "zero"},
        lambda module, channels, mode: module.BlurPool(channels, pad_type=mode, filt_size=3, stride=2),
    ),
}


def peers_with(mode: PaddingMode) -> tuple[str, ...]:
    """Name the peers that know a padding mode."""
    return tuple(name for name, peer in PEERS.items() if mode in peer.modes)


def peer_blurs(channels: int, mode: PaddingMode) -> dict[str, nn.Module]:
    """Make the blur of every installed peer that knows a padding mode."""
    installed = {name: PEERS[name] for name in peers_with(mode) if version(name)}
    return {
        name: peer.blur(importlib.import_module(peer.module), channels, peer.modes[mode])
        for name, peer in installed.items()
    }


def version(name: str) -> str:
    """Return the version of an installed package, or nothing."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def missing(names: Iterable[str]) -> list[str]:
    """Name the packages that are not installed, each once."""
    return [name for name in dict.fromkeys(names) if not version(name)]
