from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from antialias.ops import PADDING_MODES, pad

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "zeros": "constant", "circular": "wrap"}
borders = st.tuples(st.integers(0, 7), st.integers(0, 7))


@given(st.sampled_from(PADDING_MODES), st.integers(1, 5), st.integers(1, 5), borders, borders)
def test_agrees_with_numpy_at_any_size(mode, height, width, rows, columns):
    x = torch.arange(2.0 * height * width).view(1, 2, height, width)
    expected = np.pad(x.numpy(), [(0, 0), (0, 0), rows, columns], mode=NUMPY_MODES[mode])
    assert np.array_equal(pad(x, [rows, columns], mode).numpy(), expected)


@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 2, 3, 4), (1, 2, 3, 4, 5)])
def test_one_to_three_dimensions_and_gradients(mode, shape):
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    amounts = [(1, 2)] * (len(shape) - 2)
    assert torch.autograd.gradcheck(lambda x: pad(x, amounts, mode), x)


def test_nothing_to_pad_returns_the_input_itself():
    x = torch.randn(1, 1, 3, 3)
    assert pad(x, [(0, 0), (0, 0)]) is x


def test_errors():
    x = torch.randn(1, 1, 3, 3)
    with pytest.raises(ValueError, match=r"padding_mode='mirror' is unknown. Use one of 'reflect', 'replicate'"):
        pad(x, [(1, 1), (1, 1)], "mirror")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"shape \(1, 1, 3, 3\), but 1 spatial dimension.* 3 dimensions: \(N, C, W\)"):
        pad(x, [(1, 1)])
