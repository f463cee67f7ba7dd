from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F

from antialias.ops import PADDING_MODES, _pad, pad, padded_conv2d

SIZES = ((9, 6), (2, 5), (1, 3), (1, 1))
WINDOWS = ((3, (2, 2)), (7, (3, 1)), ((1, 5), (1, 2)))


WIDE = 40  # channels: enough for the CPU to turn the padded copy


def plain(x, weight, stride, border, mode, bias=None):
    x_pad = pad(x, [(side, side) for side in border], mode)
    return F.conv2d(x_pad, weight, bias, stride, groups=x.shape[1] // weight.shape[1])


def case(size, kernel_size=3, dtype=torch.float64, n=2, channels=3, groups=1):
    generator = torch.Generator().manual_seed(0)
    rows, columns = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    x = torch.randn(n, channels, *size, generator=generator).to(dtype).requires_grad_()
    weight = torch.randn(4 * groups, channels // groups, rows, columns, generator=generator).to(dtype).requires_grad_()
    return x, weight, (rows // 2, columns // 2)


@pytest.mark.parametrize(("mode", "size", "window"), list(itertools.product(PADDING_MODES, SIZES, WINDOWS)))
def test_equals_the_plain_form_and_its_gradients(mode, size, window):
    kernel_size, stride = window
    x, weight, border = case(size, kernel_size)
    y, expected = (form(x, weight, stride, border, mode) for form in (padded_conv2d, plain))
    assert torch.allclose(y, expected, atol=1e-12)
    grad_y = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    for inputs in ((x, weight), (x,), (weight,)):
        for ours, torchs in zip(*(torch.autograd.grad(z, inputs, grad_y, True) for z in (y, expected)), strict=True):
            assert torch.allclose(ours, torchs, atol=1e-12)


@pytest.mark.parametrize(("mode", "size", "window"), list(itertools.product(PADDING_MODES, SIZES, WINDOWS)))
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_many_channels_keep_their_layout(mode, size, window, layout):
    kernel_size, stride = window
    x, weight, border = case(size, kernel_size, channels=WIDE)
    x = x.detach().contiguous(memory_format=layout).requires_grad_()
    y, expected = (form(x, weight, stride, border, mode) for form in (padded_conv2d, plain))
    grad_y = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)
    grads = [torch.autograd.grad(z, (x, weight), grad_y) for z in (y, expected)]
    with torch.no_grad():
        assert torch.equal(padded_conv2d(x, weight, stride, border, mode), y)
    for ours, torchs in ((y, expected), *zip(*grads, strict=True)):
        assert torch.allclose(ours, torchs, atol=1e-11)
    assert y.is_contiguous(memory_format=layout)
    assert grads[0][0].is_contiguous(memory_format=layout)


@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("channels", [4, WIDE])
def test_channels_in_groups_and_what_is_added(mode, channels):
    x, weight, border = case((6, 5), channels=channels, groups=channels)
    bias = torch.randn(4 * channels, dtype=torch.float64, requires_grad=True)
    inputs = (x, weight, bias)
    y, expected = (form(x, weight, (2, 1), border, mode, bias) for form in (padded_conv2d, plain))
    assert torch.allclose(y, expected, atol=1e-12)
    grads = (torch.autograd.grad(z.square().sum(), inputs) for z in (y, expected))
    assert all(torch.allclose(ours, torchs, atol=1e-11) for ours, torchs in zip(*grads, strict=True))


@pytest.mark.parametrize("frozen", [0, 1])
def test_what_is_frozen_gets_no_gradient(frozen):
    x, weight, border = case((6, 5))
    (x, weight)[frozen].requires_grad_(False)
    y = padded_conv2d(x, weight, (2, 2), border, "reflect")
    y.sum().backward()
    assert [tensor.grad is None for tensor in (x, weight)] == [frozen == 0, frozen == 1]
    with torch.no_grad():
        assert torch.equal(padded_conv2d(x, weight, (2, 2), border, "reflect"), y)


@pytest.mark.parametrize(("mode", "size"), list(itertools.product(PADDING_MODES, ((5, 4), (1, 2)))))
def test_first_and_second_derivatives(mode, size):
    x, weight, border = case(size, n=1, channels=1)
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)

    def run(x, weight, bias):
        return padded_conv2d(x, weight, (2, 1), border, mode, bias)

    assert torch.autograd.gradcheck(run, (x, weight, bias))
    assert torch.autograd.gradgradcheck(run, (x, weight, bias))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("kernel_size", [3, 4, 5, 7])
def test_a_stride_beyond_the_map_leaves_no_gradient_undefined(kernel_size, mode, dtype, layout):
    for channels, size, stride in itertools.product(
        (3, 16), ((1, 1), (2, 1), (1, 2), (6, 2)), ((1, 2), (3, 3), (9, 2**40))
    ):
        x, weight, border = case(size, kernel_size, dtype, channels=channels)
        if min(side + 2 * amount - kernel_size for side, amount in zip(size, border, strict=True)) < 0:
            continue
        x = x.detach().contiguous(memory_format=layout).requires_grad_()
        inputs, found = [each.detach().double().requires_grad_() for each in (x, weight)], []
        bounded = [min(step, 20) for step in stride]
        for form, given, steps in ((padded_conv2d, (x, weight), stride), (plain, inputs, bounded)):
            y = form(*given, steps, border, mode)
            freed = [torch.full_like(weight, 3e3) for _ in range(4)]  # what memory holds that is not written
            del freed
            found.append((y, *torch.autograd.grad(y, given, torch.ones_like(y))))
        for ours, exact in zip(*found, strict=True):
            torch.testing.assert_close(ours.double(), exact, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("mode", PADDING_MODES)
def test_keeps_its_input_and_no_padded_copy(mode):
    x, weight, border = case((8, 9))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()), lambda t: t):
        padded_conv2d(x, weight, (2, 2), border, mode)
    assert set(kept) == {x.data_ptr(), weight.data_ptr()}


@pytest.mark.parametrize(("mode", "dynamic"), [("reflect", True), ("circular", False)])
def test_compiles_forward_and_backward(mode, dynamic):
    compiled = torch.compile(padded_conv2d, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    for size in ((8, 8), (11, 6))[: 1 + dynamic]:
        x, weight, border = case(size)
        ours, expected = (
            torch.autograd.grad(form(x, weight, (2, 2), border, mode).square().sum(), (x, weight))
            for form in (compiled, plain)
        )
        assert all(torch.allclose(*pair, atol=1e-12) for pair in zip(ours, expected, strict=True))


def test_exports_as_torch_operations():
    class Convolution(torch.nn.Module):
        def __init__(self):
            super().__init__()
            _, self.weight, self.border = case((8, 8), dtype=torch.float32)
            self.weight = torch.nn.Parameter(self.weight.detach())

        def forward(self, x):
            return padded_conv2d(x, self.weight, (2, 2), self.border, "reflect")

    x = torch.randn(1, 3, 8, 8)
    exported = torch.export.export(Convolution(), (x,))
    calls = [str(node.target) for node in exported.graph.nodes if node.op == "call_function"]
    assert set(calls) == {"aten.narrow.default", "aten.cat.default", "aten.conv2d.default"}
    assert torch.equal(exported.module()(x), Convolution()(x))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # torch's own, in jacfwd
def test_transforms_of_torch_func():
    x, weight, border = case((5, 4))
    x = x.detach()

    def norm(weight, x, form):
        return form(x[None], weight, (2, 2), border, "reflect").square().sum()

    for transform in (torch.func.grad, torch.func.jacfwd):
        ours, expected = (
            torch.func.vmap(transform(norm), (None, 0, None))(weight, x, form) for form in (padded_conv2d, plain)
        )
        assert torch.allclose(ours, expected, atol=1e-12)


def test_autocast_keeps_types_and_remembers_no_weight_without_history():
    x, weight, border = case((8, 7), dtype=torch.float32)
    grads = []
    for form in (padded_conv2d, plain):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = form(x, weight, (2, 2), border, "reflect")
            then = plain(x, weight, (2, 2), border, "reflect")
        assert y.dtype == torch.bfloat16
        grads.append(torch.autograd.grad(y.square().sum() + then.sum(), (x, weight)))
    for ours, torchs in zip(*grads, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - torchs).norm() < 0.01 * torchs.norm()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert padded_conv2d(x.double(), weight.double(), (2, 2), border, "reflect").dtype == torch.float64


@pytest.mark.parametrize("mode", PADDING_MODES)
def test_channels_last_stays_forward_and_backward(mode):
    x, weight, border = case((8, 7), dtype=torch.float32)
    x_last = x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    y, y_last = (padded_conv2d(maps, weight, (2, 2), border, mode) for maps in (x, x_last))
    assert y_last.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(y_last, y, atol=1e-5)
    (grad,), (grad_last,) = (torch.autograd.grad(*pair) for pair in ((y.sum(), x), (y_last.sum(), x_last)))
    assert grad_last.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(grad_last, grad, atol=1e-5)


@pytest.mark.parametrize("mode", PADDING_MODES)
def test_the_adjoint_of_padding_is_its_gradient(mode):
    x = torch.randn(2, 3, 4, 2, dtype=torch.float64, requires_grad=True)
    amounts = [(5, 1), (0, 3)]
    y = pad(x, amounts, mode)
    grad_y = torch.randn_like(y)
    assert torch.allclose(_pad.pad_adjoint(grad_y, x, amounts, mode), torch.autograd.grad(y, x, grad_y)[0], atol=1e-12)
