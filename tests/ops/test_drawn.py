"""Shapes drawn at random: every operation on every backend against float64, with first to third derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from antialias.ops import (
    NORMALIZATIONS,
    PADDING_MODES,
    adaptive_blur,
    adaptive_blur2d,
    backends,
    binomial,
    blur,
    dynamic_filter2d,
    max_pool2d,
    pad,
    padded_conv2d,
)

NAMES = [status.name for status in backends() if not status.why_not]
LAYOUTS = (torch.contiguous_format, torch.channels_last)


class Case(NamedTuple):
    """An operation with everything but its tensors, once as it is and once as its definition."""

    run: Callable[..., Tensor]
    definition: Callable[..., Tensor]
    shapes: tuple[tuple[int, ...], ...]
    layout: torch.memory_format

    def tensors(self, dtype: torch.dtype, seed: int) -> list[Tensor]:
        """Draw the tensors; the maps come first."""
        generator = torch.Generator().manual_seed(seed)
        x, *rest = (torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in self.shapes)
        x = x.contiguous(memory_format=self.layout) if x.dim() == 4 else x
        return [tensor.requires_grad_() for tensor in (x, *rest)]


sizes = st.tuples(st.integers(1, 2), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
strides = st.tuples(st.sampled_from([1, 2, 3, 20]), st.sampled_from([1, 2, 3, 20]))
modes, layouts, odd = st.sampled_from(PADDING_MODES), st.sampled_from(LAYOUTS), st.sampled_from([1, 3, 5])


def kept(size, stride):
    return tuple(math.ceil(side / step) for side, step in zip(size, stride, strict=True))


def adaptive(backend):
    def case(size, stride, mode, layout, k, groups, normalize):
        n, per_group, *sides = size
        shapes = (n, per_group * groups, *sides), (n, groups * k * k, *kept(sides, stride))
        run, definition = (
            lambda x, logits, name=name: adaptive_blur2d(x, logits, k, stride, normalize, mode, name)
            for name in (backend, "reference")
        )
        return Case(run, definition, shapes, layout)

    return st.builds(case, sizes, strides, modes, layouts, odd, st.integers(1, 3), st.sampled_from(NORMALIZATIONS))


def fixed(backend):
    def case(size, stride, mode, layout, k):
        taps = [binomial(k, dtype=torch.float64), binomial(4, dtype=torch.float64)]
        run, definition = (
            lambda x, name=name: blur(x, [row.to(x.dtype) for row in taps], stride, mode, name)
            for name in (backend, "reference")
        )
        return Case(run, definition, (size,), layout)

    return st.builds(case, sizes, strides, modes, layouts, odd)


def max_pools():
    def case(size, layout, window, overhang):
        def definition(x):
            return F.max_pool2d(F.pad(x, [0, overhang[1], 0, overhang[0]], value=-math.inf), window, 1, padding)

        padding = ((window[0] - 1) // 2, (window[1] - 1) // 2)
        overhang = [max(more, 1 - side % 2) for more, side in zip(overhang, window, strict=True)]
        return Case(lambda x: max_pool2d(x, window, padding, (1, 1), overhang), definition, (size,), layout)

    some = st.integers(2, 4)
    return st.builds(case, sizes, layouts, st.tuples(some, some), st.tuples(st.integers(0, 1), st.integers(0, 1)))


def convolutions():
    def case(size, stride, mode, layout, k):
        half = k // 2

        def definition(x, weight):
            return F.conv2d(pad(x, [(half, half)] * 2, mode), weight, None, stride)

        shapes = size, (3, size[1], k, k)
        return Case(lambda x, w: padded_conv2d(x, w, stride, (half, half), mode), definition, shapes, layout)

    return st.builds(case, sizes, st.tuples(st.integers(1, 3), st.integers(1, 3)), modes, layouts, odd)


def dynamic():
    def case(size, layout, k):
        def definition(x, filters):
            x = pad(x, [((side - 1) // 2, side // 2) for side in k], "zeros")
            rows, columns = size[2:]
            taps = ((r, c) for r in range(k[0]) for c in range(k[1]))
            return sum(x[:, :, r : r + rows, c : c + columns] * filters[:, :, r : r + 1, c : c + 1] for r, c in taps)

        return Case(dynamic_filter2d, definition, (size, (*size[:2], *k)), layout)

    return st.builds(case, sizes, layouts, st.tuples(st.integers(1, 5), st.integers(1, 5)))


def any_dims():
    """One dimension against a plane of one row."""

    def case(n, per_group, groups, side, step, k, mode, normalize):
        def definition(x, logits):
            around = torch.full_like(logits, -math.inf)[:, :, None].repeat(1, 1, k, 1)
            around[:, :, k // 2] = logits
            around = around.unflatten(1, (groups, k)).transpose(2, 3).flatten(1, 3)[:, :, None]
            return adaptive_blur2d(x[:, :, None], around, k, (1, step), normalize, mode, "reference")[:, :, 0]

        shapes = (n, per_group * groups, side), (n, groups * k, *kept((side,), (step,)))
        return Case(
            lambda x, logits: adaptive_blur(x, logits, (k,), (step,), normalize, mode), definition, shapes, LAYOUTS[0]
        )

    few = st.integers(1, 3)
    return st.builds(case, few, few, few, st.integers(1, 9), few, odd, modes, st.sampled_from(NORMALIZATIONS))


CASES = {
    **{f"adaptive on {name}": adaptive(name) for name in NAMES},
    **{f"blur on {name}": fixed(name) for name in NAMES},
    "max pool": max_pools(),
    "padded convolution": convolutions(),
    "dynamic filter": dynamic(),
    "adaptive in one dimension": any_dims(),
}


def check_values_and_gradients(case, dtype, seed):
    """Raise unless they are those of the definition in float64."""
    tensors = case.tensors(dtype, seed)
    exact = [tensor.detach().double().requires_grad_() for tensor in tensors]
    y, expected = case.run(*tensors), case.definition(*exact)
    grad_y = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    found = y, *torch.autograd.grad(y, tensors, grad_y)
    wanted = expected, *torch.autograd.grad(expected, exact, grad_y.double())
    # As many eps as rounded terms meet in a sum; bfloat16 terms of torch's own convolutions are rounded one by one.
    unit = 4 + math.sqrt(max(tensor.numel() for tensor in tensors))
    for ours, theirs in zip(found, wanted, strict=True):
        allowed = 4 * unit * torch.finfo(dtype).eps * (theirs.abs() + 1)
        assert ours.dtype == dtype
        assert ((ours.double() - theirs).abs() <= allowed).all(), ((ours.double() - theirs).abs() / allowed).max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=15)
@given(st.data(), st.integers(0, 2**16))
def test_values_and_gradients_are_those_of_float64(name, dtype, data, seed):
    check_values_and_gradients(data.draw(CASES[name]), dtype, seed)


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=6)
@given(st.data(), st.integers(0, 2**16))
def test_second_derivatives_are_differences_of_first_ones(name, data, seed):
    case = data.draw(CASES[name])
    tensors = case.tensors(torch.float64, seed)
    assert torch.autograd.gradcheck(case.run, tensors, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda *t: case.run(*t).square(), tensors, fast_mode=True)


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None, max_examples=3)
@given(st.data(), st.integers(0, 2**16))
def test_third_derivatives_are_those_of_the_definition(name, data, seed):
    case, thirds = data.draw(CASES[name]), []
    for run in (case.run, case.definition):
        tensors = case.tensors(torch.float64, seed)
        y = run(*tensors).pow(3).sum()
        for _ in range(2):
            y = sum(grad.pow(2).sum() for grad in torch.autograd.grad(y, tensors, create_graph=True))
        thirds.append(torch.autograd.grad(y, tensors))
    for ours, theirs in zip(*thirds, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9 * (1 + theirs.abs().max().item()))
