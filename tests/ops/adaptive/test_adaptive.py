from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antialias.ops import NORMALIZATIONS, PADDING_MODES, BackendStatus, adaptive_blur2d, backends, blur, filter_weights
from antialias.ops._backend import Backend
from antialias.ops.adaptive import _adaptive

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "zeros": "constant", "circular": "wrap"}
NAMES = [status.name for status in backends() if not status.why_not]


def brute_force(x, logits, k, stride, normalize, mode):
    """The equations of `docs`, one output sample at a time."""
    (n, channels, height, width), groups = x.shape, logits.shape[1] // k**2
    weights = np.exp(logits)
    if normalize == "joint":
        weights = weights / weights.sum(1, keepdims=True)
    weights = weights.reshape(n, groups, k * k, *logits.shape[2:])
    if normalize == "group":
        weights = weights / weights.sum(2, keepdims=True)
    padded = np.pad(x, [(0, 0), (0, 0), (k // 2, k // 2), (k // 2, k // 2)], mode=NUMPY_MODES[mode])
    out = np.zeros((n, channels, math.ceil(height / stride[0]), math.ceil(width / stride[1])))
    for i, c, row, column in np.ndindex(*out.shape):
        window = padded[i, c, row * stride[0] : row * stride[0] + k, column * stride[1] : column * stride[1] + k]
        out[i, c, row, column] = window.ravel() @ weights[i, c * groups // channels, :, row, column]
    return out


def make(n, groups, per_group, size, k, stride, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, groups * per_group, *size, dtype=dtype, generator=generator)
    kept = [math.ceil(side / step) for side, step in zip(size, stride, strict=True)]
    return x, torch.randn(n, groups * k * k, *kept, dtype=dtype, generator=generator)


@pytest.mark.parametrize("backend", NAMES)
@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 2),
    st.integers(1, 4),
    st.integers(1, 3),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([1, 3, 5]),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.sampled_from(NORMALIZATIONS),
    st.sampled_from(PADDING_MODES),
    st.integers(0, 2**16),
)
def test_agrees_with_loops(backend, n, groups, per_group, size, k, stride, normalize, mode, seed):
    x, logits = make(n, groups, per_group, size, k, stride, seed)
    expected = brute_force(x.numpy(), logits.numpy(), k, stride, normalize, mode)
    y = adaptive_blur2d(x, logits, k, stride, normalize, mode, backend)
    assert y.shape == expected.shape
    assert np.allclose(y.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("mode", PADDING_MODES)
def test_gradients_of_both_inputs(backend, normalize, mode):
    x, logits = make(1, 2, 2, (3, 4), 3, (2, 1), 0)
    x.requires_grad_(), logits.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, logits: adaptive_blur2d(x, logits, 3, (2, 1), normalize, mode, backend), (x, logits)
    )


def test_equal_logits_are_a_box_blur():
    x = torch.randn(2, 6, 9, 7)
    y = adaptive_blur2d(x, torch.zeros(2, 2 * 9, 5, 4), 3, 2)
    assert torch.allclose(y, blur(x, torch.full((3, 3), 1 / 9), 2), atol=1e-6)


@given(st.integers(0, 2**16))
@settings(deadline=None, max_examples=20)
def test_group_filters_sum_to_one_and_keep_the_range(seed):
    x, logits = make(1, 2, 3, (6, 6), 3, (2, 2), seed)
    assert torch.allclose(filter_weights(logits, 3).sum(2), torch.ones(1, 2, 3, 3, dtype=torch.float64))
    y = adaptive_blur2d(x, logits, 3, 2)
    assert y.min() >= x.min()
    assert y.max() <= x.max()


def test_joint_filters_of_all_groups_sum_to_one():
    _, logits = make(1, 4, 1, (6, 6), 3, (2, 2), 0)
    assert torch.allclose(filter_weights(logits, 3, "joint").sum((1, 2)), torch.ones(1, 3, 3, dtype=torch.float64))


def test_commutes_with_circular_shifts_by_the_stride():
    x, logits = make(1, 2, 2, (8, 6), 3, (2, 2), 0)
    shifted = adaptive_blur2d(x.roll((2, -4), (2, 3)), logits.roll((1, -2), (2, 3)), 3, 2, "group", "circular")
    assert torch.allclose(
        shifted, adaptive_blur2d(x, logits, 3, 2, "group", "circular").roll((1, -2), (2, 3)), atol=1e-12
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_low_precision_sums_in_float32(dtype):
    x, logits = make(2, 4, 4, (9, 9), 5, (2, 2), 0, torch.float32)
    x, logits = x.to(dtype), logits.to(dtype)
    exact = adaptive_blur2d(x.double(), logits.double(), 5, 2)
    y = adaptive_blur2d(x, logits, 5, 2)
    assert y.dtype == dtype
    assert torch.allclose(y.double(), exact, atol=2 * torch.finfo(dtype).eps, rtol=2 * torch.finfo(dtype).eps)


def test_layout_is_kept():
    x, logits = make(2, 4, 4, (8, 8), 3, (2, 2), 0)
    y = adaptive_blur2d(x.to(memory_format=torch.channels_last), logits)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert adaptive_blur2d(x, logits).is_contiguous()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kernel_size": 4}, "kernel_size=4 has no centre tap. Use an odd size"),
        ({"stride": 0}, r"stride=\(0, 0\) keeps no samples"),
        ({"normalize": "all"}, "normalize='all' is unknown. Use 'group' or 'joint'"),
        ({"padding_mode": "same"}, "padding_mode='same' is unknown. Use one of 'reflect'"),
        ({"x": torch.zeros(4, 8, 8)}, r"x has shape \(4, 8, 8\) and logits .* Pass \(N, C, H, W\)"),
        ({"logits": torch.zeros(1, 10, 4, 4)}, r"logits have 10 channels, no multiple of kernel_size\*\*2=9"),
        ({"logits": torch.zeros(1, 27, 4, 4)}, r"groups=3 \(from the logits\) does not divide channels=4"),
        ({"logits": torch.zeros(1, 18, 8, 8)}, r"size \(1, 8, 8\), but x .* with stride=\(2, 2\) keeps \(1, 4, 4\)"),
        ({"backend": "abacus"}, "backend='abacus' is unknown. Use 'auto' or one of .*'reference'"),
    ],
)
def test_errors(change, message):
    arguments = {"x": torch.zeros(1, 4, 8, 8), "logits": torch.zeros(1, 18, 4, 4), **change}
    with pytest.raises(ValueError, match=message):
        adaptive_blur2d(**arguments)


def test_backends_say_which_runs_and_why_others_do_not(monkeypatch):
    broken = Backend("warp", "imaginary", lambda x: ["no warp core", "no dilithium"], _adaptive.reference)
    monkeypatch.setattr(_adaptive, "BACKENDS", (broken, *_adaptive.BACKENDS))
    warp, *others = backends(torch.empty(1, 1, 4, 4))
    assert str(warp) == "warp: cannot run (imaginary). Reasons: no warp core; no dilithium."
    assert sum(status.selected for status in others) == 1
    assert isinstance(warp, BackendStatus)
    with pytest.raises(RuntimeError, match="backend='warp' cannot run this input: no warp core; no dilithium. Use"):
        adaptive_blur2d(torch.zeros(1, 4, 8, 8), torch.zeros(1, 18, 4, 4), backend="warp")


def test_an_available_backend_is_selected():
    assert [status for status in backends() if status.selected and not status.why_not]
    assert "selected" in str(next(status for status in backends() if status.selected))
