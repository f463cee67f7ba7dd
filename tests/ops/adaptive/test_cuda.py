"""The kernels for CUDA where there is a GPU: `make gpu` runs what is marked `cuda`, `make test` leaves it out."""

from __future__ import annotations

from functools import partial

import matrix
import pytest
import torch

from antialias.ops import adaptive_blur2d, backends

pytestmark = pytest.mark.cuda


@pytest.mark.parametrize("backend", ["triton", "reference"])
@pytest.mark.parametrize(("geometry", "dtype", "layout"), matrix.MATRIX)
def test_agrees_with_the_reference_in_float64_on_cuda(backend, geometry, dtype, layout):
    matrix.check(partial(adaptive_blur2d, backend=backend), geometry, dtype, layout, "cuda")


def test_triton_is_selected_on_cuda():
    assert [status.name for status in backends(torch.empty(1, 8, 16, 16, device="cuda")) if status.selected] == [
        "triton"
    ]


def test_second_derivatives_on_cuda():
    x, logits, _ = (tensor.cuda() for tensor in matrix.make((3, 4), per_group=2, n=1))
    assert torch.autograd.gradgradcheck(
        lambda x, logits: adaptive_blur2d(x, logits, backend="triton"), (x.requires_grad_(), logits.requires_grad_())
    )
