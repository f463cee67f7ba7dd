from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from antialias.nn import AdaptiveBlurPool2d
from antialias.retrofit._interpolation import interpolate
from antialias.retrofit._start import mixed_taps, start_filters_

IMAGES = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def learned(converted: nn.Module) -> nn.Module:
    twin = copy.deepcopy(converted)
    start_filters_(twin, 1.0, lambda: twin(IMAGES))
    with torch.no_grad():
        twin.get_parameter("fc.weight").add_(1)
    return twin


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_half_of_the_way_has_half_of_the_blur(converted: nn.Module, learned: nn.Module, share: float) -> None:
    start, end = converted.state_dict(), learned.state_dict()
    network = copy.deepcopy(converted)
    network.load_state_dict(interpolate(network, start, end, share))
    for module in (module for module in network.modules() if isinstance(module, AdaptiveBlurPool2d)):
        taps = module.bn.bias.view(module.groups, 3, 3).exp()
        torch.testing.assert_close(taps[0], mixed_taps(3, share).float(), atol=1e-3, rtol=0)
        torch.testing.assert_close(module.bn.weight, torch.full_like(module.bn.weight, 0.1 * share))
    moved = network.get_parameter("fc.weight") - converted.get_parameter("fc.weight")
    torch.testing.assert_close(moved, torch.full_like(moved, share))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_ends_compute_what_the_ends_do(converted: nn.Module, learned: nn.Module, share: float) -> None:
    network = copy.deepcopy(converted)
    network.load_state_dict(interpolate(network, converted.state_dict(), learned.state_dict(), share))
    torch.testing.assert_close(network(IMAGES), (learned if share else converted)(IMAGES), atol=1e-4, rtol=1e-4)


def test_filters_that_had_learned_before_are_blended_like_weights(learned: nn.Module) -> None:
    start, end = learned.state_dict(), copy.deepcopy(learned.state_dict())
    name = next(name for name in end if name.endswith("bn.bias") and ".bn.bias" in name)
    end[name] += 2
    torch.testing.assert_close(interpolate(learned, start, end, 0.5)[name], start[name] + 1)
