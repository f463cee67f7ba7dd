"""Counter-based random numbers: right distribution, and no dependence on the batch."""

from __future__ import annotations

import torch

from antialias.data.scenes._draws import Draws, _logical_shift


def test_logical_shift_brings_in_zeros() -> None:
    assert _logical_shift(torch.tensor([-1]), 60).item() == 15


def test_splitmix64_gives_the_published_sequence() -> None:
    # First outputs of SplitMix64 seeded with 1234567 (the reference program's test vector), top 24 bits.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    draws = Draws(torch.tensor(1234567))
    got = [int(draws.uniform().double() * 2**24) for _ in expected]
    assert got == [value >> 40 for value in expected]


def test_an_item_is_the_same_alone_and_in_a_batch() -> None:
    batch, alone = Draws.of_items(3, torch.arange(10)), Draws.of_items(3, torch.tensor([7]))
    assert batch.uniform()[7] == alone.uniform()[0]
    assert batch.fork(2).integer(0, 1000)[7] == alone.fork(2).integer(0, 1000)[0]


def test_seeds_items_branches_and_draws_differ() -> None:
    def numbers(seed: int, item: int, branch: int) -> list[float]:
        draws = Draws.of_items(seed, torch.tensor([item])).fork(branch)
        return [draws.uniform().item(), draws.uniform().item()]

    drawn = [n for seed in (0, 1) for item in (0, 1) for branch in (0, 1) for n in numbers(seed, item, branch)]
    assert len(set(drawn)) == len(drawn)


def test_uniform_fills_its_range_evenly() -> None:
    numbers = Draws.of_items(0, torch.arange(100_000)).uniform(2.0, 4.0)
    assert numbers.min() >= 2
    assert numbers.max() < 4
    share = torch.histc(numbers, 10, 2, 4) / len(numbers)
    assert (share - 0.1).abs().max() < 0.005


def test_integer_excludes_its_end_and_chance_keeps_its_share() -> None:
    draws = Draws.of_items(1, torch.arange(20_000))
    assert draws.integer(5, 8).unique().tolist() == [5, 6, 7]
    assert abs(draws.chance(0.3).float().mean() - 0.3) < 0.02


def test_the_global_random_state_is_untouched() -> None:
    before = torch.get_rng_state()
    Draws.of_items(0, torch.arange(5)).uniform()
    assert torch.equal(before, torch.get_rng_state())
