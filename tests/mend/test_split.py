from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from antialias.mend._split import Part


def part(sources: list[int]) -> Part:
    return Part([(torch.full((3, 4, 4), float(i) / 1000), None) for i in range(len(sources))], list(sources))


def test_parts_share_no_source_and_lose_no_image() -> None:
    whole = part([number // 5 for number in range(200)])
    parts = whole.split((0.5, 0.25, 0.25), seed=1)
    assert [len(one) for one in parts] == [100, 50, 50]
    assert not set.intersection(*(set(one.sources) for one in parts))
    assert len({float(pixels[0, 0, 0]) for one in parts for pixels, _ in one.images}) == 200


def test_sources_of_uneven_size_give_about_the_shares() -> None:
    parts = part([0] * 40 + [1] * 30 + list(range(2, 132))).split((0.5, 0.25, 0.25), seed=0)
    assert all(abs(len(one) - count) <= 40 for one, count in zip(parts, (100, 50, 50), strict=True))
    assert sum(map(len, parts)) == 200


def test_the_seed_decides() -> None:
    whole = part(list(range(64)))
    first, again, other = (whole.split((0.5, 0.5), seed)[0].sources for seed in (3, 3, 4))
    assert first == again != other


def test_too_few_sources_are_refused() -> None:
    with pytest.raises(ValueError, match="64 images come from 7 sources, too few"):
        part([number % 7 for number in range(64)]).split((0.5, 0.5), seed=0)


def test_a_data_set_says_its_sources_itself() -> None:
    data = TensorDataset(torch.rand(6, 3, 8, 8), torch.arange(6))
    data.sources = ["a", "a", "b", "b", "c", "c"]  # type: ignore[attr-defined]
    assert Part.of(data).sources == Part.of(DataLoader(data, batch_size=4)).sources == ["a", "a", "b", "b", "c", "c"]
    assert Part.of(data, sources=[1, 2, 3, 4, 5, 6]).sources == [1, 2, 3, 4, 5, 6]
    assert [label for _, label in Part.of(data).images] == [0, 1, 2, 3, 4, 5]


def test_a_loader_in_another_order_than_its_data_set_has_other_sources() -> None:
    data = TensorDataset(torch.rand(6, 3, 8, 8))
    data.sources = ["a"] * 6  # type: ignore[attr-defined]
    assert Part.of(DataLoader(data, shuffle=True)).sources == [0, 1, 2, 3, 4, 5]


def test_sources_are_one_an_image() -> None:
    with pytest.raises(ValueError, match="there are 2 sources for 3 images"):
        Part.of(torch.rand(3, 3, 8, 8), sources=[0, 1])


def test_a_source_counts_once() -> None:
    rows = torch.tensor([0.0, 1.0, 1.0, torch.nan, torch.nan, 0.5])
    one = part([4, 4, 7, 7, 8, 9]).by_source(rows)
    torch.testing.assert_close(one, torch.tensor([0.5, 1.0, torch.nan, 0.5]), equal_nan=True)
    assert part([0, 1]).by_source(rows[:2]) is not None
