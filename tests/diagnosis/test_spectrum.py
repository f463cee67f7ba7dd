"""The cause: analytic sinusoids, and each number by brute force."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from antialias.diagnosis import spectrum_energies
from antialias.nn import Adaptive, Fixed
from antialias.surgery import convert_, reduce_maps


def wave(rows: float, columns: float, side: int = 48, shift: float = 0.3) -> Tensor:
    """Return a sinusoid of so many cycles per sample on each axis, on a mean."""
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return (2 + torch.cos(2 * math.pi * (rows * y + columns * x) + shift)).expand(1, 1, side, side)


def shares(maps: Tensor, stride: tuple[int, int]) -> tuple[float, float]:
    total, above, tangled = spectrum_energies(maps, stride)[0]
    return float(above / total), float(tangled / total)


@pytest.mark.parametrize("stride", [2, 3, 4])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_sinusoid_above_the_new_limit_aliases_whole_and_one_below_not_at_all(stride: int, axis: int) -> None:
    limit = 1 / (2 * stride)
    for excess, expected in ((0.07, 1), (-0.07, 0)):
        frequencies = [0.03, 0.03]
        frequencies[axis] = limit + excess
        alias, tangled = shares(wave(*frequencies), (stride, stride))
        assert alias == pytest.approx(expected, abs=1e-3)
        assert tangled == pytest.approx(0, abs=1e-2)  # alone in its fold


def test_an_axis_that_is_not_subsampled_has_no_limit() -> None:
    assert shares(wave(0.45, 0.1), (1, 2))[0] == pytest.approx(0, abs=1e-3)
    assert shares(wave(0.1, 0.45), (1, 2))[0] == pytest.approx(1, abs=1e-3)


def test_two_sinusoids_of_one_fold_are_tangled_by_the_weaker_one() -> None:
    below, above = wave(0, 6 / 48) - 2, wave(0, 0.5 + 6 / 48) - 2  # half a cycle apart: one at stride 2
    alias, tangled = shares(below + 0.5 * above, (2, 2))
    assert alias == pytest.approx(0.2, abs=1e-3)
    assert tangled == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize(("size", "stride"), [((17, 23), (2, 3)), ((16, 15), (4, 2)), ((12, 9), (1, 2))])
def test_energies_are_those_of_a_plain_sum(size: tuple[int, int], stride: tuple[int, int]) -> None:
    """Sum the discrete Fourier transform term by term, with no FFT and no reshaping."""
    maps = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    height, width = (side // s * s for side, s in zip(size, stride, strict=True))
    expected = torch.zeros(2, 3, dtype=torch.float64)
    hann = [
        torch.tensor([0.5 - 0.5 * math.cos(2 * math.pi * i / n) for i in range(n)], dtype=torch.float64)
        for n in (height, width)
    ]
    bases = [
        torch.exp(-2j * math.pi * torch.outer(torch.arange(n), torch.arange(n)).double() / n) for n in (height, width)
    ]
    for n in range(2):
        for channel in range(3):
            values = maps[n, channel, :height, :width].double()
            values = (values - values.mean()) * torch.outer(hann[0], hann[1])
            energy = (bases[0] @ values.to(torch.complex128) @ bases[1]).abs().square()
            folds: dict[tuple[int, int], list[float]] = {}
            for k in range(height):
                for q in range(width):
                    value = float(energy[k, q])
                    expected[n, 0] += value
                    row, column = min(k, height - k) / height, min(q, width - q) / width
                    beyond = row > 1 / (2 * stride[0]) + 1e-9 or column > 1 / (2 * stride[1]) + 1e-9
                    expected[n, 1] += value if beyond else 0
                    folds.setdefault((k % (height // stride[0]), q % (width // stride[1])), []).append(value)
            expected[n, 2] += sum(sum(fold) - max(fold) for fold in folds.values())
    torch.testing.assert_close(spectrum_energies(maps, stride), expected, rtol=1e-4, atol=1e-6)


def test_small_maps_have_no_spectrum() -> None:
    assert bool(spectrum_energies(torch.rand(2, 1, 7, 16), (2, 2)).isnan().all())
    assert not bool(spectrum_energies(torch.rand(2, 1, 8, 16), (2, 2)).isnan().any())


class Everything(nn.Module):
    """Subsamples in every way whose map is known."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)
        self.mean = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mean(self.pool(self.conv(x).relu()))[:, :, ::2]
        return nn.functional.interpolate(x, scale_factor=0.5, mode="nearest").flatten(1)


def test_maps_are_those_of_the_operations_at_stride_1() -> None:
    network, x = Everything().eval(), torch.rand(2, 3, 64, 64)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    maps = reduce_maps(network, (x,), lambda map, stride: (map.clone(), stride))
    conv = nn.functional.conv2d(x, network.conv.weight, network.conv.bias, padding=1)
    activated = network.conv(x).relu()
    pooled = network.pool(activated)
    expected = {
        "conv": (conv, (2, 2)),
        "pool": (nn.functional.max_pool2d(activated, 3, 1, padding=1), (2, 2)),
        "mean": (nn.functional.avg_pool2d(pooled, 2, 1), (2, 2)),
        ":slice": (network.mean(pooled), (2, 1)),
        ":interpolate": (network.mean(pooled)[:, :, ::2], (2, 2)),
    }
    assert list(maps) == list(expected)
    for name, (map, stride) in expected.items():
        ((own, by),) = maps[name]
        assert by == stride, name
        torch.testing.assert_close(own, map)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("filter", [Fixed(), Adaptive(groups=2, init="binomial")])
def test_the_map_of_a_filter_is_what_it_gives_at_stride_1(filter: Fixed | Adaptive) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, 2, 1), nn.ReLU()).eval()
    x = torch.rand(1, 3, 32, 32)
    convert_(network, filter, example=x)
    maps = reduce_maps(network, (x,), lambda map, stride: (map.clone(), stride))
    ((map, stride),) = maps["3.antialias" if "3.antialias" in maps else next(n for n in maps if "antialias" in n)]
    assert stride == (2, 2)
    torch.testing.assert_close(map[:, :, ::2, ::2], network(x))
