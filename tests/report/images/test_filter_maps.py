from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from antialias.nn import AdaptiveBlurPool2d
from antialias.report import filter_maps, filter_variance


def network(init: str, **options: object) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        AdaptiveBlurPool2d(8, groups=2, init=init, **options),  # pyrefly: ignore
        nn.Sequential(nn.ReLU(), AdaptiveBlurPool2d(8, kernel_size=5, groups=4, init=init, **options)),  # pyrefly: ignore
    )


def images(count: int = 2) -> Tensor:
    return torch.rand(count, 3, 32, 24, generator=torch.Generator().manual_seed(0))


def test_identity_filters_have_nearly_the_variance_of_a_single_tap() -> None:
    found = filter_variance(network("identity"), images(), normalize=None)
    assert {site: tuple(map.shape) for site, map in found.items()} == {"1": (2, 16, 12), "2.1": (2, 8, 6)}
    assert torch.allclose(found["1"], torch.full((2, 16, 12), 8 / 81), rtol=0.01)
    assert torch.allclose(found["2.1"], torch.full((2, 8, 6), 24 / 625), rtol=0.01)


def test_variance_is_that_of_the_filters_weights() -> None:
    model = network("paper")
    first: AdaptiveBlurPool2d = model[1]  # pyrefly: ignore
    model.eval()
    x = images()
    weights = first.filters(model[0](x)).detach()
    expected = weights.pow(2).mean(2).sub(weights.mean(2).pow(2)).mean(1)
    assert torch.allclose(filter_variance(model, x, normalize=None)["1"], expected, atol=1e-6)


def test_joint_filters_are_scaled_to_sum_one() -> None:
    model = network("paper", normalize="joint").eval()
    first: AdaptiveBlurPool2d = model[1]  # pyrefly: ignore
    x = images()
    # Joint weights, scaled to sum to one in each group, are the softmax within the group.
    expected = first.logits(model[0](x)).unflatten(1, (2, 9)).softmax(2).var(2, correction=0).mean(1)
    assert torch.allclose(filter_variance(model, x, normalize=None)["1"], expected, atol=1e-6)


def test_looking_changes_nothing() -> None:
    model = network("paper").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    filter_variance(model, images(), normalize=None)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_maps_are_one_a_picture_and_site() -> None:
    pictures = {"one": images()[0], "two": (images()[1] * 255).byte()}
    made = filter_maps("adaptive", network("identity"), pictures, normalize=None)
    assert [(maps.image.name, maps.network) for maps in made] == [("one", "adaptive"), ("two", "adaptive")]
    assert [(site.site, site.taps, len(site.values)) for site in made[0].sites] == [("1", 9, 192), ("2.1", 25, 48)]


def test_network_without_adaptive_filters_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear has no AdaptiveBlurPool2d.*Convert it first: antialias.convert_"):
        filter_variance(nn.Linear(2, 2), images())
