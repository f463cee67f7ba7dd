from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from matrix import needs_kernel

from antialias.ops import NORMALIZATIONS, Normalized, adaptive_blur2d

EPS = 1e-5
LAYOUTS = (torch.contiguous_format, torch.channels_last)


def case(dtype=torch.float64, layout=torch.contiguous_format, channels=6, size=(7, 8)):
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, channels, *size), (2, 18, 4, 4), (18,), (18,))
    tensors = (torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes)
    x, read, weight, bias = tensors
    x, read = (maps.contiguous(memory_format=layout) for maps in (x, read))
    return [tensor.requires_grad_() for tensor in (x, read, weight, bias)]


def kept(x, read, weight, bias, normalize="group"):
    """Keep the logits, as torch does."""
    logits = F.batch_norm(read, None, None, weight, bias, True, 0.0, EPS)
    return adaptive_blur2d(x, logits, normalize=normalize)


def made_again(x, read, weight, bias, normalize="group"):
    logits, mean, deviation = torch.native_batch_norm(read, weight, bias, None, None, True, 0.0, EPS)
    source = Normalized(read, weight, bias, mean, deviation, EPS)
    return adaptive_blur2d(x, logits, normalize=normalize, source=source)


@pytest.mark.parametrize(
    ("dtype", "layout", "normalize"),
    list(itertools.product((torch.float64, torch.float32, torch.bfloat16), LAYOUTS, NORMALIZATIONS)),
)
def test_same_output_and_gradients_as_with_the_logits_kept(dtype, layout, normalize):
    inputs = case(dtype, layout)
    y, expected = (form(*inputs, normalize) for form in (made_again, kept))
    assert torch.equal(y, expected)
    grad_y = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    atol = 64 * torch.finfo(dtype).eps
    for ours, theirs in zip(*(torch.autograd.grad(z, inputs, grad_y) for z in (y, expected)), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.stride() == theirs.stride()
        assert torch.allclose(ours, theirs, atol=atol, rtol=atol)


def test_first_and_second_derivatives():
    inputs = case(channels=2)
    assert torch.autograd.gradcheck(made_again, inputs)
    assert torch.autograd.gradgradcheck(made_again, inputs)


@needs_kernel
def test_keeps_what_the_norm_reads_and_no_logits():
    inputs = case()
    pointers = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: pointers.append(t.data_ptr()) or t, lambda t: t):
        made_again(*inputs)
    x, read, weight, bias = (tensor.data_ptr() for tensor in inputs)
    assert {x, read, weight, bias} <= set(pointers)
    statistics = set(pointers) - {x, read, weight, bias}
    assert len(statistics) == 2


def test_a_checkpoint_around_it_keeps_nothing_of_it():
    inputs = case()
    pointers = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: pointers.append(t.data_ptr()) or t, lambda t: t):
        y = torch.utils.checkpoint.checkpoint(made_again, *inputs, use_reentrant=False)
    assert set(pointers) <= {tensor.data_ptr() for tensor in inputs}
    for ours, theirs in zip(*(torch.autograd.grad(z.sum(), inputs) for z in (y, kept(*inputs))), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-12)


def test_transforms_of_torch_func_run_the_reference():
    inputs = [tensor.detach() for tensor in case()]

    def gradient(form):
        return torch.func.grad(lambda *given: form(*given).square().sum())(*inputs)

    assert torch.allclose(gradient(made_again), gradient(kept), atol=1e-12)
