from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antialias.metrics.inputs import _shifts
from antialias.metrics.inputs._shifts import (
    circular,
    crop,
    default_window,
    embed,
    fractional,
    generator_for,
    grid,
    offset_limit,
    random_fractions,
    random_offsets,
    resized,
    scaled_on_black,
    window_pairs,
    windows,
)

few = settings(max_examples=25, deadline=None)


def _noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@few
@given(st.integers(0, 2**40), st.integers(0, 10**7), st.integers(2, 64), st.integers(1, 5), st.integers(1, 20))
def test_offsets_of_fewer_passes_are_a_prefix(seed: int, index: int, limit: int, few_: int, more: int) -> None:
    for draw in (random_offsets, random_fractions):
        long = draw(limit, few_ + more, seed=seed, index=index)
        assert torch.equal(draw(limit, few_, seed=seed, index=index), long[:few_])
        assert bool((long >= 0).all())
        assert bool((long < limit).all())


def test_offsets_are_uniform_over_pictures() -> None:
    offsets = torch.cat([random_offsets(4, 2, seed=0, index=i) for i in range(2000)])
    counts = torch.bincount(offsets[:, 0] * 4 + offsets[:, 1], minlength=16)
    assert float(((counts - 250.0) ** 2 / 250).sum()) < 30.6  # chi-square, 15 degrees of freedom, 1 %


def test_seeds_and_pictures_do_not_share_their_draws() -> None:
    seeds = {generator_for(seed, index).initial_seed() for seed in range(40) for index in range(100)}
    assert len(seeds) >= 3999


def test_the_default_window_is_the_published_one() -> None:
    assert default_window(256) == 224
    assert offset_limit(256, None) == 32
    assert [default_window(side) for side in (64, 65, 9)] == [56, 56, 7]


@pytest.mark.parametrize(
    ("side", "window", "message"),
    [
        (8, None, r"window=7 leaves 1 offsets in a picture of 8 pixels and 2 are needed\. Use 1 <= window <= 6\."),
        (2, None, r"window=1 leaves 1 offsets in a picture of 2 pixels and 2 are needed\. Use pictures of at least 9"),
        (32, 31, r"window=31 leaves 1 offsets"),
        (32, 40, r"window=40 leaves 0 offsets .* Use 1 <= window <= 30\."),
        (32, 0, r"window=0 leaves 32 offsets"),
    ],
)
def test_windows_without_a_choice_of_offsets_are_refused(side: int, window: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        offset_limit(side, window)


def test_windows_are_slices_of_the_central_square() -> None:
    images = _noise(3, 2, 40, 64)
    got = windows(images, 4, seed=5, first=10).numpy()
    for i in range(3):
        square = images[i].numpy()[:, :, 12:52]
        offsets = random_offsets(5, 4, seed=5, index=10 + i).tolist()
        for j, (y, x) in enumerate(offsets):
            np.testing.assert_array_equal(got[i, j], square[:, y : y + 35, x : x + 35])


def test_pairs_are_the_windows_two_by_two() -> None:
    images = _noise(2, 3, 32, 32)
    pairs = window_pairs(images, passes=3, window=20, seed=1)
    assert pairs.shape == (2, 3, 2, 3, 20, 20)
    assert torch.equal(pairs.flatten(1, 2), windows(images, 6, window=20, seed=1))


@few
@given(st.integers(1, 9), st.integers(1, 9), st.integers(-20, 20), st.integers(-20, 20))
def test_circular_shifts_agree_with_numpy(height: int, width: int, y: int, x: int) -> None:
    images = _noise(1, 2, height, width)
    expected = np.roll(images.numpy(), (y, x), (2, 3))
    np.testing.assert_array_equal(circular(images, torch.tensor([[y, x]])).numpy(), expected)


@few
@given(st.integers(1, 9), st.integers(1, 9), st.integers(-20, 20), st.integers(-20, 20))
def test_whole_fractional_shifts_are_circular_shifts(height: int, width: int, y: int, x: int) -> None:
    images, offsets = _noise(2, 2, height, width, dtype=torch.float64), torch.tensor([[y, x], [x, y]])
    torch.testing.assert_close(fractional(images, offsets), circular(images, offsets), atol=1e-12, rtol=0)


@few
@given(st.floats(-5, 5), st.floats(-5, 5))
def test_fractional_shifts_add_up_on_odd_sizes(a: float, b: float) -> None:
    images, there = _noise(1, 1, 7, 9, dtype=torch.float64), torch.tensor([[a, b]], dtype=torch.float64)
    twice = fractional(fractional(images, there), there.flip(1))
    torch.testing.assert_close(twice, fractional(images, there + there.flip(1)), atol=1e-9, rtol=0)


@pytest.mark.parametrize("size", [8, 9])
def test_fractional_shifts_move_a_sinusoid_exactly(size: int) -> None:
    def wave(shift: float) -> torch.Tensor:
        t = torch.arange(size, dtype=torch.float64) - shift
        return (0.5 + 0.5 * torch.cos(2 * math.pi * 2 * t / size))[None, None, :, None].expand(1, 1, size, size)

    torch.testing.assert_close(fractional(wave(0), torch.tensor([[0.3, 0.8]])), wave(0.3), atol=1e-7, rtol=0)


def test_fractional_shifts_fade_the_nyquist_frequency_and_leave_it_where_it_is() -> None:
    y, x = torch.arange(8.0, dtype=torch.float64)[:, None], torch.arange(8.0, dtype=torch.float64)
    checks = (torch.cos(math.pi * y) * torch.cos(2 * math.pi * x / 8))[None, None]
    for picture, offset in ((checks, [0.3, 0.0]), (checks.mT, [0.0, 0.3])):
        moved = fractional(picture, torch.tensor([offset], dtype=torch.float64))
        torch.testing.assert_close(moved, math.cos(0.3 * math.pi) * picture, atol=1e-12, rtol=0)


def test_crops_outside_the_picture_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"offsets up to \[3, 0\] with window=6 leave a 8x9 picture\. Use .* \[2, 3\]\."
    ):
        crop(_noise(1, 3, 8, 9), torch.tensor([[3, 0]]), 6)


@few
@given(st.integers(0, 6), st.integers(0, 6))
def test_embedding_on_black_adds_zeros_only(y: int, x: int) -> None:
    image = _noise(1, 3, 4, 4)
    canvas = embed(image, 10, torch.tensor([[y, x]]))
    assert torch.equal(canvas[:, :, y : y + 4, x : x + 4], image)
    assert canvas.sum().item() == pytest.approx(image.sum().item(), rel=1e-6)


def test_inpainting_keeps_the_picture_and_fills_smoothly() -> None:
    image = _noise(1, 3, 8, 8)
    canvas = embed(image, 24, torch.tensor([[9, 5]]), "inpaint")
    assert torch.equal(canvas[:, :, 9:17, 5:13], image)
    assert bool((canvas >= image.min()).all())
    assert bool((canvas <= image.max() + 1e-6).all())
    surround = canvas[0, :, :8].diff(dim=1).abs().max()
    assert surround < 0.25 * image.diff(dim=2).abs().max()
    constant = torch.full((1, 3, 8, 8), 0.3)
    torch.testing.assert_close(embed(constant, 24, torch.tensor([[9, 5]]), "inpaint"), torch.full((1, 3, 24, 24), 0.3))


@pytest.mark.parametrize(
    ("offset", "fill", "message"),
    [
        ([7, 0], "black", r"a 4x4 picture at \(7, 0\) leaves a canvas of 10 pixels\. Use offsets from 0 to \(6, 6\)\."),
        ([0, 0], "grey", r'fill="grey" is unknown\. Use "black" or "inpaint"\.'),
    ],
)
def test_embedding_refuses_what_does_not_fit(offset: list[int], fill: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        embed(_noise(1, 3, 4, 4), 10, torch.tensor([offset]), fill)


def test_scaled_pictures_grow_around_the_centre() -> None:
    frames = scaled_on_black(torch.ones(3, 8, 8), range(4, 7), 12)
    assert frames.shape == (3, 3, 12, 12)
    assert frames.mean(1).sum((1, 2)).tolist() == pytest.approx([16, 25, 36])
    assert bool((frames[0, :, 4:8, 4:8] == 1).all())
    assert bool((frames[1, :, 3:8, 3:8] == 1).all())


def test_resizing_to_the_same_size_changes_nothing() -> None:
    images = _noise(1, 3, 9, 9)
    torch.testing.assert_close(resized(images, 9), images)


@pytest.mark.parametrize(
    ("radius", "step", "count"), [(1, 1, 9), (2, 1, 25), (1, 0.5, 25), (0.3, 0.1, 49), (1.5, 1, 9)]
)
def test_grids_are_square_and_hold_the_origin(radius: float, step: float, count: int) -> None:
    offsets = grid(radius, step)
    assert len({tuple(row) for row in offsets.tolist()}) == count == len(offsets)
    assert [0, 0] in offsets.tolist()
    assert offsets.abs().max() <= radius + 1e-6


def test_shifts_leave_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    _shifts.windows(_noise(2, 3, 16, 16), 3)
    assert torch.equal(torch.get_rng_state(), before)
