from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from antialias.nn import AdaptiveBlurPool2d, BlurPool2d
from antialias.retrofit._start import identity_filters, match_statistics_, mixed_taps, start_filters_


def filters_of(network: nn.Module) -> list[AdaptiveBlurPool2d]:
    return [module for module in network.modules() if isinstance(module, AdaptiveBlurPool2d)]


def test_taps_go_from_the_identity_to_the_binomial_blur() -> None:
    blur = BlurPool2d(1).taps.double()
    identity = torch.zeros(3, 3, dtype=torch.float64)
    identity[1, 1] = 1
    assert mixed_taps(3, 0.0).equal(identity)
    torch.testing.assert_close(mixed_taps(3, 1.0), blur)
    torch.testing.assert_close(mixed_taps(5, 0.5).sum(), torch.tensor(1.0, dtype=torch.float64))


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_started_filters_are_near_the_mixture_and_differ_between_places(converted: nn.Module, strength: float) -> None:
    images = torch.rand(16, 3, 32, 32)
    seen: list[Tensor] = []
    module = filters_of(converted)[0]
    assert start_filters_(converted, strength, lambda: converted(images)) == 2
    handle = module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    converted(images)
    handle.remove()
    found = module.filters(seen[0]).mean((0, 1, 3, 4)).view(3, 3)
    torch.testing.assert_close(found, mixed_taps(3, strength).float(), atol=0.02, rtol=0)
    assert module.filters(seen[0]).std((0, 3, 4)).min() > 1e-3


def test_strength_zero_starts_nothing(converted: nn.Module) -> None:
    before = copy.deepcopy(converted.state_dict())
    assert start_filters_(converted, 0.0, lambda: converted(torch.rand(2, 3, 32, 32))) == 0
    assert all(value.equal(before[name]) for name, value in converted.state_dict().items())


def test_filters_that_learned_are_left(converted: nn.Module) -> None:
    first, second = filters_of(converted)
    with torch.no_grad():
        first.bn.weight.fill_(0.5)
    assert list(identity_filters(converted).values()) == [second]


def test_statistics_undo_a_change_of_scale_and_offset() -> None:
    """A map that comes out half as wide and moved by 3 is normalised to what it was."""
    # The ReLU keeps the second norm from making up for a mean that the first got wrong.
    first_half = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU()
    original = nn.Sequential(*first_half, nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)).eval()
    images = torch.rand(32, 3, 8, 8)
    for norm in (original[1], original[4]):
        assert isinstance(norm, nn.BatchNorm2d)
        norm.running_mean, norm.running_var = torch.randn(4), torch.rand(4) + 0.5
    changed = copy.deepcopy(original)
    first = changed[0]
    assert isinstance(first, nn.Conv2d)
    assert first.bias is not None
    with torch.no_grad():
        first.weight.mul_(0.5)
        first.bias.mul_(0.5).add_(3)
        wanted = original(images)
        assert (changed(images) - wanted).abs().max() > 0.1
        assert match_statistics_(changed, original, lambda network: network(images)) == 2
        torch.testing.assert_close(changed(images), wanted, atol=1e-4, rtol=1e-4)


def test_statistics_of_the_original_stay_and_hooks_go(plain: nn.Module) -> None:
    before = copy.deepcopy(plain.state_dict())
    match_statistics_(copy.deepcopy(plain), plain, lambda network: network(torch.rand(4, 3, 32, 32)))
    assert all(value.equal(before[name]) for name, value in plain.state_dict().items())
    assert not any(module._forward_pre_hooks for module in plain.modules())
