from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antialias.metrics._bootstrap import (
    interval_of_mean,
    interval_of_mean_difference,
    resampled_means,
    wilson,
)


@given(st.integers(1, 10_000), st.floats(0, 1), st.floats(0.5, 0.99))
def test_wilson_holds_the_share_and_stays_in_the_unit_interval(count: int, share: float, level: float) -> None:
    low, high = wilson(share, count, level)
    assert 0 <= low <= share <= high <= 1
    assert high > low


def test_wilson_agrees_with_published_values() -> None:
    # Newcombe (1998), Statistics in Medicine 17:857, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (successes, count), bounds in published.items():
        assert wilson(successes / count, count, 0.95) == pytest.approx(bounds, abs=5e-5)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_intervals_hold_the_truth_about_as_often_as_they_say(share: float) -> None:
    draws = torch.rand((120, 100), generator=torch.Generator().manual_seed(1)) < share
    held = [low <= share <= high for low, high, _ in (interval_of_mean(draw.float(), 0.95) for draw in draws)]
    assert sum(held) / len(held) >= 0.9


def test_the_interval_is_not_wider_than_it_needs_to_be() -> None:
    draws = torch.rand((80, 100), generator=torch.Generator().manual_seed(2)) < 0.5
    held = [low <= 0.5 <= high for low, high, _ in (interval_of_mean(draw.float(), 0.8) for draw in draws)]
    assert 0.68 <= sum(held) / len(held) <= 0.92


@pytest.mark.parametrize("share", [0.5, 0.97])
def test_paired_intervals_hold_the_true_difference(share: float) -> None:
    generator = torch.Generator().manual_seed(3)
    held = 0
    for _ in range(100):
        a, b = (torch.rand((2, 100), generator=generator) < share).float()
        low, high, _ = interval_of_mean_difference(a - b, 0.95)
        held += low <= 0 <= high
    assert held / 100 >= 0.9


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.2, 0.4, 1.0]), min_size=1, max_size=60))
def test_the_interval_holds_the_mean_and_forgets_the_order(values: list[float]) -> None:
    low, high, _ = interval_of_mean(torch.tensor(values, dtype=torch.float64), 0.95)
    assert 0 <= low <= math.fsum(values) / len(values) + 1e-9
    assert math.fsum(values) / len(values) - 1e-9 <= high <= 1
    assert interval_of_mean(torch.tensor(values[::-1], dtype=torch.float64), 0.95)[:2] == (low, high)


@pytest.mark.parametrize(
    ("values", "method"),
    [
        ([1.0] * 50, "Wilson"),
        ([0.0] * 50, "Wilson"),
        ([0.6] * 50, "Wilson"),
        ([0.0] * 9 + [1.0] * 41, "Wilson"),
        ([0.5, 0.6], "Wilson"),
        ([0.0] * 10 + [1.0] * 40, "percentile bootstrap"),
        ([0.1, 0.2] * 10, "percentile bootstrap"),
    ],
)
def test_wilson_steps_in_where_resampling_sees_too_little(values: list[float], method: str) -> None:
    assert interval_of_mean(torch.tensor(values), 0.95).method == method


def test_equal_networks_are_not_said_to_be_equal_for_sure() -> None:
    low, high, method = interval_of_mean_difference(torch.zeros(100), 0.95)
    assert method == "Wilson, gains and losses apart"
    assert (low, high) == (pytest.approx(-0.037, abs=1e-3), pytest.approx(0.037, abs=1e-3))


def test_a_constant_gain_is_not_said_to_be_certain() -> None:
    low, high, _ = interval_of_mean_difference(torch.full((50,), 0.2), 0.95)
    assert low < 0.2 < high


@pytest.mark.parametrize("distinct", [2, 6, 64, 400])
def test_resampled_means_spread_like_the_standard_error(distinct: int) -> None:
    values = torch.rand(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values = (values * distinct).floor() / (distinct - 1) if distinct < 400 else values
    means = resampled_means(values, 4000)
    error = float(values.std()) / 20
    assert float(means.std()) == pytest.approx(error, rel=0.06)
    assert float(means.mean()) == pytest.approx(float(values.mean()), abs=0.1 * error)
    assert values.min() <= means.min() <= means.max() <= values.max()


def test_resampling_in_chunks_draws_the_asked_number(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.rand(100, dtype=torch.float64)
    whole = resampled_means(values, 25)
    monkeypatch.setattr("antialias.metrics._bootstrap._CHUNK", 400)
    assert torch.equal(resampled_means(values, 25), whole)


def test_resampling_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    interval_of_mean(torch.rand(50, generator=torch.Generator().manual_seed(0)), 0.95)
    assert torch.equal(torch.get_rng_state(), before)
