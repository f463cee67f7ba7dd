"""Benchmarks of whole networks, plain and with filters of each kind."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from antialias.models import build
from antialias.nn import Adaptive, AdaptiveBlurPool2d, BlurPool2d, Filter, Fixed
from antialias.surgery import convert_

from .._benchmark import Implementation, Implementations, Shape
from ._filters import LAYOUTS, compiled, noise
from ._modules import FullResolution, PredictorOnly, Subsample


def evaluation(shape: Shape, *, base: str, peer: str, layout: str) -> Implementations:
    """The forward pass of networks; the adaptive one in its published form is checked and not timed.

    Args:
        shape: Shape of the images.
        base: Name of the network that is converted.
        peer: Name of another package's network with a fixed blur; none if empty.
        layout: One of `LAYOUTS`.
    """
    x, networks = noise(*shape, layout=layout), _plain_and_converted(base, peer)
    published = _replaced(copy.deepcopy(networks["adaptive k3 G8"]), AdaptiveBlurPool2d, FullResolution)
    for network in networks.values():
        network.to(memory_format=LAYOUTS[layout])
    implementations = {name: Implementation(network, (x,)) for name, network in networks.items()}
    implementations["adaptive k3 G8"] = Implementation(networks["adaptive k3 G8"], (x,), computes="adaptive")
    return {**implementations, "full resolution": Implementation(published, (x,), (), "adaptive")}


def training(shape: Shape, *, base: str, peer: str, layout: str) -> Implementations:
    """A training step of the same networks.

    Args:
        shape: Shape of the images.
        base: Name of the network that is converted.
        peer: Name of another package's network with a fixed blur; none if empty.
        layout: One of `LAYOUTS`.
    """
    x = noise(*shape, layout=layout)
    networks = {name: net.to(memory_format=LAYOUTS[layout]) for name, net in _plain_and_converted(base, peer).items()}
    return {name: Implementation(network, (x,), ("training step",)) for name, network in networks.items()}


def eager_and_compiled(shape: Shape, *, base: str) -> Implementations:
    """The forward pass of one adaptive network, eager and compiled."""
    eager = Implementation(_converted(base, Adaptive(init="binomial")), (noise(*shape),), computes="network")
    return {"eager": eager, "compiled": compiled(eager)}


def _plain_and_converted(base: str, peer: str) -> dict[str, nn.Module]:
    adaptive = Adaptive(init="binomial")
    networks = {
        "plain": build(base),
        "placement alone": _replaced(_converted(base, Fixed()), BlurPool2d, lambda blur: Subsample(blur.stride)),
        "placement and predictor": _replaced(_converted(base, adaptive), AdaptiveBlurPool2d, PredictorOnly),
        "fixed 3x3": _converted(base, Fixed()),
        "adaptive k3 G8": _converted(base, adaptive),
        "adaptive k3 G8, separable predictor": _converted(base, Adaptive(init="binomial", predictor="separable")),
    }
    return {**networks, peer: build(peer)} if peer else networks


def _converted(base: str, config: Filter) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build(base)
        convert_(model, config, example=torch.zeros(1, 3, 64, 64))
    return model


def _replaced(model: nn.Module, kind: type[nn.Module], other: Callable[[Any], nn.Module]) -> nn.Module:
    """Give a converted network another form of each of its filters, in place."""
    for name, module in list(model.named_modules()):
        if isinstance(module, kind):
            model.set_submodule(name, other(module))
    return model
