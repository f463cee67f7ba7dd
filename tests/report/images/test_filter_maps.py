from __future__ import annotations

import base64

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import PredictedFilters, predicted_filters
from antialias.nn import AdaptiveBlurPool2d
from antialias.report import SiteMap, filter_maps, filter_variance


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


def test_held_weights_are_those_predicted_as_near_as_a_byte_says() -> None:
    model = network("paper")
    made = filter_maps("adaptive", model, {"one": images()[0]}, normalize=None)[0]
    for name, predicted in predicted_filters(model, images()[:1], normalize=None).items():
        site = next(site for site in made.sites if site.site == name)
        held = site.filters()
        assert (held.groups, held.kernel_size, held.stride) == (predicted.groups, predicted.kernel_size, (2, 2))
        assert held.weights.shape == predicted.weights.shape
        half_a_step = (predicted.weights.max() - predicted.weights.min()).item() / 510
        assert (held.weights - predicted.weights).abs().max() <= half_a_step * 1.001


def test_large_maps_hold_every_few_positions() -> None:
    weights = torch.rand(1, 8, 9, 112, 100, generator=torch.Generator().manual_seed(0))
    predicted = PredictedFilters(weights / weights.sum(2, keepdim=True), weights[:, :, 0], (2, 1))
    site = SiteMap.of_filters("stem", predicted)
    assert (site.step, site.rows, site.columns, len(site.values)) == (4, 28, 25, 11200)
    assert len(base64.b64decode(site.weights)) == 8 * 9 * 28 * 25 <= 1 << 16
    assert torch.allclose(site.filters().weights, predicted.weights[..., ::4, ::4], atol=2e-3)


def test_maps_without_weights_say_so() -> None:
    with pytest.raises(ValueError, match="'stem' holds no weights. Make it of filters"):
        SiteMap.of("stem", torch.zeros(2, 2), taps=9).filters()


def test_network_without_adaptive_filters_is_refused() -> None:
    with pytest.raises(ValueError, match="Linear has no AdaptiveBlurPool2d.*Convert it first: antialias.convert_"):
        filter_variance(nn.Linear(2, 2), images())
