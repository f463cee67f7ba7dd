"""Consistency of dense values against pixels by hand, on networks whose consistency is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from antialias.metrics import dense_consistency, random_crops

IMAGES = torch.rand((12, 3, 40, 48), generator=torch.Generator().manual_seed(0))


def strided(x: Tensor) -> Tensor:
    """Say of each pixel what a grid of every fourth shows: it depends on where the grid begins."""
    return x[:, :2, ::4, ::4].repeat_interleave(4, 2).repeat_interleave(4, 3)[..., : x.shape[2], : x.shape[3]]


def test_the_score_is_that_of_pixels_by_hand() -> None:
    score = dense_consistency(strided, IMAGES, passes=3)
    each = []
    for index, image in enumerate(IMAGES):
        crops = random_crops(image, 3, index=index)
        values = [strided(frame[None])[0].double().numpy() for frame in crops.frames]
        for pair in range(3):
            places = [
                {(y + top, x + left): one[:, y, x] for y in range(one.shape[1]) for x in range(one.shape[2])}
                for one, (top, left) in zip(values[2 * pair :][:2], crops.corners[2 * pair :][:2].tolist(), strict=True)
            ]
            common = [at for at in places[0] if at in places[1]]
            a, b = (np.array([place[at] for at in common]) for place in places)
            spread = np.concatenate([a, b]).std(0)
            each.append((np.sqrt(((a - b) ** 2).mean(0)) / spread).mean())
    assert score.value == pytest.approx(np.mean(each), abs=1e-6)
    assert 0.5 < score.value < math.sqrt(2)
    assert (score.unit, score.images) == ("spreads", 12)
    assert score.spread is not None


def test_what_moves_along_is_consistent_and_noise_is_not() -> None:
    assert dense_consistency(lambda x: x - x.flip(1), IMAGES).value == 0
    assert dense_consistency(lambda x: torch.ones_like(x), IMAGES).value == 0
    generator = torch.Generator().manual_seed(0)
    noise = dense_consistency(lambda x: torch.rand(x.shape, generator=generator), IMAGES)
    assert noise.value == pytest.approx(math.sqrt(2), abs=0.01)


def test_neither_scale_nor_offset_nor_batches_change_it() -> None:
    score = dense_consistency(strided, IMAGES)
    assert dense_consistency(lambda x: {"out": 5 * strided(x) - 3}, IMAGES).value == pytest.approx(
        score.value, abs=1e-6
    )
    assert dense_consistency(strided, IMAGES, batch_size=3) == score
    later = dense_consistency(strided, IMAGES[5:], first=5)
    assert torch.equal(later.per_image, score.per_image[5:])
