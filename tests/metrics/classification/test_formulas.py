from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antialias.metrics.classification import _formulas

few = settings(max_examples=30, deadline=None)
sizes = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(2, 6))


def _logits(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3


@few
@given(sizes, st.integers(0, 99))
def test_agreement_and_change_are_shares_that_make_one(shape: tuple[int, int, int], seed: int) -> None:
    first, second = _logits(shape, seed), _logits(shape, seed + 100)
    agreed, changed = _formulas.pair_agreement(first, second), _formulas.pair_change(first, second)
    torch.testing.assert_close(agreed + changed, torch.ones(shape[0]))
    assert bool(((agreed >= 0) & (agreed <= 1)).all())


@few
@given(sizes, st.integers(0, 99))
def test_the_names_of_the_classes_do_not_matter(shape: tuple[int, int, int], seed: int) -> None:
    first, second = _logits(shape, seed), _logits(shape, seed + 100)
    order = torch.randperm(shape[-1], generator=torch.Generator().manual_seed(seed))
    for formula in (_formulas.pair_agreement, _formulas.pair_change, _formulas.pair_absolute_change):
        torch.testing.assert_close(formula(first[..., order], second[..., order]), formula(first, second))


@few
@given(sizes, st.integers(0, 99))
def test_absolute_change_is_a_share_and_none_without_change(shape: tuple[int, int, int], seed: int) -> None:
    first, second = _logits(shape, seed), _logits(shape, seed + 100)
    change = _formulas.pair_absolute_change(first, second)
    assert bool(((change >= 0) & (change <= 1)).all())
    assert _formulas.pair_absolute_change(first, first + 5).abs().max() < 1e-6


@few
@given(sizes, st.integers(0, 99))
def test_the_worst_of_all_shifts_is_never_better_than_pairs_of_them(shape: tuple[int, int, int], seed: int) -> None:
    logits = _logits(shape, seed)
    pairs = _formulas.pair_agreement(logits, logits.roll(1, 1))
    assert bool((_formulas.all_agree(logits) <= pairs).all())


def test_absolute_change_follows_the_class_that_was_first_best() -> None:
    first, second = torch.tensor([[[0.8, 0.2]]]).log(), torch.tensor([[[0.3, 0.7]]]).log()
    assert _formulas.pair_absolute_change(first, second).item() == pytest.approx(0.5)
    three = torch.tensor([[[0.6, 0.3, 0.1]]]).log(), torch.tensor([[[0.2, 0.7, 0.1]]]).log()
    assert _formulas.pair_absolute_change(*three).item() == pytest.approx(0.4)


def test_half_precision_logits_give_float32_values() -> None:
    logits = _logits((3, 4, 5), 0).half()
    assert _formulas.pair_absolute_change(logits, logits.roll(1, 1)).dtype == torch.float32
    assert _formulas.pair_agreement(logits, logits).dtype == torch.float32
