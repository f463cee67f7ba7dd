"""What all layers have in common: names and shapes in state dicts, which files of users hold, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from antialias.nn import (
    LAYERS,
    Adaptive,
    AdaptiveBlurPool1d,
    AdaptiveBlurPool2d,
    AdaptiveBlurPool3d,
    Attention,
    AttentionBlurPool2d,
    Average,
    AverageBlurPool2d,
    BlurPool1d,
    BlurPool2d,
    BlurPool3d,
    DynamicFilter2d,
    Filter,
    Fixed,
    FrozenBatchNorm2d,
    Gaussian,
    GaussianBlurPool2d,
    Ideal,
    IdealBlurPool2d,
    Importance,
    ImportancePool2d,
    PhaseAverage,
    PhaseRepeat2d,
    PhaseReturn2d,
    PhaseSplit2d,
    Polyphase,
    PolyphasePool2d,
)

KEYS = Path(__file__).parent / "keys.json"
MAKE: dict[str, Callable[[], nn.Module]] = {
    "AdaptiveBlurPool2d": lambda: AdaptiveBlurPool2d(8),
    "AdaptiveBlurPool2d separable": lambda: AdaptiveBlurPool2d(8, predictor="separable"),
    "AdaptiveBlurPool2d bottleneck": lambda: AdaptiveBlurPool2d(8, predictor="bottleneck"),
    "AdaptiveBlurPool2d frozen": lambda: AdaptiveBlurPool2d(8, frozen_norm=True),
    "AdaptiveBlurPool2d joint": lambda: AdaptiveBlurPool2d(8, 5, normalize="joint"),
    "AdaptiveBlurPool1d": lambda: AdaptiveBlurPool1d(8),
    "AdaptiveBlurPool3d": lambda: AdaptiveBlurPool3d(8, (1, 3, 3), (1, 2, 2)),
    "AdaptiveBlurPool3d separable": lambda: AdaptiveBlurPool3d(8, predictor="separable"),
    "AttentionBlurPool2d": lambda: AttentionBlurPool2d(8, groups=4),
    "AverageBlurPool2d": lambda: AverageBlurPool2d(8),
    "BlurPool1d": lambda: BlurPool1d(8),
    "BlurPool2d": lambda: BlurPool2d(8),
    "BlurPool3d": lambda: BlurPool3d(8),
    "DynamicFilter2d": lambda: DynamicFilter2d(8, 4),
    "DynamicFilter2d fusion": lambda: DynamicFilter2d(8, 4, fusion=True),
    "FrozenBatchNorm2d": lambda: FrozenBatchNorm2d(8),
    **{
        f"GaussianBlurPool2d {width}": lambda width=width: GaussianBlurPool2d(8, width=width)
        for width in ("learned", "channel", "image", "location")
    },
    "IdealBlurPool2d": lambda: IdealBlurPool2d(8),
    "ImportancePool2d": lambda: ImportancePool2d(8),
    "ImportancePool2d groups": lambda: ImportancePool2d(8, groups=2),
    "PhaseRepeat2d": lambda: PhaseRepeat2d([(0, 0), (1, 1)]),
    "PhaseSplit2d": lambda: PhaseSplit2d(8),
    "PhaseReturn2d": lambda: PhaseReturn2d(PolyphasePool2d(8, phase="learned")),
    "PolyphasePool2d": lambda: PolyphasePool2d(8),
    "PolyphasePool2d learned": lambda: PolyphasePool2d(8, phase="learned"),
    "PolyphasePool2d filter": lambda: PolyphasePool2d(8, filter=AdaptiveBlurPool2d(8, stride=1)),
    **{
        repr(config): lambda config=config: config.build(8, (2, 2))
        for config in (
            Fixed(),
            Adaptive(),
            Adaptive(predictor="separable"),
            Adaptive(predictor="bottleneck"),
            Polyphase(),
            Attention(),
            Average(),
            Gaussian(),
            Ideal(),
            Importance(),
            PhaseAverage(),
            Fixed(phase="norm"),
            Adaptive(phase="learned"),
            Adaptive(phase="norm", predictor="separable"),
            Adaptive(phase="input_norm", predictor="bottleneck"),
            Polyphase(phase="learned"),
            Attention(phase="norm"),
            Average(phase="learned"),
            Gaussian(phase="norm"),
            Importance(phase="norm", groups=4),
            Ideal(phase="learned"),
        )
    },
}


MAPS = {name: make for name, make in MAKE.items() if type(make()) in (*LAYERS, DynamicFilter2d)}


def maps_for(layer: nn.Module, dtype: torch.dtype, side: int = 6) -> Tensor:
    dims = getattr(layer, "dims", 2)
    return torch.ones(2, 8, *[side] * dims).to(dtype)


def shapes(module: nn.Module) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in module.state_dict().items()}


def test_every_layer_and_config_is_listed() -> None:
    made = [make() for make in MAKE.values()]
    assert set(LAYERS) <= {type(layer) for layer in made}
    own = [config for config in Filter.__subclasses__() if config.__module__.startswith("antialias")]
    layers = {config.__name__ for config in own if not config().why_not(2)}  # ShiftAverage has none
    assert layers <= {name.partition("(")[0] for name in MAKE}


@pytest.mark.parametrize("name", MAKE)
def test_keys_and_shapes_are_the_committed_ones(name: str) -> None:
    committed = json.loads(KEYS.read_text())
    assert set(committed) == set(MAKE)
    ours = shapes(MAKE[name]())
    assert list(ours.items()) == list(committed[name].items())


@pytest.mark.parametrize("name", MAPS)
def test_maps_that_would_be_misread_are_refused(name: str) -> None:
    layer = MAPS[name]().eval()
    layer(maps_for(layer, torch.float32))
    for dtype in (torch.int64, torch.uint8, torch.bool):
        with pytest.raises(ValueError, match=f"x has type {dtype}, which holds no fractions. Pass floating-point maps"):
            layer(maps_for(layer, dtype))
    with pytest.raises(ValueError, match=r"x has shape .* and no samples. Pass maps of one channel and one sample"):
        layer(maps_for(layer, torch.float32, side=0))
    with pytest.raises(ValueError, match=r"x has shape \(3, 7\), but this layer \w+ 8 channels. Pass \(N, 8, "):
        layer(torch.zeros(3, 7))
