"""Pairings against exhaustive search."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from antialias.metrics.detection._matching import greedy, match_as_coco, one_to_one


def _random_ious(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = torch.randint(0, 6, (2,), generator=generator).tolist()
    return torch.rand(shape, generator=generator) * 0.3 + 0.7


def _most_by_trying_all(ious: Tensor, least: float) -> int:
    a, b = ious.shape
    rows, columns = (ious, ious.T)[a > b], max(a, b)
    return max(sum(bool(rows[i, j] > least) for i, j in enumerate(p)) for p in permutations(range(columns), min(a, b)))


def _greedily(ious: Tensor, least: float) -> int:
    left, count = ious.clone(), 0
    while left.numel() and left.max() > least:
        a, b = divmod(int(left.argmax()), left.shape[1])
        left[a], left[:, b] = -1, -1
        count += 1
    return count


def test_one_to_one_finds_as_many_as_there_are() -> None:
    for seed in range(60):
        ious = _random_ious(seed)
        expected = _most_by_trying_all(ious, 0.85)
        assert one_to_one(ious, 0.85) == expected
        if ious.numel():
            rows, columns = linear_sum_assignment((ious > 0.85).numpy(), maximize=True)
            assert expected == int((ious > 0.85)[torch.from_numpy(rows), torch.from_numpy(columns)].sum())


def test_greedy_takes_the_best_pair_that_is_left() -> None:
    counts = []
    for seed in range(60):
        ious = _random_ious(seed)
        counts.append((greedy(ious, 0.85), one_to_one(ious, 0.85)))
        assert counts[-1][0] == _greedily(ious, 0.85)
    assert all(a <= b for a, b in counts)
    assert any(a < b for a, b in counts)


@pytest.mark.parametrize("count", [greedy, one_to_one])
def test_the_bound_itself_is_not_above_it(count: object) -> None:
    ious = torch.tensor([[0.9]], dtype=torch.float64)
    assert count(ious, 0.9) == 0  # type: ignore[operator]
    assert count(ious, 0.89) == 1  # type: ignore[operator]


def test_a_crowd_is_found_again_and_again_and_costs_nothing() -> None:
    ious = torch.tensor([[0.6, 0.9], [0.0, 0.9], [0.6, 0.0]], dtype=torch.float64)
    found = match_as_coco(ious, torch.tensor([False, True]), torch.tensor([0.5, 0.8], dtype=torch.float64))
    assert found.T.tolist() == [[1, -1, 0], [-1, -1, 0]]
