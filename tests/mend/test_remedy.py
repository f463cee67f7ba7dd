from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from antialias.mend import Remedy, ShiftedCopies
from antialias.mend._remedy import combined, cost_of_phases, group_name, macs_of, phase_remedies, spread
from antialias.models import build
from antialias.nn import Fixed
from antialias.surgery import conversion_of, phase_places


def test_shifted_copies_are_the_mean_of_the_moved_images_answers() -> None:
    corner = nn.Flatten()
    x = torch.arange(9.0).view(1, 1, 3, 3)
    up_left = torch.tensor([[0.0, 0, 1], [0, 0, 1], [3, 3, 4]])
    torch.testing.assert_close(ShiftedCopies(corner, 2)(x), ((x[0, 0] + up_left) / 2).view(1, 9))
    down = torch.tensor([[0.0, 1, 2], [0, 1, 2], [3, 4, 5]])
    right = torch.tensor([[0.0, 0, 1], [3, 3, 4], [6, 6, 7]])
    torch.testing.assert_close(ShiftedCopies(corner, 4)(x), ((x[0, 0] + up_left + down + right) / 4).view(1, 9))


def test_a_copy_gets_the_remedy_and_the_network_stays(network: nn.Module) -> None:
    before, example = copy.deepcopy(network.state_dict()), torch.rand(2, 3, 28, 28)
    weights = {"fc.bias": torch.tensor([1.0, 2, 3])}
    changed = Remedy(name="both", filter=Fixed(), weights=weights).on_copy(network, example[:1])
    assert conversion_of(changed) is not None
    assert conversion_of(network) is None
    assert changed.get_parameter("fc.bias").tolist() == [1, 2, 3]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_what_a_yardstick_is_good_for() -> None:
    assert not Remedy(name="as it is").applies
    assert not Remedy(name="yardstick", copies=4).applies
    assert Remedy(name="filters", filter=Fixed()).applies


@pytest.mark.parametrize(
    ("choice", "cost"), [([(2, 1)], 1.25), ([(4, 0)], 3.25), ([(2, 0), (2, 1)], 2.25), ([(4, 0), (4, 1)], 6.25)]
)
def test_nested_phases_multiply_what_follows(choice: list[tuple[int, int]], cost: float) -> None:
    assert cost_of_phases(choice, [0.75, 0.25]) == cost


def test_multiply_adds_are_those_of_the_layers(network: nn.Module) -> None:
    assert macs_of(network, torch.rand(1, 3, 28, 28)) == 14 * 14 * 81 + 7 * 7 * 81 + 9


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("layer2.0.conv2", "layer2.0.downsample.0"), "layer2.0"),
        (("layer2.0.conv", "layer20.0.conv"), "layer2.0.conv"),
        (("conv1",), "conv1"),
    ],
)
def test_a_group_is_called_by_what_its_sites_share(names: tuple[str, ...], shown: str) -> None:
    assert group_name(names) == shown


def test_of_too_many_some_of_every_kind_stay_over_its_range_of_cost() -> None:
    group, other = (2, ("a",)), (2, ("b",))
    single = [Remedy(name=f"single {n}", cost=n, phases=(group,)) for n in (1.5, 1.2, 1.7, 1.9)]
    nested = [Remedy(name=f"nested {n}", cost=n, phases=(group, other)) for n in (1.3, 1.6)]
    ended = [Remedy(name="ended", cost=1.1, phases=(group,), until="m")]
    names = [one.name for one in spread([*single, *nested, *ended], 5)]
    assert names == ["ended", "nested 1.3", "single 1.5", "nested 1.6", "single 1.9"]
    assert len(spread([*single, *nested, *ended], 9)) == 7
    assert spread([], 4) == []


def test_phases_of_the_first_group_may_end_before_later_ones() -> None:
    torch.manual_seed(0)
    model = build("antialias:TinyResNet").eval()
    example = torch.rand(1, 3, 32, 32)
    remedies, left_out = phase_remedies(model, example, phase_places(model, example), (2,), 4.0)
    assert left_out == {}
    for remedy in remedies:
        changed = remedy.on_copy(model, example)
        assert macs_of(changed, example) / macs_of(model, example) == pytest.approx(remedy.cost)
        assert remedy.to_dict()["until"] == remedy.until
    ended = [remedy for remedy in remedies if remedy.until]
    first = remedies[0].phases
    assert {remedy.phases[:1] for remedy in ended} == {first}
    assert {len(remedy.phases) for remedy in ended} == {1, 2}
    to_the_answers = next(remedy for remedy in remedies if remedy.phases == first and not remedy.until)
    assert all(remedy.cost < to_the_answers.cost for remedy in ended if len(remedy.phases) == 1)
    assert any(f"2 phases at {first[0][1][0]} until {one.until}" == one.name for one in ended)


def test_a_student_with_phases_costs_both() -> None:
    learnt = Remedy(name="learnt", cost=1.1, weights={"w": torch.zeros(1)})
    both = combined(learnt, Remedy(name="2 phases at a", cost=1.5, phases=((2, ("a",)),), until="m"))
    assert both.until == "m"
    assert (both.name, both.cost, both.phases) == ("learnt, 2 phases at a", pytest.approx(1.65), ((2, ("a",)),))
    assert both.learnt
