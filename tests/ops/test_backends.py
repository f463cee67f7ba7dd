from __future__ import annotations

import importlib.util
import shutil
from functools import partial

import matrix
import pytest
import torch

from antialias.ops import _library, adaptive_blur2d, backends, filter_weights

NAMES = [status.name for status in backends() if not status.why_not]


def test_the_kernel_is_built_where_it_can_be():
    can = (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")) and importlib.util.find_spec("torch")
    assert not can or _library.LIBRARY.exists(), _library.why_not(torch.empty(0))


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize(("geometry", "dtype", "layout"), matrix.MATRIX)
def test_agrees_with_the_reference_in_float64(backend, geometry, dtype, layout):
    matrix.check(partial(adaptive_blur2d, backend=backend), geometry, dtype, layout)


class Wrong(torch.autograd.Function):
    """The reference, but for one mistake."""

    @staticmethod
    def forward(ctx, x, logits, mistake, arguments):
        ctx.save_for_backward(x, logits)
        ctx.mistake, ctx.arguments = mistake, arguments
        y = adaptive_blur2d(x, logits, *arguments, "reference")
        if mistake == "a tap":
            k, stride, normalize, mode = arguments
            one = filter_weights(logits, k, normalize)[:, :, k * k // 2]
            centre = torch.full_like(logits, -100.0)
            centre[:, k * k // 2 :: k * k] = 100.0
            taken = adaptive_blur2d(x, centre, k, stride, "group", mode, "reference")
            y = y + 0.01 * taken * one.repeat_interleave(x.shape[1] // one.shape[1], 1)
        if mistake == "a row":
            y = y.clone()
            y[:, :, -1] *= 1.01
        return y

    @staticmethod
    def backward(ctx, grad_y):
        x, logits = (tensor.detach().requires_grad_() for tensor in ctx.saved_tensors)
        k, _, normalize, _ = ctx.arguments
        with torch.enable_grad():
            y = adaptive_blur2d(x, logits, *ctx.arguments, "reference")
        grad_x, grad_logits = torch.autograd.grad(y, (x, logits), grad_y)
        if ctx.mistake == "the softmax' mean":  # grad_logits = w * (g - sum(w * g)), without the sum
            weights = filter_weights(logits.detach(), k, normalize)
            groups = grad_y * y.detach()
            mean = groups.unflatten(1, (weights.shape[1], -1)).sum(2, keepdim=True)
            grad_logits = grad_logits + (weights * mean).flatten(1, 2)
        if ctx.mistake == "a tap's gradient":
            grad_x = grad_x.clone()
            grad_x[..., -1] *= 1.01
        return grad_x, grad_logits, None, None


@pytest.mark.parametrize("mistake", ["a tap", "a row", "the softmax' mean", "a tap's gradient"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_matrix_finds_mistakes(mistake, dtype):
    entries = [entry for entry in matrix.MATRIX if entry[1] == dtype]

    def run(x, logits, *arguments):
        return Wrong.apply(x, logits, mistake, arguments)

    found = 0
    for entry in entries:
        try:
            matrix.check(run, *entry)
        except AssertionError:
            found += 1
    assert found > len(entries) / 2, f"{found} of {len(entries)}"


def test_the_matrix_passes_without_a_mistake():
    for entry in matrix.MATRIX:
        matrix.check(lambda x, logits, *arguments: Wrong.apply(x, logits, "none", arguments), *entry)
