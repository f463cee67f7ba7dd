"""What filters cost in networks of depthwise convolutions, where one predictor could cost more than the rest."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import antialias as aa
from antialias.nn import AdaptiveBlurPool2d, PredictorKind

SMALL: dict[str, Callable[[], nn.Module]] = {
    "EfficientNet-Lite0": lambda: timm.create_model("tf_efficientnet_lite0"),
    "MobileNetV2": torchvision.models.mobilenet_v2,
}


def convolutions(model: nn.Module, x: torch.Tensor) -> int:
    """Return the multiply-adds that torch counts; it knows convolutions and matrix products only."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(("predictor", "share"), [("full", 1.15), ("separable", 0.19), ("bottleneck", 0.1)])
@pytest.mark.parametrize("name", SMALL)
def test_the_plan_has_the_cost_that_torch_counts(name: str, predictor: PredictorKind, share: float) -> None:
    model, x = SMALL[name]().eval(), torch.rand(1, 3, 224, 224)
    plain = convolutions(model, x)
    plan = aa.inspect(model, x, aa.Adaptive(predictor=predictor))
    aa.convert_(model, plan.filter, example=x)
    filters = [module for module in model.modules() if isinstance(module, AdaptiveBlurPool2d)]
    applied = sum(site.channels * 9 * math.prod(site.output_size) for site in plan.changed)
    added = sum(site.macs for site in plan.sites)
    assert plan.macs == plain
    assert len(filters) == len(plan.changed) == 4
    assert added == convolutions(model, x) + applied - plain
    assert added / plain < share


@pytest.mark.parametrize("name", SMALL)
def test_a_conversion_with_the_bottleneck_keeps_the_function(name: str) -> None:
    torch.manual_seed(0)
    model, x = SMALL[name]().eval(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        before = model(x)
        aa.convert_(model, aa.Adaptive(predictor="bottleneck"), example=x)
        after = model(x)
    assert (after - before).norm() / before.norm() < 2e-3
