"""Numbers at the edge: whatever an operation is given, it answers as loops in float64 do, or says why it does not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import forward_ad

from antialias.ops import (
    NORMALIZATIONS,
    PADDING_MODES,
    adaptive_blur,
    adaptive_blur2d,
    backends,
    binomial,
    blur,
    dynamic_filter2d,
    filter_weights,
    max_pool2d,
    pad,
    padded_conv2d,
)
from antialias.ops.memory_format import match_memory_format

NAMES = [status.name for status in backends() if not status.why_not]
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
LAYOUTS = (torch.contiguous_format, torch.channels_last)


def source(place, size, mode):
    """Which sample stands at a place; `None` for a zero."""
    if 0 <= place < size:
        return place
    if mode == "zeros":
        return None
    if mode == "replicate":
        return min(max(place, 0), size - 1)
    if mode == "circular":
        return place % size
    while not 0 <= place < size:
        place = -place if place < 0 else 2 * (size - 1) - place
        if size == 1:
            place = 0
    return place


def in_loops(x, weights, k, stride, mode):
    """Weigh samples `x` `(N, C, H, W)` by weights `(N, C, k * k, H', W')`, a tap after the other."""
    y = np.zeros((*x.shape[:2], *weights.shape[3:]))
    for row, column in np.ndindex(*y.shape[2:]):
        for tap in range(k * k):
            places = row * stride[0] + tap // k - k // 2, column * stride[1] + tap % k - k // 2
            at = [source(place, size, mode) for place, size in zip(places, x.shape[2:], strict=True)]
            sample = 0.0 if None in at else x[:, :, at[0], at[1]]
            y[:, :, row, column] += sample * weights[:, :, tap, row, column]
    return y


def softmax(logits, groups, joint):
    taps, kept = logits.shape[1] // groups, logits.shape[2:]
    parts = logits.reshape(len(logits), *((1, groups * taps) if joint else (groups, taps)), *kept)
    powers = np.exp(parts - parts.max(2, keepdims=True, initial=-np.inf))
    return (powers / powers.sum(2, keepdims=True)).reshape(len(logits), groups, taps, *kept)


def maps(kind, shape, dtype, generator):
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    largest = torch.finfo(dtype).max
    if kind == "large":
        x = x.clamp(-2, 2) * (largest / 4)
    elif kind == "small":
        x = x * (torch.finfo(dtype).tiny * 8)
    elif kind == "constant":
        x = torch.full(shape, 0.1)
    elif kind in ("inf", "nan") and x.numel():
        x.view(-1)[torch.randint(x.numel(), (2,), generator=generator)] = float(kind)
    return x.to(dtype)


def predicted(kind, shape, dtype, generator):
    logits = torch.randn(shape, generator=generator, dtype=torch.float64)
    if kind == "1e4 either way":
        logits = logits.sign() * 1e4
    elif kind == "ruled out":
        logits = torch.where(torch.rand(shape, generator=generator) < 0.4, -math.inf, logits)
    elif kind in ("inf", "nan") and logits.numel():
        logits.view(-1)[0] = float(kind)
    return logits.to(dtype)


def assert_alike(name, ours, exact, dtype, unit):
    """Equal within rounding where numbers are finite, and not finite in the same places."""
    ours, limits = ours.double(), torch.finfo(dtype)
    near = (ours - exact).abs() <= 16 * limits.eps * (exact.abs() + unit) + limits.tiny
    beyond = (exact.abs() > 0.999 * limits.max) & (ours.abs() >= 0.99 * limits.max)
    alike = near | (ours == exact) | (ours.isnan() & exact.isnan()) | beyond
    assert alike.all(), (name, ours[~alike][:3], exact[~alike][:3])


@pytest.mark.parametrize(
    ("backend", "dtype"), [*((name, dtype) for name in NAMES for dtype in DTYPES[:3]), ("auto", torch.float16)]
)
@settings(deadline=None, max_examples=15)
@given(
    st.sampled_from(["usual", "large", "small", "constant", "inf", "nan"]),
    st.sampled_from(["usual", "1e4 either way", "ruled out", "inf", "nan"]),
    st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from([1, 2, 3, 4, 8, 16])),
    st.tuples(st.integers(1, 6), st.sampled_from([1, 2, 3, 5, 9, 17, 33])),
    st.sampled_from([1, 3, 5, 7]),
    st.tuples(st.sampled_from([1, 2, 3, 50]), st.sampled_from([1, 2, 3, 50])),
    st.tuples(st.sampled_from(NORMALIZATIONS), st.sampled_from(PADDING_MODES), st.sampled_from(LAYOUTS)),
    st.integers(0, 2**16),
)
def test_an_adaptive_filter_is_its_loops(backend, dtype, kind, logits_kind, sizes, size, k, stride, words, seed):
    (n, groups, per_group), (normalize, mode, layout) = sizes, words
    generator = torch.Generator().manual_seed(seed)
    kept = [-(-side // step) for side, step in zip(size, stride, strict=True)]
    x = maps(kind, (n, groups * per_group, *size), dtype, generator).contiguous(memory_format=layout)
    logits = predicted(logits_kind, (n, groups * k * k, *kept), dtype, generator)
    x.requires_grad_(), logits.requires_grad_()
    y = adaptive_blur2d(x, logits, k, stride, normalize, mode, backend)
    exact_x, exact_logits = x.detach().double(), logits.detach().double()
    with np.errstate(all="ignore"):
        weights = softmax(exact_logits.numpy(), groups, normalize == "joint").repeat(per_group, 1)
        expected = torch.from_numpy(in_loops(exact_x.numpy(), weights, k, stride, mode))
    finite = exact_x[exact_x.isfinite()]
    unit = float(finite.abs().max()) if finite.numel() else 1.0
    assert_alike("y", y.detach(), expected, dtype, unit)
    if kind == "large":  # whose gradients no number of this type may hold
        return
    grad_y = torch.randn(y.shape, generator=generator).to(dtype)
    grads = torch.autograd.grad(y, (x, logits), grad_y)
    exact = (exact_x.requires_grad_(), exact_logits.requires_grad_())
    exact_y = adaptive_blur2d(*exact, k, stride, normalize, mode, "reference")
    exact_grads = torch.autograd.grad(exact_y, exact, grad_y.double())
    for name, ours, theirs in zip(("x", "logits"), grads, exact_grads, strict=True):
        assert_alike(name, ours, theirs, dtype, max(unit, 1.0) * 4 * per_group)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(DTYPES),
    st.sampled_from(["usual", "large", "small", "constant", "inf", "nan"]),
    st.tuples(st.integers(0, 2), st.sampled_from([1, 3, 16, 33])),
    st.tuples(st.integers(1, 6), st.sampled_from([1, 2, 3, 9, 17, 33])),
    st.sampled_from([1, 3, 5, 7]),
    st.tuples(st.sampled_from([1, 2, 50]), st.sampled_from([1, 2, 50])),
    st.sampled_from(PADDING_MODES),
    st.sampled_from(LAYOUTS),
)
def test_a_fixed_filter_is_its_loops(dtype, kind, sizes, size, k, stride, mode, layout):
    x = maps(kind, (*sizes, *size), dtype, torch.Generator().manual_seed(k)).contiguous(memory_format=layout)
    row = binomial(k, dtype=torch.float64)
    taps = (row[:, None] * row).flatten()
    kept = [-(-side // step) for side, step in zip(size, stride, strict=True)]
    weights = taps.view(1, 1, -1, 1, 1).expand(*sizes, k * k, *kept).numpy()
    with np.errstate(all="ignore"):
        expected = torch.from_numpy(in_loops(x.double().numpy(), weights, k, stride, mode))
    finite = x.double()[x.isfinite()]
    row = row.to(dtype)
    y = blur(x, (row, row), stride, mode)
    assert_alike("y", y, expected, dtype, float(finite.abs().max()) if finite.numel() else 1.0)


def test_many_channels_and_a_large_map():
    x, logits = torch.randn(1, 4096, 3, 3), torch.randn(1, 72, 2, 2)
    exact = adaptive_blur2d(x.double(), logits.double(), backend="reference")
    torch.testing.assert_close(adaptive_blur2d(x, logits).double(), exact, rtol=1e-5, atol=1e-5)
    large = torch.randn(1, 1, 2048, 2048)
    cut = blur(large[..., 1000:1101, 1000:1101], (binomial(3),) * 2, 2)
    torch.testing.assert_close(blur(large, (binomial(3),) * 2, 2)[..., 501:549, 501:549], cut[..., 1:49, 1:49])


def test_a_map_of_4096_by_4096():
    x, cut = torch.randn(1, 1, 64, 64).repeat(1, 1, 64, 64).bfloat16(), slice(4000, 4096)
    logits = torch.randn(1, 9, 32, 32).repeat(1, 1, 64, 64).bfloat16()
    y = adaptive_blur2d(x, logits)[..., 2001:, 2001:]
    part = adaptive_blur2d(x[..., cut, cut], logits[..., 2000:, 2000:], backend="reference")[..., 1:, 1:]
    torch.testing.assert_close(y, part, rtol=2e-2, atol=2e-2)
    assert torch.equal(max_pool2d(x.float(), (3, 3))[..., 4000:, 4000:], max_pool2d(x[..., cut, cut].float(), (3, 3)))


def beyond_32_bits(size, layout, bands):
    """Make maps that take memory only where they are not zero, in some rows at both ends: new pages are zero."""
    x = torch.empty(size, dtype=torch.bfloat16, memory_format=layout)
    x[:, :, :bands], x[:, :, -bands:] = torch.randn(2, *size[:2], bands, size[3])
    return x


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(1, 1, 262145, 8200), (1, 4, 131073, 4100), (2, 2, 131073, 4100)])
def test_samples_beyond_32_bit_numbers(size, layout):
    assert math.prod(size) > 2**31
    x, bands, step = beyond_32_bits(size, layout, 8), 8, size[2] - 1
    logits = torch.randn(size[0], 9, 2, -(-size[3] // 2)).bfloat16().contiguous(memory_format=layout)
    ends = x[:, :, [*range(bands), *range(-bands, 0)]]  # as a map of its own, in which the last row is the sixteenth
    for run in (
        lambda x, step: adaptive_blur2d(x, logits, 3, (step, 2), backend="cpp"),
        lambda x, step: blur(x, (binomial(3), binomial(3)), (step, 2), backend="cpp"),
    ):
        assert torch.equal(run(x, step), run(ends.contiguous(memory_format=layout), 2 * bands - 1))


def test_a_side_beyond_the_tables_is_refused_by_the_kernels_alone():
    x = torch.empty(1, 1, 1, 2**28 + 1, dtype=torch.bfloat16)
    assert "a side of x has 268435457 samples, more than 268435456" in str(backends(x)[0])
    with pytest.raises(ValueError, match="a side of x has 268435457 samples"):
        torch.ops.antialias.blur2d(x, binomial(3), binomial(3), 1, 2**28, "reflect")


@pytest.mark.parametrize("stride", [50, 10**6, 2**31, 2**40, 2**63 - 1, 2**70])
@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_stride_beyond_the_map_keeps_its_first_sample(stride, backend, layout):
    x, logits = torch.randn(1, 2, 4, 5).to(memory_format=layout).requires_grad_(), torch.randn(1, 9, 1, 1)
    runs = (
        lambda step: blur(x, (binomial(3),) * 2, step, "reflect", backend),
        lambda step: adaptive_blur2d(x, logits, 3, step, "group", "reflect", backend),
        lambda step: adaptive_blur(x, logits, (3, 3), (step, step)),
    )
    for run in runs:
        found, expected = ((y, *torch.autograd.grad(y.sum(), x)) for y in (run(stride), run(5)))
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("shape", [(1, 2, 0, 5), (1, 2, 5, 0), (0, 2, 0, 0), (2, 0, 4, 5), (0, 0, 4, 5)])
@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("mode", PADDING_MODES)
def test_maps_without_samples_are_refused_by_every_backend(shape, backend, mode):
    x, kept = torch.zeros(shape), [-(-side // 2) for side in shape[2:]]
    runs = (
        lambda: blur(x, (binomial(3),) * 2, 2, mode, backend),
        lambda: adaptive_blur2d(x, torch.zeros(len(x), 9, *kept), 3, 2, "group", mode, backend),
        lambda: adaptive_blur(x, torch.zeros(len(x), 9, *kept), (3, 3), (2, 2), "group", mode),
        lambda: max_pool2d(x, (3, 3), (1, 1)),
        lambda: dynamic_filter2d(x, torch.ones(*shape[:2], 3, 3)),
        lambda: padded_conv2d(x, torch.ones(2, 2, 3, 3), (2, 2), (1, 1), mode),
        *((lambda: pad(x, [(1, 1), (1, 1)], mode),) if mode != "zeros" else ()),
    )
    for run in runs:
        with pytest.raises(ValueError, match=r"x has shape .* and no samples. Pass maps of one channel and one sample"):
            run()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_second_derivatives_at_the_edge(layout):
    logits = 1e4 * torch.randn(1, 9, 2, 2).sign()
    x = torch.randn(1, 2, 4, 4).to(memory_format=layout)
    found = []
    for dtype, backend in ((torch.float32, "auto"), (torch.float64, "reference")):
        inputs = [tensor.to(dtype).requires_grad_() for tensor in (x, logits)]
        y = adaptive_blur2d(*inputs, 3, 2, "group", "reflect", backend)
        grads = torch.autograd.grad(y.square().sum(), inputs, create_graph=True)
        found.append(torch.autograd.grad(sum(grad.square().sum() for grad in grads), inputs))
    for ours, exact in zip(*found, strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # used by torch itself
@pytest.mark.parametrize(
    "run",
    [
        lambda x: blur(x, (binomial(3), binomial(3)), 2),
        lambda x: adaptive_blur2d(x, torch.zeros(1, 9, 2, 2)),
        lambda x: max_pool2d(x, (2, 2)),
        lambda x: match_memory_format(torch.zeros(1, 2, 3, 3), x.to(memory_format=torch.channels_last)),
        lambda x: padded_conv2d(x, torch.ones(2, 2, 3, 3, requires_grad=True), (2, 2), (1, 1), "reflect"),
    ],
)
def test_forward_mode_derivatives_are_not_lost(run):
    x, tangent = torch.randn(2, 1, 2, 4, 4, generator=torch.Generator().manual_seed(0)).double().unbind()
    run_in = (lambda z: run(z.float())) if run.__code__.co_names[0] == "padded_conv2d" else run
    with forward_ad.dual_level():
        ours = forward_ad.unpack_dual(run_in(forward_ad.make_dual(x.float(), tangent.float()))).tangent
    assert ours is not None
    step = 1e-3
    differences = (run_in((x + step * tangent).float()) - run_in((x - step * tangent).float())) / (2 * step)
    torch.testing.assert_close(ours, differences, rtol=1e-2, atol=1e-2)


WHOLE = torch.arange(16).view(1, 1, 4, 4)
ROW = torch.arange(4.0).view(1, 1, 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: blur(WHOLE, (binomial(3), binomial(3)), 2), r"x has type torch.int64, which holds no fractions"),
        (lambda: blur(WHOLE, torch.ones(3, 3), 2), r"Pass floating-point maps, x.float\(\)"),
        (lambda: adaptive_blur2d(WHOLE, torch.zeros(1, 9, 2, 2)), r"which holds no fractions"),
        (lambda: adaptive_blur(ROW.long(), torch.zeros(1, 3, 2), (3,), (2,)), r"which holds no fractions"),
        (lambda: blur(ROW, (torch.ones(3) * 1j,)), r"taps are complex, but x is torch.float32. Pass complex maps"),
        (lambda: filter_weights(torch.zeros(1, 9, 1, 1), 3, "jiont"), r"normalize='jiont' is unknown"),
        (lambda: adaptive_blur(ROW, torch.zeros(1, 3, 2), (3,), (2,), "jiont"), r"normalize='jiont' is unknown"),
        (lambda: adaptive_blur(ROW, torch.zeros(1, 3, 1), (3,), (2,)), r"batch and size \(1, 1\), but x .* \(1, 2\)"),
        (lambda: adaptive_blur(ROW.repeat(2, 1, 1), torch.zeros(1, 3, 2), (3,), (2,)), r"keeps \(2, 2\)"),
        (lambda: adaptive_blur(ROW, torch.zeros(1, 2, 2), (2,), (2,)), r"kernel_size=\(2,\) .* Use odd sizes"),
        (lambda: adaptive_blur(ROW, torch.zeros(1, 3, 2), (3,), (0,)), r"stride=\(0,\) .* strides of 1 or more"),
    ],
)
def test_what_would_be_quietly_wrong_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("size", [1, 3])
def test_an_empty_batch_of_dynamic_filters(size):
    x: Any = torch.ones(0, 2, 3, 3, requires_grad=True)
    y = dynamic_filter2d(x, torch.ones(0, 2, size, size))
    assert y.shape == x.shape
    y.sum().backward()
    assert x.grad.shape == x.shape
