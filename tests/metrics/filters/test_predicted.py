"""What is computed of predicted filters, position by position, beside loops that do it one filter at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import PredictedFilters, frequency_response, predicted_filters
from antialias.nn import AdaptiveBlurPool2d


def drawn(side: int = 3, stride: tuple[int, int] = (2, 2)) -> PredictedFilters:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 4, side**2, 5, 6, generator=generator)
    return PredictedFilters(logits.softmax(2), torch.rand(2, 8, 10, 12, generator=generator), stride)


def of_weights(weights: Tensor, stride: tuple[int, int] = (2, 2)) -> PredictedFilters:
    return PredictedFilters(weights.flatten()[None, None, :, None, None], torch.zeros(1, 1, 2, 2), stride)


def one_by_one(filters: PredictedFilters) -> list[tuple[tuple[int, ...], np.ndarray]]:
    side = filters.kernel_size
    taps = filters.weights.double().numpy()
    return [
        ((n, g, y, x), taps[n, g, :, y, x].reshape(side, side))
        for n, g, y, x in np.ndindex(*taps.shape[:2], *taps.shape[3:])
    ]


def test_variance_entropy_and_offset_are_those_of_each_filter() -> None:
    filters = drawn(5)
    for (n, g, y, x), taps in one_by_one(filters):
        assert filters.variance()[n, g, y, x].item() == pytest.approx(np.var(taps), rel=1e-4)
        assert filters.entropy()[n, g, y, x].item() == pytest.approx(-(taps * np.log2(taps)).sum(), rel=1e-4)
        down = sum(taps[i, j] * (i - 2) for i in range(5) for j in range(5))
        right = sum(taps[i, j] * (j - 2) for i in range(5) for j in range(5))
        assert filters.offset()[n, g, :, y, x].tolist() == pytest.approx([down, right], abs=1e-5)


@pytest.mark.parametrize("stride", [(2, 2), (1, 2), (3, 2)])
def test_stopband_is_the_integral_of_the_squared_response(stride: tuple[int, int]) -> None:
    """A midpoint sum of the discrete transform over 240 x 240 frequencies."""
    filters = drawn(3, stride)
    frequencies = (np.arange(240) + 0.5) / 240 - 0.5
    waves = np.exp(-2j * np.pi * frequencies[:, None] * np.arange(3))
    above = (np.abs(frequencies)[:, None] > 0.5 / stride[0]) | (np.abs(frequencies)[None] > 0.5 / stride[1])
    for (n, g, y, x), taps in one_by_one(filters)[::7]:
        energy = np.abs(waves @ taps @ waves.T) ** 2
        assert filters.stopband()[n, g, y, x].item() == pytest.approx(energy[above].mean(), rel=2e-3, abs=1e-4)


def test_the_ends_of_the_scales() -> None:
    tap = torch.zeros(3, 3)
    tap[1, 1] = 1
    single, box = of_weights(tap), of_weights(torch.full((3, 3), 1 / 9))
    assert single.variance().item() == pytest.approx(8 / 81)
    assert single.entropy().item() == 0
    assert single.stopband().item() == pytest.approx(1)
    assert box.variance().item() == pytest.approx(0, abs=1e-9)
    assert box.entropy().item() == pytest.approx(math.log2(9))
    assert box.stopband().item() < 0.2
    assert of_weights(tap, (1, 1)).stopband().isnan().all()
    assert of_weights(tap.roll(1, 0)).offset().flatten().tolist() == [1, 0]


def test_the_frequency_response_is_that_of_a_fourier_transform() -> None:
    kernel = torch.rand(3, 3, generator=torch.Generator().manual_seed(1))
    padded = np.zeros((16, 16))
    padded[:3, :3] = kernel.numpy()
    expected = np.abs(np.fft.fftshift(np.fft.fft2(padded)))  # from -1/2 in steps of 1/16
    assert np.allclose(frequency_response(kernel, points=17)[:16, :16].numpy(), expected, atol=1e-5)


def test_the_mean_response_averages_positions() -> None:
    filters = drawn()
    expected = (
        sum(frequency_response(torch.from_numpy(taps).float(), 5) for (n, g, _, _), taps in one_by_one(filters)[:30])
        / 30
    )
    assert isinstance(expected, Tensor)
    assert torch.allclose(filters.response(5)[0, 0], expected, atol=1e-5)


def test_kernels_are_the_weights_at_their_positions() -> None:
    filters = drawn(5)
    kernels = filters.kernels([(0, 0), (4, 5), (2, 3)])
    assert kernels.shape == (2, 4, 3, 5, 5)
    for number, (row, column) in enumerate([(0, 0), (4, 5), (2, 3)]):
        assert torch.equal(kernels[1, 2, number].flatten(), filters.weights[1, 2, :, row, column])
    with pytest.raises(IndexError, match=r"position \(5, 0\) is not on the map of 5x6. Use rows and columns of it."):
        filters.kernels([(5, 0)])


def test_filters_are_those_that_the_layer_applies() -> None:
    """The maps, filtered by hand at every position, are the layer's output."""
    torch.manual_seed(0)
    layer = AdaptiveBlurPool2d(8, groups=2, padding_mode="zeros")
    model = nn.Sequential(nn.Conv2d(3, 8, 3), layer).eval()
    images = torch.rand(2, 3, 14, 12)
    filters = predicted_filters(model, images, normalize=None)["1"]
    patches = nn.functional.unfold(filters.maps, 3, padding=1, stride=2).unflatten(1, (2, 4, 9))
    by_hand = (patches * filters.weights.flatten(3)[:, :, None]).sum(3).flatten(1, 2).unflatten(2, (6, 5))
    assert filters.stride == (2, 2)
    assert torch.allclose(by_hand, model(images), atol=1e-5)
