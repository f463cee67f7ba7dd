"""The benchmarks as data: what the timing runs, and what the tests run on tiny shapes.

`_filters.py` makes those of single layers, filters and the machine, `_networks.py` those of whole networks;
`_modules.py` holds the other forms of our layers that they are compared with, `_peers.py` other people's.
"""

from __future__ import annotations

from functools import partial

from .._benchmark import Benchmark, Shape
from ._filters import (
    LAYOUTS,
    SCALED,
    adaptive_filter,
    adaptive_filter_scaled,
    adaptive_layer,
    fixed_blur,
    machine,
)
from ._networks import eager_and_compiled, evaluation, training
from ._peers import PEERS as PEERS
from ._peers import missing as missing
from ._peers import peers_with
from ._peers import version as version

_SHAPES = tuple(Shape(8, *rest) for rest in ((64, 112, 112), (128, 56, 56), (256, 56, 56), (512, 28, 28)))

MACHINE = Benchmark("machine", _SHAPES[0], machine)
SCALING = tuple(
    Benchmark(
        f"scaling with {variable}, threads: {threads}",
        Shape(8, 128, 56, 56),
        partial(adaptive_filter_scaled, variable=variable),
        threads,
        keeps_memory=True,
    )
    for threads in (1, 2)
    for variable in SCALED
)
BENCHMARKS = (
    *(Benchmark(f"adaptive layer, {shape}", shape, adaptive_layer) for shape in _SHAPES),
    Benchmark("adaptive layer and compilers", _SHAPES[1], partial(adaptive_layer, compilers=True)),
    *(
        Benchmark(
            f"adaptive filter, {shape}, {layout}", shape, partial(adaptive_filter, layout=layout), keeps_memory=True
        )
        for layout in LAYOUTS
        for shape in _SHAPES
    ),
    *(
        Benchmark(
            f"fixed blur, {shape}, {layout}, {mode}",
            shape,
            partial(fixed_blur, layout=layout, mode=mode),
            peers=peers_with(mode),
            keeps_memory=True,
        )
        for mode in ("reflect", "zeros")
        for layout in LAYOUTS
        for shape in _SHAPES
    ),
    *(
        Benchmark(
            f"ResNet-50, {side} px, {kind}, {layout}",
            Shape(8, 3, side, side),
            partial(make, base="timm:resnet50", peer="timm:resnetblur50", layout=layout),
        )
        for kind, make, side in (("evaluation", evaluation, 224), ("training", training, 112))
        for layout in LAYOUTS
    ),
    Benchmark(
        "TinyResNet, 64 px, training",
        Shape(64, 3, 64, 64),
        partial(training, base="antialias:TinyResNet", peer="", layout="contiguous"),
    ),
    *(
        Benchmark(f"{name}, {side} px, compiled", Shape(n, 3, side, side), partial(eager_and_compiled, base=base))
        for name, base, n, side in (
            ("TinyResNet", "antialias:TinyResNet", 64, 64),
            ("ResNet-50", "timm:resnet50", 8, 224),
        )
    ),
    *SCALING,
)
