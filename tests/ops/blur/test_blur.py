from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from antialias.ops import PADDING_MODES, binomial, blur
from antialias.ops.blur._blur import BACKENDS

ROWS = [binomial(3), binomial(3)]
NAMES = [backend.name for backend in BACKENDS if not backend.why_not(torch.empty(1, 1, 4, 4), ROWS)]
NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "zeros": "constant", "circular": "wrap"}


def brute_force(x: np.ndarray, taps: np.ndarray, stride: tuple[int, ...], mode: str) -> np.ndarray:
    border = [((k - 1) // 2, k // 2) for k in taps.shape]
    padded = np.pad(x, [(0, 0), (0, 0), *border], mode=NUMPY_MODES[mode])
    sizes = [math.ceil(size / step) for size, step in zip(x.shape[2:], stride, strict=True)]
    out = np.zeros((*x.shape[:2], *sizes))
    for position in itertools.product(*map(range, sizes)):
        window = tuple(slice(p * s, p * s + k) for p, s, k in zip(position, stride, taps.shape, strict=True))
        out[(slice(None), slice(None), *position)] = (padded[(slice(None), slice(None), *window)] * taps).sum(
            axis=tuple(range(2, x.ndim))
        )
    return out


@settings(deadline=None)
@given(
    st.sampled_from(PADDING_MODES),
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 7), st.integers(1, 4)), min_size=1, max_size=3),
    st.integers(0, 2**16),
)
def test_agrees_with_loops(mode, dims, seed):
    sizes, kernels, stride = zip(*dims, strict=True)
    x = torch.randn(2, 3, *sizes, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    taps = torch.rand(kernels, dtype=torch.float64, generator=torch.Generator().manual_seed(seed + 1))
    expected = brute_force(x.numpy(), taps.numpy(), stride, mode)
    assert np.allclose(blur(x, taps, stride, mode).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@settings(deadline=None)
@given(
    st.sampled_from(PADDING_MODES),
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4)), min_size=2, max_size=2),
    st.integers(1, 9),
    st.integers(0, 2**16),
)
def test_rows_of_taps_agree_with_loops(backend, layout, mode, dims, channels, seed):
    sizes, kernels, stride = zip(*dims, strict=True)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2, channels, *sizes, dtype=torch.float64, generator=generator).to(memory_format=layout)
    rows, columns = (torch.rand(k, dtype=torch.float64, generator=generator) for k in kernels)
    y = blur(x, (rows, columns), stride, mode, backend)
    assert np.allclose(y.numpy(), brute_force(x.numpy(), np.outer(rows, columns), stride, mode), atol=1e-12)
    assert y.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("dims", [1, 3])
def test_rows_of_taps_in_one_and_three_dimensions(dims):
    x, rows = torch.randn(1, 2, *[5] * dims), [torch.rand(k) for k in (3, 2, 4)[:dims]]
    taps = rows[0] if dims == 1 else torch.einsum("i,j,k->ijk", *rows)
    assert torch.allclose(blur(x, rows, 2), blur(x, taps, 2), atol=1e-6)


@pytest.mark.parametrize("kernel_size", range(1, 12))
def test_binomial_is_repeated_averaging(kernel_size):
    taps = np.ones(1)
    for _ in range(kernel_size - 1):
        taps = np.convolve(taps, [0.5, 0.5])
    assert np.allclose(binomial(kernel_size, dtype=torch.float64).numpy(), taps, atol=0, rtol=1e-12)


@pytest.mark.parametrize("kernel_size", [3, 5, 7])
def test_odd_filters_remove_the_highest_frequency(kernel_size):
    checkerboard = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1
    taps = torch.outer(binomial(kernel_size), binomial(kernel_size))
    assert blur(checkerboard[None, None], taps, 2).abs().max() < 1e-6
    assert checkerboard[::2, ::2].abs().min() == 1  # bare subsampling turns it into a constant


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_odd_filters_are_in_phase_with_a_strided_convolution(size, stride):
    x = torch.randn(1, 1, size, size)
    taps = torch.outer(binomial(3), binomial(3))
    assert torch.allclose(
        blur(x, taps, stride, "zeros"), F.conv2d(x, taps[None, None], stride=stride, padding=1), atol=1e-6
    )


def test_gradient():
    x = torch.randn(1, 2, 5, 4, dtype=torch.float64, requires_grad=True)
    taps = torch.rand(3, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: blur(x, taps, 2), x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(1, 1, 4)}, r"shape \(1, 1, 4\), but 2 spatial dimension.* 4 dimensions: \(N, C, H, W\)"),
        ({"stride": (2, 2, 2)}, r"stride=\(2, 2, 2\) does not fit 2 dimension\(s\). Use one number >= 1, or 2 of them"),
        ({"stride": 0}, r"stride=0 does not fit 2 dimension"),
        ({"padding_mode": "same"}, "padding_mode='same' is unknown. Use one of 'reflect'"),
        ({"backend": "abacus"}, "backend='abacus' is unknown. Use 'auto' or one of 'cpp', 'reference'"),
    ],
)
def test_errors(change, message):
    with pytest.raises(ValueError, match=message):
        blur(**{"x": torch.zeros(1, 1, 4, 4), "taps": (torch.ones(3), torch.ones(3)), **change})


def test_binomial_needs_a_tap():
    with pytest.raises(ValueError, match="kernel_size=0 has no taps. Use 1 or more"):
        binomial(0)
