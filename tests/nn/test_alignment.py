"""Windows that are aligned by what images show, against loops in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from antialias.nn import PhaseAlign2d, PhaseAlignment
from antialias.ops import PADDING_MODES

BINOMIAL = np.convolve(np.convolve([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]), np.convolve([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]))


def scene(seed: int, side: int = 96) -> Tensor:
    """Return a picture of coloured patches, larger than the windows of it."""
    coarse = torch.rand(1, 3, side // 6, side // 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return F.interpolate(coarse, (side, side), mode="bicubic")


def strongest(image: Tensor) -> tuple[int, int]:
    """Return the row and the column of most contrast at least eight pixels from the border, by its definition."""
    grey = image.mean(0).numpy()
    rows, columns = grey.shape
    energy = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            down = grey[min(r + 1, rows - 1), c] - grey[r, c]
            right = grey[r, min(c + 1, columns - 1)] - grey[r, c]
            energy[r, c] = down**2 + right**2
    taps = np.outer(BINOMIAL, BINOMIAL)
    best, place = -1.0, (0, 0)
    for r in range(8, rows - 8):
        for c in range(8, columns - 8):
            value = (energy[r - 8 : r + 9, c - 8 : c + 9] * taps).sum()
            if value > best:
                best, place = value, (r, c)
    return place


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("period", [2, 7, 8, 32])
def test_the_window_moves_to_where_contrast_is_highest(seed: int, period: int) -> None:
    image = scene(seed, 48)
    place = strongest(image[0])
    expected = [side % period - period // 2 for side in place]
    assert PhaseAlign2d(period).offsets(image).tolist() == [expected]


@given(st.integers(0, 50), st.integers(0, 12), st.integers(0, 12), st.sampled_from([4, 8, 16]))
@settings(max_examples=25, deadline=None)
def test_samples_stay_the_same_when_the_picture_moves(seed: int, down: int, right: int, period: int) -> None:
    picture, align, moved = scene(seed), PhaseAlign2d(period), torch.tensor([down, right])
    first, second = picture[:, :, :72, :72], picture[:, :, down : down + 72, right : right + 72]
    assume(strongest(first[0]) == tuple((torch.tensor(strongest(second[0])) + moved).tolist()))  # none got ahead
    jump = (align.offsets(first) - align.offsets(second) - moved)[0]
    assert (jump % period == 0).all()  # by whole periods, where the place entered another cell
    edge = 2 * period + 12
    shown = align(first)[:, :, edge : 72 - edge, edge : 72 - edge]
    rows, columns = (slice(edge + step, 72 - edge + step) for step in jump.tolist())
    assert torch.equal(align(second)[:, :, rows, columns], shown)


@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("period", [3, 8])
def test_a_window_shows_the_continued_image(mode: str, period: int) -> None:
    images = torch.rand(5, 3, 11, 9)
    align = PhaseAlign2d(period, mode)
    offsets, wide = align.offsets(images), align.period
    torch_mode = {"zeros": "constant"}.get(mode, mode)
    padded = F.pad(images, [wide] * 4, mode=torch_mode)
    for number, (down, right) in enumerate(offsets.tolist()):
        assert -period // 2 <= min(down, right) <= max(down, right) < (period + 1) // 2
        window = padded[number, :, wide + down : wide + down + 11, wide + right : wide + right + 9]
        assert torch.equal(align(images)[number], window)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (8, 8), (17, 16), (40, 5)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_any_size_and_layout(size: tuple[int, int], layout: torch.memory_format) -> None:
    images = torch.rand(2, 4, *size).contiguous(memory_format=layout)
    y = PhaseAlign2d(8)(images)
    assert y.shape == images.shape
    assert y.is_contiguous(memory_format=layout)
    assert set(y.flatten().tolist()) <= set(images.flatten().tolist())


def test_each_image_is_aligned_for_itself() -> None:
    images, align = torch.cat([scene(seed) for seed in range(4)]), PhaseAlign2d(16)
    assert torch.equal(align(images), torch.cat([align(image[None]) for image in images]))
    assert len(align.offsets(images).unique(dim=0)) > 1
    assert align(images[:0]).shape == (0, *images.shape[1:])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_types_agree_and_autocast_changes_nothing(dtype: torch.dtype) -> None:
    images, align = torch.cat([scene(seed) for seed in range(4)]).to(dtype), PhaseAlign2d()
    assert align(images).dtype == dtype
    assert torch.equal(align.offsets(images), align.offsets(images.double()))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(align.offsets(images.float()), align.offsets(images.double()))


def test_gradients_go_to_the_samples_that_are_shown() -> None:
    images = scene(0).requires_grad_()
    (grad,) = torch.autograd.grad(PhaseAlign2d(4)(images).sum(), images)
    assert grad.sum() == images.numel()
    assert grad[..., 8:-8, 8:-8].unique().tolist() == [1]


@pytest.mark.parametrize("period", [0, 1, 65, 8.0, True, "8"])
def test_periods_that_are_none(period: object) -> None:
    for make in (PhaseAlign2d, lambda value: PhaseAlignment(period=value)):
        with pytest.raises(ValueError, match=r"period=.* is not offered\. Use 2 to 64 pixels, such as 8\."):
            make(period)


def test_images_without_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="no samples"):
        PhaseAlign2d()(torch.zeros(1, 3, 0, 4))
    with pytest.raises(ValueError, match=r"phase='norm': PhaseAlignment moves the image and chooses no samples"):
        PhaseAlignment(phase="norm")
    with pytest.raises(ValueError, match="padding_mode='wrap' is unknown"):
        PhaseAlign2d(padding_mode="wrap")
