"""Promises that only show on networks with random layers, batch statistics and other types."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from antialias.nn import Adaptive, FrozenBatchNorm2d
from antialias.surgery import convert_, inspect

EXAMPLE = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Restless(nn.Module):
    """Counts its calls in a buffer and draws random numbers, in evaluation too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x + 1e-9 * torch.rand_like(x)


def network() -> nn.Sequential:
    stem = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Dropout(0.5)]
    return nn.Sequential(*stem, nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1))


def test_looking_at_a_network_in_training_touches_neither_statistics_nor_modes_nor_random_state() -> None:
    model = network().append(Restless()).train()
    model[1].eval()
    before, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    random = torch.get_rng_state()
    inspect(model, EXAMPLE)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)


def test_an_example_that_fails_leaves_the_network_as_it_was() -> None:
    model = network().train()
    with pytest.raises(RuntimeError):
        inspect(model, torch.zeros(1, 5, 16, 16))
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not nn.modules.module._global_forward_hooks
    assert not nn.modules.module._global_forward_pre_hooks


def test_converting_leaves_the_random_state_alone() -> None:
    model, random = network(), torch.get_rng_state()
    convert_(model, Adaptive(init="paper"), example=EXAMPLE)
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("train", [True, False])
def test_a_filter_is_in_the_mode_of_its_place(train: bool) -> None:
    done = convert_(network().train(train), example=EXAMPLE)
    assert [module.training for layer in done.filters().values() for module in layer.modules()] == [train] * 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_filter_has_the_type_of_its_place(dtype: torch.dtype) -> None:
    model = network().to(dtype).eval()
    (layer,) = convert_(model, example=EXAMPLE.to(dtype)).filters().values()
    assert {parameter.dtype for parameter in layer.parameters()} == {dtype}
    assert model(EXAMPLE.to(dtype)).dtype == dtype


def test_a_filter_is_on_the_device_of_its_place() -> None:
    model = network().to("meta")
    (layer,) = convert_(model, example=EXAMPLE.to("meta")).filters().values()
    assert {parameter.device.type for parameter in layer.parameters()} == {"meta"}


def test_frozen_norms_get_a_frozen_predictor() -> None:
    model = network()
    for i in (1, 4):
        model[i] = FrozenBatchNorm2d(8)
    (layer,) = convert_(model, example=EXAMPLE).filters().values()
    assert isinstance(layer.bn, FrozenBatchNorm2d)
