"""Run by `test_triton.py` in a process of its own, where Triton's interpreter runs the kernels on the CPU."""

from __future__ import annotations

from functools import partial

import matrix
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matrix import assert_close, forward_and_gradients
from test_drawn import adaptive, check_values_and_gradients

from antialias.ops import adaptive_blur2d, backends
from antialias.ops.adaptive import _triton, _triton_launch

TRITON = partial(adaptive_blur2d, backend="triton")
REFERENCE = partial(adaptive_blur2d, backend="reference")

make = partial(matrix.make, per_group=2, n=1)


@pytest.mark.parametrize(("geometry", "dtype", "layout"), matrix.MATRIX)
def test_agrees_with_the_reference_in_float64(geometry, dtype, layout):
    matrix.check(partial(adaptive_blur2d, backend="triton"), geometry, dtype, layout)


# Few, since the interpreter takes seconds for a call.
@settings(deadline=None, max_examples=4)
@given(adaptive("triton"), st.sampled_from([torch.float64, torch.float32, torch.bfloat16]), st.integers(0, 2**16))
def test_shapes_drawn_at_random(case, dtype, seed):
    check_values_and_gradients(case, dtype, seed)


def test_half_precision_sums_in_float32():
    inputs = make((3, 4), per_group=3, n=2, dtype=torch.float16, layout="channels last")
    found = forward_and_gradients(TRITON, *inputs, 3, (2, 2), "group", "zeros")
    exact = forward_and_gradients(REFERENCE, *(t.double() for t in inputs), 3, (2, 2), "group", "zeros")
    for a, b in zip(found, exact, strict=True):
        assert a.dtype == torch.float16
        assert torch.allclose(a.double(), b, atol=2e-3, rtol=2e-3)


def test_blocks_of_channels_and_positions(monkeypatch):
    monkeypatch.setattr(_triton_launch, "_TILE", 32)
    monkeypatch.setattr(_triton_launch, "_GRADIENT_TILE", 64)
    inputs = make((9, 9), groups=1, per_group=18)
    found = forward_and_gradients(TRITON, *inputs, 3, (2, 2), "group", "zeros")
    assert_close(found, forward_and_gradients(REFERENCE, *inputs, 3, (2, 2), "group", "zeros"), torch.float64)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # torch's own
def test_torchs_own_checks_of_an_operation():
    x, logits, grad_y = make((2, 3), groups=1, dtype=torch.float32)
    settings, ops = (3, 2, 2, False, "zeros"), torch.ops.antialias
    leaves = x.clone().requires_grad_(), logits.clone().requires_grad_()
    checks = ("test_schema", "test_autograd_registration", "test_faketensor")  # compiling has a test of its own
    torch.library.opcheck(ops.triton_adaptive_blur2d.default, (*leaves, *settings), test_utils=checks)
    backward = ops.triton_adaptive_blur2d_backward.default
    torch.library.opcheck(backward, (grad_y, x, logits, *settings), test_utils=checks)


def test_compiles_without_a_graph_break():
    inputs = make((3, 4), groups=1, dtype=torch.float32)

    def run(x, logits):
        return adaptive_blur2d(x * 2, logits, backend="triton") + 1

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    for a, b in zip(forward_and_gradients(compiled, *inputs), forward_and_gradients(run, *inputs), strict=True):
        assert torch.equal(a, b)


def test_inputs_that_are_not_dense_or_of_two_types():
    x, logits, grad_y = make((3, 3), groups=1, dtype=torch.float32)
    wide, turned = torch.cat([x, x], 3)[..., ::2], logits.transpose(2, 3).to(torch.bfloat16)
    y, grad_x, grad_logits = forward_and_gradients(
        TRITON, wide, turned, grad_y.transpose(2, 3), 3, (2, 2), "group", "zeros"
    )
    exact = forward_and_gradients(REFERENCE, wide, turned, grad_y.transpose(2, 3), 3, (2, 2), "group", "zeros")
    assert torch.allclose(y, exact[0], atol=1e-5)
    assert torch.allclose(grad_x, exact[1], atol=1e-5)
    assert grad_logits.dtype == torch.bfloat16
    assert torch.allclose(grad_logits, exact[2], atol=2e-2)


def test_nothing_in_nothing_out():
    x, logits, grad_y = make((4, 4), n=0)
    y, grad_x, grad_logits = forward_and_gradients(TRITON, x, logits, grad_y, 3, (2, 2), "group", "zeros")
    assert (y.shape, grad_x.shape, grad_logits.shape) == (grad_y.shape, x.shape, logits.shape)


def test_extreme_logits():
    x, logits, _ = make((3, 3), groups=1, dtype=torch.float32)
    for scaled in (1e4 * logits, logits - 1e30):
        y = TRITON(x, scaled, 3, (2, 2), "group", "reflect")
        assert torch.allclose(y, REFERENCE(x, scaled, 3, (2, 2), "group", "reflect"), atol=1e-5)


def test_second_derivatives():
    x, logits, _ = make((2, 2), groups=1, per_group=1)
    assert torch.autograd.gradgradcheck(
        lambda x, logits: adaptive_blur2d(x, logits, 3, 2, "group", "zeros", "triton"),
        (x.requires_grad_(), logits.requires_grad_()),
        fast_mode=True,
    )


def test_it_is_tried_wherever_it_is_asked_for(monkeypatch):
    for context in (torch.inference_mode(), torch.no_grad(), torch.autocast("cpu", torch.bfloat16)):
        monkeypatch.setattr(_triton, "_tried", [])
        with context:
            status = next(status for status in backends(torch.empty(1, 1, 4, 4)) if status.name == "triton")
        assert status.why_not == ()


@pytest.mark.parametrize("kernel", ["forward", "backward_logits", "backward_x"])
def test_each_kernel_is_tried(monkeypatch, kernel):
    def run(launch):
        real(launch)
        if launch.kernel == kernel:
            name = {"forward": "y", "backward_logits": "grad_logits", "backward_x": "grad_x"}[kernel]
            launch.arguments[name][..., -1] += 0.01

    real = _triton._run
    monkeypatch.setattr(_triton, "_run", run)
    monkeypatch.setattr(_triton, "_tried", [])
    (reason,) = _triton.why_not(torch.empty(1))
    assert "differs from the reference's by 1.0e-02" in reason
