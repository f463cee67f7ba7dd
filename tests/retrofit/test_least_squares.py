from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import difference, measure_classifier
from antialias.retrofit import RetrofitConfig, retrofit_
from antialias.retrofit._least_squares import Moments, fit_pointwise_, narrowing_layers

GENERATOR = torch.Generator().manual_seed(0)
VIEWS = torch.randn(64, 6, 5, 5, generator=GENERATOR)


def batches(views: Tensor = VIEWS) -> Iterator[Tensor]:
    return iter(views.split(16))


def layers(*channels: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(*(nn.Conv2d(i, o, 1) for i, o in itertools.pairwise(channels))).eval()


def test_the_weights_are_those_of_least_squares() -> None:
    layer = nn.Conv2d(6, 3, 1)
    x, y = VIEWS, torch.randn(64, 3, 5, 5, generator=GENERATOR)
    moments = Moments.of(layer)
    for some_x, some_y in zip(x.split(20), y.split(20), strict=True):
        moments.add(some_x, some_y)
    rows_x, rows_y = (each.transpose(0, 1).flatten(1).T.double() for each in (x, y))
    expected = torch.linalg.lstsq(rows_x, rows_y).solution.T
    torch.testing.assert_close(moments.solve(torch.zeros(3, 6), ridge=1e-9), expected, rtol=1e-4, atol=1e-6)
    weight = torch.randn(3, 6)
    torch.testing.assert_close(moments.solve(weight, ridge=1e9).float(), weight)


def test_only_pointwise_convolutions_to_fewer_channels_are_fitted() -> None:
    others = nn.Conv2d(4, 8, 1), nn.Conv2d(8, 4, 3), nn.Conv2d(8, 4, 1, groups=2), nn.Linear(8, 4)
    assert narrowing_layers(nn.Sequential(*others, nn.Conv2d(8, 4, 1))).keys() == {"4"}


def test_layers_that_were_moved_come_back() -> None:
    original = layers(6, 5, 4)
    network = copy.deepcopy(original)
    with torch.no_grad():
        network[1].weight.add_(torch.randn(4, 5, 1, 1, generator=GENERATOR))  # type: ignore[operator, union-attr]
    start = (network(VIEWS) - original(VIEWS)).norm()
    assert fit_pointwise_(network, original, batches, views=1, radius=0, ridge=1e-6) == ["0", "1"]
    assert (network(VIEWS) - original(VIEWS)).norm() < 0.01 * start


def test_a_layer_is_fitted_behind_the_fitted_ones_and_alike_each_time() -> None:
    """Compared with layers fitted one after the other, to all samples at once."""
    original = layers(6, 5, 4)
    network, again, expected = (copy.deepcopy(original) for _ in range(3))
    for fitted in (network, again):
        fit_pointwise_(fitted, original, batches, views=4, radius=0, ridge=1e-3)
    assert all(a.equal(b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    x, y = VIEWS, VIEWS
    with torch.no_grad():
        for ours, theirs in zip(expected, original, strict=True):
            assert isinstance(ours, nn.Conv2d)
            y = theirs(y)
            moments = Moments.of(ours)
            others = [[view for view in range(4) if view != own] for own in range(4)]
            mean = y.unflatten(0, (-1, 4))[:, others].mean(2).flatten(0, 1)
            moments.add(x, mean - ours.bias[:, None, None])  # type: ignore[index]
            ours.weight.copy_(moments.solve(ours.weight.flatten(1), 1e-3).view_as(ours.weight))
            x = ours(x)
    torch.testing.assert_close(network(VIEWS), expected(VIEWS), rtol=1e-4, atol=1e-4)


def test_layers_are_counted() -> None:
    original, told = layers(6, 5, 4), list[tuple[int, int]]()
    fit_pointwise_(
        copy.deepcopy(original), original, batches, views=4, radius=0, progress=lambda *counts: told.append(counts)
    )
    assert told == [(1, 2), (2, 2)]


def test_an_error_in_a_pass_ends_all_and_is_raised() -> None:
    class Refusing(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            if x.eq(VIEWS[-1]).all((1, 2, 3)).any():
                raise ValueError("no such image")
            return super().forward(x)

    original = layers(6, 5, 4)
    with pytest.raises(ValueError, match="no such image"):
        fit_pointwise_(Refusing(*copy.deepcopy(original)), original, batches, views=4, radius=0)
    assert not original[0]._forward_hooks


def test_what_views_do_not_share_is_turned_away_from() -> None:
    steady = torch.randn(32, 1, 3, 5, 5, generator=GENERATOR).expand(-1, 4, -1, -1, -1)
    aliased = torch.randn(32, 4, 3, 5, 5, generator=GENERATOR)
    views = torch.cat([steady, aliased], 2).flatten(0, 1)
    original = layers(6, 2)
    network = copy.deepcopy(original)
    fit_pointwise_(network, original, lambda: batches(views), views=4, radius=0, ridge=1e-6)
    before, after = (each[0].weight.flatten(1) for each in (original, network))  # type: ignore[union-attr]
    torch.testing.assert_close(after[:, :3], before[:, :3], rtol=0.05, atol=0.05)
    torch.testing.assert_close(after[:, 3:], torch.zeros_like(after[:, 3:]), rtol=0, atol=0.05)


def test_few_images_are_held_to_what_the_weights_were_and_many_are_not() -> None:
    def noisy(count: int) -> Tensor:
        generator = torch.Generator().manual_seed(2)
        steady = torch.randn(count, 1, 20, 2, 2, generator=generator).expand(-1, 4, -1, -1, -1)
        return torch.cat([steady, torch.randn(count, 4, 20, 2, 2, generator=generator)], 2).flatten(0, 1)

    def error(count: int, ridge: float | None) -> float:
        """Return the mean squared error to the mean of the other views, on images that were not seen."""
        original, generator = layers(40, 2), torch.Generator().manual_seed(3)
        steady, aliased = torch.randn(2, 500, 20, 2, 2, generator=generator)
        network = copy.deepcopy(original)
        fit_pointwise_(network, original, lambda: noisy(count).split(16), views=4, radius=0, ridge=ridge)
        with torch.no_grad():
            answer, wanted = network(torch.cat([steady, aliased], 1)), original(torch.cat([steady, 0 * aliased], 1))
            return float((answer - wanted).square().mean())

    for count in (16, 400):
        assert error(count, None) <= 1.05 * min(error(count, ridge) for ridge in (1.0, 0.1, 0.003))


def test_layers_finer_than_the_views_lie_apart_are_left() -> None:
    original = nn.Sequential(nn.Conv2d(6, 5, 1), nn.AvgPool2d(4), nn.Conv2d(5, 4, 1)).eval()
    views = torch.randn(16, 6, 8, 8, generator=GENERATOR)
    for radius, fitted in ((1, ["2"]), (2, ["2"]), (3, [])):
        assert (
            fit_pointwise_(copy.deepcopy(original), original, lambda: batches(views), views=4, radius=radius) == fitted
        )


def test_a_layer_whose_map_has_another_size_is_left() -> None:
    original, network = layers(6, 4), layers(6, 4)
    network[0].stride = (2, 2)
    weight = network[0].weight.clone()  # type: ignore[operator]
    with torch.no_grad():
        original[0].weight.mul_(2)  # type: ignore[operator]
    network = nn.Sequential(nn.AvgPool2d(2), *network)
    original = nn.Sequential(nn.Identity(), *original)
    fit_pointwise_(network, original, batches, views=1, radius=0)
    assert network[1].weight.equal(weight)


class Bottleneck(nn.Module):
    """A classifier that looks at one position of four, through a layer that narrows."""

    input_size = (3, 32, 32)
    normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 3, stride=4, padding=1)
        self.project = nn.Conv2d(48, 6, 1, bias=False)
        self.fc = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.project(self.conv(x).relu()).mean((2, 3)))


@pytest.fixture
def bottleneck(pictures: Tensor) -> Bottleneck:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Bottleneck().eval()
    with torch.no_grad():
        network.fc.weight.mul_(30)
        network.fc.bias.sub_(network(2 * pictures - 1).mean(0))
    return network


def test_it_steadies_a_network_without_a_step(bottleneck: nn.Module, pictures: Tensor, more_held_out: Tensor) -> None:
    config = RetrofitConfig(
        steps=0, least_squares=True, views=4, radius=2, fit_images=64, choose_by="flips", margin=0.2, shares=(0.5,)
    )
    start = copy.deepcopy(bottleneck.state_dict())
    before = measure_classifier(bottleneck, more_held_out)["flips"].score()
    told: list[tuple[int, int]] = []
    done = retrofit_(
        bottleneck, pictures, held_out=more_held_out, config=config, progress=lambda *counts: told.append(counts)
    )
    after = measure_classifier(bottleneck, more_held_out)["flips"].score()
    assert difference(after, before).interval[1] < 0
    assert [step.share for step in done.history] == [1.0, 0.5]
    asked = [step for step, _ in told]
    assert asked == sorted(asked)
    assert told[-1][0] == told[-1][1]
    batch = config.batch_size * config.views  # of four in the first half of the fit
    assert [later - earlier for earlier, later in itertools.pairwise(asked)].count(batch) >= 3
    changed = {name for name, value in bottleneck.state_dict().items() if not value.equal(start[name])}
    assert changed == {"project.weight"}
