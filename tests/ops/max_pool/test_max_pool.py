from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from matrix import needs_kernel
from torch._subclasses.fake_tensor import FakeTensorMode

from antialias.ops import _library, max_pool2d
from antialias.ops.max_pool import _max_pool

LAYOUTS = (torch.contiguous_format, torch.channels_last)
WINDOWS = (
    ((3, 3), (1, 1), (1, 1), (0, 0)),
    ((2, 2), (0, 0), (1, 1), (1, 1)),
    ((2, 3), (1, 0), (1, 2), (0, 1)),
    ((3, 3), (1, 1), (2, 2), (0, 0)),
    ((5, 1), (2, 0), (1, 1), (2, 0)),
)
SIZES = ((9, 10), (5, 6))


def tied(size, dtype=torch.float32, layout=LAYOUTS[0], n=2):
    """Maps with equal samples, NaN and infinities."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-2, 3, (n, 4, *size), generator=generator).to(dtype)
    x[:, 1][torch.rand(n, *size, generator=generator) < 0.1] = float("nan")
    x[:, 2], x[:, 3, 1:] = float("-inf"), float("inf")
    return x.contiguous(memory_format=layout).requires_grad_()


def torchs(x, kernel_size, padding, dilation, overhang):
    x = F.pad(x, [0, overhang[1], 0, overhang[0]], value=float("-inf"))
    return F.max_pool2d(x, kernel_size, 1, padding, dilation)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    ("size", "dtype", "layout"), list(itertools.product(SIZES, (torch.float32, torch.float64, torch.bfloat16), LAYOUTS))
)
def test_equals_torch_to_the_bit(size, dtype, layout, window):
    x = tied(size, dtype, layout)
    y, expected = max_pool2d(x, *window), torchs(x, *window)
    grad_y = torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    (ours,), (torch_s,) = torch.autograd.grad(y, x, grad_y), torch.autograd.grad(expected, x, grad_y)
    assert torch.equal(y.isnan(), expected.isnan())
    assert torch.equal(y.nan_to_num(7), expected.nan_to_num(7))
    assert torch.equal(ours, torch_s)
    assert y.is_contiguous(memory_format=layout)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_threads_give_the_same_bits(layout):
    x = tied((70, 67), layout=layout, n=1)
    grad_y, before, found = torch.randn(x.shape), torch.get_num_threads(), []
    try:
        for threads in (1, 4):
            torch.set_num_threads(threads)
            found += torch.autograd.grad(max_pool2d(x, (3, 3), (1, 1)), x, grad_y)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


@needs_kernel
def test_keeps_nothing_but_its_input():
    x, kept = tied((9, 9)), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()), lambda t: t):
        max_pool2d(x, (3, 3), (1, 1))
    assert kept == [x.data_ptr()]


@needs_kernel
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # torch's own
@pytest.mark.parametrize(("window", "layout"), [(WINDOWS[0], LAYOUTS[1]), (WINDOWS[2], LAYOUTS[0])])
def test_registered_as_torch_wants_it(window, layout):
    kernel_size, padding, dilation, _ = window
    x = torch.randn(1, 2, 6, 7, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    y = torchs(x, *window)
    arguments = (*kernel_size, *padding, *dilation)
    torch.library.opcheck(torch.ops.antialias.max_pool2d.default, (x, *y.shape[2:], *arguments))
    torch.library.opcheck(torch.ops.antialias.max_pool2d_backward.default, (y.detach(), x, *arguments))
    assert torch.autograd.gradcheck(lambda x: max_pool2d(x, *window), x)
    assert torch.autograd.gradgradcheck(lambda x: max_pool2d(x, *window).square(), x)


def test_compiles_with_sizes_left_open_and_exports_as_torch_operations():
    class Pool(torch.nn.Module):
        def forward(self, x):
            return max_pool2d(x, (3, 3), (1, 1))

    compiled = torch.compile(Pool(), fullgraph=True, backend="aot_eager", dynamic=True)
    for side in (8, 11):
        x = torch.randn(1, 2, side, side, requires_grad=True)
        (ours,) = torch.autograd.grad(compiled(x).square().sum(), x)
        (expected,) = torch.autograd.grad(torchs(x, (3, 3), (1, 1), (1, 1), (0, 0)).square().sum(), x)
        assert torch.equal(ours, expected)
    names = [str(node.target) for node in torch.export.export(Pool(), (x,)).graph.nodes]
    assert any("max_pool2d" in name for name in names)
    assert not any("antialias" in name for name in names)


def test_runs_without_kernels_and_says_what_torch_says(monkeypatch):
    x = tied((9, 10))
    fast = max_pool2d(x, *WINDOWS[1])
    monkeypatch.setattr(_library, "why_not", lambda x: ["not built"])
    assert torch.equal(max_pool2d(x, *WINDOWS[1]).nan_to_num(7), fast.nan_to_num(7))
    monkeypatch.undo()
    with pytest.raises(RuntimeError, match="pad should be at most half of effective kernel size"):
        max_pool2d(x, (2, 2), (2, 2))


@needs_kernel
def test_the_kernel_guards_its_memory():
    with pytest.raises(RuntimeError, match="a window of 3 samples with padding 0 and dilation 1 cannot slide over 5"):
        torch.ops.antialias.max_pool2d(torch.zeros(1, 1, 5, 5), 2, 3, 3, 3, 0, 0, 1, 1)
    with pytest.raises(RuntimeError, match="x must be float32 or float64"):
        torch.ops.antialias.max_pool2d(torch.zeros(1, 1, 5, 5, dtype=torch.int32), 3, 3, 3, 3, 0, 0, 1, 1)
    with pytest.raises(RuntimeError, match="grad_y has not the shape and type of the output"):
        torch.ops.antialias.max_pool2d_backward(torch.zeros(1, 2, 3, 3), torch.zeros(1, 1, 5, 5), 3, 3, 0, 0, 1, 1)


def test_shapes_without_values():
    with FakeTensorMode():
        x = torch.empty(2, 4, 9, 10).to(memory_format=torch.channels_last)
        y = max_pool2d(x, (3, 3), (1, 1))
    assert y.shape == x.shape
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert _max_pool.max_pool2d is max_pool2d
