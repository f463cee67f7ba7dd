"""What filters cost in networks of depthwise convolutions, where one predictor could cost more than the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file
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


@pytest.mark.parametrize(
    ("predictor", "share"), [("full", 1.15), ("separable", 0.19), ("bottleneck", 0.1), (None, 0.1)]
)
@pytest.mark.parametrize("name", SMALL)
def test_the_plan_has_the_cost_that_torch_counts(name: str, predictor: PredictorKind | None, share: float) -> None:
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


def kinds(model: nn.Module) -> list[str]:
    """Return the predictors of a network's adaptive filters."""
    return [layer.predictor_kind for layer in model.modules() if isinstance(layer, AdaptiveBlurPool2d)]


class Mixed(nn.Sequential):
    """Strides in a convolution that is dense, one of groups, two that are depthwise, and a pool."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.Conv2d(8, 8, 3, 2, padding=1),
            nn.Conv2d(8, 8, 3, 2, padding=1, groups=4),
            nn.Conv2d(8, 8, 3, 2, padding=1, groups=8),
            nn.Conv2d(8, 16, 3, 2, padding=1, groups=8),
            nn.MaxPool2d(2),
        )


def test_unless_told_a_depthwise_site_gets_the_cheapest_predictor_and_others_the_full_one(tmp_path: Path) -> None:
    x, model = torch.rand(1, 3, 96, 96), Mixed().eval()
    plan = aa.convert_(model, example=x)
    assert kinds(model) == ["full", "full", "bottleneck", "bottleneck", "full"]
    said = "predictor='bottleneck', as the convolution is depthwise"
    assert [said in site.reason for site in plan.changed] == [kind == "bottleneck" for kind in kinds(model)]
    aa.save(model, path := tmp_path / "mixed.safetensors")
    again = aa.load(path, model=Mixed())
    assert kinds(again) == kinds(model)
    assert torch.equal(again(x), model(x))
    told = Mixed()
    aa.convert_(told, aa.Adaptive(predictor="full"), example=x)
    assert kinds(told) == ["full"] * 5


def test_a_file_from_before_keeps_its_full_predictors(tmp_path: Path) -> None:
    x, model = torch.rand(1, 3, 96, 96), Mixed().eval()
    aa.convert_(model, aa.Adaptive(predictor="full"), example=x)
    aa.save(model, path := tmp_path / "mixed.safetensors")
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        now = file.metadata()
    held = {key: value.replace('"depthwise": true, ', "") for key, value in now.items()}
    assert len(str(now)) - len(str(held)) == 2 * len('"depthwise": true, ')
    save_file(tensors, path, held)
    assert kinds(aa.load(path, model=Mixed())) == ["full"] * 5
