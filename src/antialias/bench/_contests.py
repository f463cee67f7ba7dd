"""The contests as data: what the timing runs, and what the tests run on tiny shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn

from antialias.models import build
from antialias.nn import Adaptive, AdaptiveBlurPool2d, BlurPool2d, Filter, Fixed
from antialias.ops import PaddingMode
from antialias.surgery import convert_

from ._contest import Contender, Contenders, Contest, Shape
from ._forms import (
    Clone,
    Copy,
    EveryOther,
    Exponential,
    FromLogits,
    FullResolution,
    Product,
    SameBytes,
    Strided,
    Unfiltered,
)
from ._peers import peer_blurs, peers_with

LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
BOTH = ("forward", "forward+backward")
_SHAPES = tuple(Shape(8, *rest) for rest in ((64, 112, 112), (128, 56, 56), (256, 56, 56), (512, 28, 28)))
_GROUPS = 8


def _noise(*shape: int, layout: str = "contiguous", seed: int = 0) -> Tensor:
    noise = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return noise.contiguous(memory_format=LAYOUTS[layout]) if len(shape) == 4 else noise


def _machine(shape: Shape) -> Contenders:
    x, y, side = _noise(*shape), torch.empty(shape), 16 * shape.channels
    convolution = nn.Conv2d(shape.channels, shape.channels, 3, padding=1, bias=False)
    return {
        "copy": Contender(Copy(), (x, y)),
        "exponential": Contender(Exponential(), (-x[0, :8].abs(), torch.empty_like(x[0, :8]))),
        "matrix product": Contender(Product(), (_noise(side, side), _noise(side, side, seed=1))),
        "3x3 convolution": Contender(
            convolution.to(memory_format=torch.channels_last), (_noise(*shape, layout="channels last"),)
        ),
    }


def _adaptive_layer(shape: Shape, *, compiled: bool = False) -> Contenders:
    layer = _drawn(AdaptiveBlurPool2d(shape.channels, groups=_GROUPS))
    forms = {"full resolution": FullResolution(layer), "strided reference": Strided(layer), "antialias": layer}
    x, last = _noise(*shape), _noise(*shape, layout="channels last")
    entries = {name: Contender(form, (x,), BOTH, "filter") for name, form in forms.items()}
    entries["predictor alone"] = Contender(Unfiltered(layer), (x,), BOTH)
    entries["antialias, channels last"] = Contender(layer, (last,), BOTH, "filter")
    if compiled:
        entries |= {f"{name}, compiled": _compiled(entries[name]) for name in ("full resolution", "strided reference")}
    return entries


def _drawn(layer: AdaptiveBlurPool2d) -> AdaptiveBlurPool2d:
    """Give the norm statistics that a trained one could have, or an error in them would not show."""
    generator, norm = torch.Generator().manual_seed(2), cast("Any", layer.bn)
    with torch.no_grad():
        for tensor in (norm.running_mean, norm.bias):
            tensor.normal_(0, 0.1, generator=generator)
        for tensor in (norm.running_var, norm.weight):
            tensor.uniform_(0.5, 1.5, generator=generator)
    return layer


def _compiled(contender: Contender) -> Contender:
    layer = cast("nn.Module", torch.compile(copy.deepcopy(contender.layer), fullgraph=True))  # no graph break
    return Contender(layer, contender.inputs, contender.passes, contender.computes, compiled=True)


def _adaptive_filter(shape: Shape, *, layout: str) -> Contenders:
    inputs = _maps_and_logits(shape, layout=layout)
    passes = ("forward", "backward")
    return {
        "clone": Contender(Clone(), inputs[:1]),
        "plain torch": Contender(FromLogits(backend="reference"), inputs, passes, "filter"),
        "antialias": Contender(FromLogits(), inputs, passes, "filter"),
    }


def _maps_and_logits(
    shape: Shape, groups: int = _GROUPS, kernel_size: int = 3, layout: str = "contiguous"
) -> tuple[Tensor, Tensor]:
    kept = (-(-shape.height // 2), -(-shape.width // 2))
    return _noise(*shape, layout=layout), _noise(shape.n, groups * kernel_size**2, *kept, layout=layout, seed=1)


def _fixed(shape: Shape, *, layout: str, mode: PaddingMode) -> Contenders:
    blurs = {**peer_blurs(shape.channels, mode), "antialias": BlurPool2d(shape.channels, padding_mode=mode)}
    x = _noise(*shape, layout=layout)
    entries = {name: Contender(blur, (x,), BOTH, "blur") for name, blur in blurs.items()}
    return {**entries, "same bytes copied": Contender(SameBytes((2, 2)), (x,), BOTH)}


def _networks(base: str, peer: str = "") -> dict[str, nn.Module]:
    predictor = _swapped(_converted(base, Adaptive(init="binomial")), AdaptiveBlurPool2d, Unfiltered)
    networks = {
        "plain": build(base),
        "placement alone": _swapped(_converted(base, Fixed()), BlurPool2d, lambda blur: EveryOther(blur.stride)),
        "placement and predictor": predictor,
        "fixed 3x3": _converted(base, Fixed()),
        "adaptive k3 G8": _converted(base, Adaptive(init="binomial")),
        "adaptive k3 G8, separable predictor": _converted(base, Adaptive(init="binomial", predictor="separable")),
    }
    return {**networks, peer: build(peer)} if peer else networks


def _converted(base: str, config: Filter) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build(base)
        convert_(model, config, example=torch.zeros(1, 3, 64, 64))
    return model


def _swapped(model: nn.Module, kind: type[nn.Module], other: Callable[[Any], nn.Module]) -> nn.Module:
    """Give a converted network another form of each of its filters, in place."""
    for name, module in list(model.named_modules()):
        if isinstance(module, kind):
            model.set_submodule(name, other(module))
    return model


def _evaluation(shape: Shape, *, base: str, peer: str, layout: str) -> Contenders:
    x, networks = _noise(*shape, layout=layout), _networks(base, peer)
    published = _swapped(copy.deepcopy(networks["adaptive k3 G8"]), AdaptiveBlurPool2d, FullResolution)
    for network in networks.values():
        network.to(memory_format=LAYOUTS[layout])
    entries = {name: Contender(network, (x,)) for name, network in networks.items()}
    entries["adaptive k3 G8"] = Contender(networks["adaptive k3 G8"], (x,), computes="adaptive")
    return {**entries, "full resolution": Contender(published, (x,), (), "adaptive")}


def _training(shape: Shape, *, base: str, peer: str, layout: str) -> Contenders:
    x = _noise(*shape, layout=layout)
    networks = {name: net.to(memory_format=LAYOUTS[layout]) for name, net in _networks(base, peer).items()}
    return {name: Contender(network, (x,), ("training step",)) for name, network in networks.items()}


def _eager_and_compiled(shape: Shape, *, base: str) -> Contenders:
    eager = Contender(_converted(base, Adaptive(init="binomial")), (_noise(*shape),), computes="network")
    return {"eager": eager, "compiled": _compiled(eager)}


def _by_batch(shape: Shape) -> dict[int, Contender]:
    return {n: _filter_contender(shape._replace(n=n)) for n in (1, 2, 4, 8, 16)}


def _by_channels(shape: Shape) -> dict[int, Contender]:
    return {channels: _filter_contender(shape._replace(channels=channels)) for channels in (32, 64, 128, 256, 512)}


def _by_pixels(shape: Shape) -> dict[int, Contender]:
    sides = (14, 28, 56, 112)
    return {side**2: _filter_contender(shape._replace(height=side, width=side)) for side in sides}


def _by_groups(shape: Shape) -> dict[int, Contender]:
    return {groups: _filter_contender(shape, groups=groups) for groups in (1, 2, 4, 8, 16, 32)}


def _by_taps(shape: Shape) -> dict[int, Contender]:
    return {k * k: _filter_contender(shape, kernel_size=k) for k in (1, 3, 5, 7, 9)}


def _filter_contender(shape: Shape, groups: int = _GROUPS, kernel_size: int = 3) -> Contender:
    return Contender(FromLogits(kernel_size), _maps_and_logits(shape, groups, kernel_size), BOTH)


def _scaling(variable: str, sizes: Callable[[Shape], dict[int, Contender]], threads: int) -> Contest:
    def make(shape: Shape) -> Contenders:
        return {str(size): contender for size, contender in sizes(shape).items()}

    return Contest(
        f"scaling with {variable}, threads: {threads}", Shape(8, 128, 56, 56), make, threads, keeps_memory=True
    )


def _fixed_contest(shape: Shape, layout: str, mode: PaddingMode) -> Contest:
    make = partial(_fixed, layout=layout, mode=mode)
    return Contest(f"fixed blur, {shape}, {layout}, {mode}", shape, make, peers=peers_with(mode), keeps_memory=True)


def _network_contest(kind: str, make: Callable[..., Contenders], side: int, layout: str) -> Contest:
    made = partial(make, base="timm:resnet50", peer="timm:resnetblur50", layout=layout)
    return Contest(f"ResNet-50, {side} px, {kind}, {layout}", Shape(8, 3, side, side), made)


MACHINE = Contest("machine", _SHAPES[0], _machine)
SCALING = tuple(
    _scaling(variable, sizes, threads)
    for threads in (1, 2)
    for variable, sizes in {
        "batch": _by_batch,
        "channels": _by_channels,
        "pixels": _by_pixels,
        "groups": _by_groups,
        "taps": _by_taps,
    }.items()
)
CONTESTS = (
    *(Contest(f"adaptive layer, {shape}", shape, _adaptive_layer) for shape in _SHAPES),
    Contest("adaptive layer and compilers", _SHAPES[1], partial(_adaptive_layer, compiled=True)),
    *(
        Contest(
            f"adaptive filter, {shape}, {layout}", shape, partial(_adaptive_filter, layout=layout), keeps_memory=True
        )
        for layout in LAYOUTS
        for shape in _SHAPES
    ),
    *(_fixed_contest(shape, layout, "reflect") for layout in LAYOUTS for shape in _SHAPES),
    *(_fixed_contest(shape, layout, "zeros") for layout in LAYOUTS for shape in _SHAPES),
    *(_network_contest("evaluation", _evaluation, 224, layout) for layout in LAYOUTS),
    *(_network_contest("training", _training, 112, layout) for layout in LAYOUTS),
    Contest(
        "TinyResNet, 64 px, training",
        Shape(64, 3, 64, 64),
        partial(_training, base="antialias:TinyResNet", peer="", layout="contiguous"),
    ),
    *(
        Contest(f"{name}, {side} px, compiled", Shape(n, 3, side, side), partial(_eager_and_compiled, base=base))
        for name, base, n, side in (
            ("TinyResNet", "antialias:TinyResNet", 64, 64),
            ("ResNet-50", "timm:resnet50", 8, 224),
        )
    ),
    *SCALING,
)
