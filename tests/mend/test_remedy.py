from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from antialias.mend import Remedy, ShiftedCopies
from antialias.mend._remedy import combined, cost_of_phases, group_name, macs_of, spread
from antialias.nn import Fixed
from antialias.surgery import conversion_of


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


def test_of_too_many_the_combinations_that_use_the_budget_stay() -> None:
    single = [Remedy(name=str(n), cost=n, phases=((2, ("a",)),)) for n in (1.5, 1.2)]
    several = [Remedy(name=str(n), cost=n, phases=((2, ("a",)), (2, ("b",)))) for n in (1.3, 1.9, 1.6)]
    assert [one.cost for one in spread([*single, *several], 4)] == [1.2, 1.5, 1.6, 1.9]


def test_a_student_with_phases_costs_both() -> None:
    learnt = Remedy(name="learnt", cost=1.1, weights={"w": torch.zeros(1)})
    both = combined(learnt, Remedy(name="2 phases at a", cost=1.5, phases=((2, ("a",)),)))
    assert (both.name, both.cost, both.phases) == ("learnt, 2 phases at a", pytest.approx(1.65), ((2, ("a",)),))
    assert both.learnt
