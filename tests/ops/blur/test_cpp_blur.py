from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys

import pytest
import torch
from matrix import at_the_end_of_a_page, needs_kernel

from antialias.nn import BlurPool2d
from antialias.ops import PADDING_MODES, _library, binomial, blur

LAYOUTS = (torch.contiguous_format, torch.channels_last)
SIZES = ((1, 1), (3, 2), (7, 8), (9, 33), (5, 50))
KERNEL_SIZES = ((3, 3), (2, 1), (4, 5), (7, 6))
pytestmark = needs_kernel
ROWS = (binomial(3, dtype=torch.float64), torch.tensor([0.1, 0.2, 0.3, 0.25, 0.15], dtype=torch.float64))


def make(size, k=(3, 5), stride=(2, 2), channels=3, n=2, dtype=torch.float64, layout=LAYOUTS[0], seed=0):
    """Draw maps, rows of taps and the gradient of what comes out."""
    generator = torch.Generator().manual_seed(seed)
    kept = [math.ceil(side / step) for side, step in zip(size, stride, strict=True)]
    x, grad_y = (
        torch.randn(n, channels, *shape, dtype=torch.float64, generator=generator)
        .to(dtype)
        .contiguous(memory_format=layout)
        for shape in (size, kept)
    )
    return x, [torch.rand(taps, dtype=torch.float64, generator=generator) / taps for taps in k], grad_y


def forward_and_gradient(x, taps, grad_y, *arguments):
    x = x.detach().requires_grad_()
    y = blur(x, taps, *arguments)
    return y.detach(), *torch.autograd.grad(y, x, grad_y)


# A border on each side and in each mode, all sizes of filter, maps from one sample to several vectors with a rest.
@pytest.mark.parametrize("dtype", _library.DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 2), (4, 3)])
def test_agrees_with_the_reference(dtype, layout, stride):
    for index, (size, k) in enumerate(itertools.product(SIZES, KERNEL_SIZES)):
        mode, channels = PADDING_MODES[index % 4], (3, 1, 8, 21, 2)[index % 5]
        x, taps, grad_y = make(size, k, stride, channels, dtype=dtype, layout=layout, seed=index)
        found = forward_and_gradient(x, taps, grad_y, stride, mode, "cpp")
        exact = forward_and_gradient(x.double(), taps, grad_y.double(), stride, mode, "reference")
        for a, b in zip(found, exact, strict=True):
            allowed = _library.TOLERANCE[dtype] * torch.finfo(dtype).eps * (b.abs() + 1)
            assert a.dtype == dtype
            assert a.is_contiguous(memory_format=layout)
            assert ((a.double() - b).abs() <= allowed).all(), (mode, channels, size)


# Three taps at stride 2, of which contiguous maps make most: every border, rows of either parity, shorter and longer
# than vectors; and nothing behind the maps is read.
@pytest.mark.parametrize("dtype", _library.DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mode", PADDING_MODES)
def test_halving_with_every_border(dtype, layout, mode):
    for size in ((1, 1), (5, 3), (3, 17), (6, 34), (13, 31), (8, 64), (4, 9)):
        x, taps, grad_y = make(size, (3, 3), (2, 2), dtype=dtype, layout=layout)
        guarded = (at_the_end_of_a_page(each) for each in (x, grad_y))
        found = forward_and_gradient(next(guarded), taps, next(guarded), (2, 2), mode, "cpp")
        exact = forward_and_gradient(x.double(), taps, grad_y.double(), (2, 2), mode, "reference")
        for a, b in zip(found, exact, strict=True):
            allowed = _library.TOLERANCE[dtype] * torch.finfo(dtype).eps * (b.abs() + 1)
            assert ((a.double() - b).abs() <= allowed).all(), size


@pytest.mark.parametrize("instruction_set", ["baseline", "avx2"])
def test_agrees_with_the_reference_on_older_processors(instruction_set):
    here = f"{__file__}::test_agrees_with_the_reference"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", here, "-k", "stride1 and dtype0"]
    done = subprocess.run(
        command, env=os.environ | {"ANTIALIAS_INSTRUCTION_SET": instruction_set}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 2)])
def test_first_and_second_derivatives(layout, mode, stride):
    x, taps, _ = make((5, 6), stride=stride, channels=2, n=1, layout=layout)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: blur(x, taps, stride, mode, "cpp"), x)
    assert torch.autograd.gradgradcheck(lambda x: blur(x, taps, stride, mode, "cpp") ** 2, x)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # torch's own
@pytest.mark.parametrize("layout", LAYOUTS)
def test_torchs_own_checks_of_an_operation(layout):
    x, taps, grad_y = make((5, 6), layout=layout, dtype=torch.float32)
    torch.library.opcheck(torch.ops.antialias.blur2d.default, (x.clone().requires_grad_(), *taps, 2, 2, "reflect"))
    backward = torch.ops.antialias.blur2d_backward.default
    torch.library.opcheck(backward, (grad_y, *taps, 5, 6, 2, 2, "reflect", layout == LAYOUTS[1]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_compiles_whole_forward_and_backward(layout):
    torch._dynamo.reset()
    layer = BlurPool2d(3, (3, 4))
    x, _, grad_y = make((9, 12), dtype=torch.float32, layout=layout)

    def run(x):
        x = x.detach().requires_grad_()
        y = call(x)
        return y.detach(), *torch.autograd.grad(y, x, grad_y)

    call = torch.compile(lambda x: layer(x * 2) + 1, fullgraph=True, backend="aot_eager")
    found = run(x)
    call = lambda x: layer(x * 2) + 1  # noqa: E731
    for a, b in zip(found, run(x), strict=True):
        assert torch.equal(a, b)
        assert a.stride() == b.stride()


def test_exports_plain_torch():
    exported = torch.export.export(BlurPool2d(3), (torch.randn(2, 3, 8, 8),))
    assert "conv2d" in str(exported.graph)
    assert "antialias" not in str(exported.graph)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_autocast_keeps_the_type(dtype):
    x = torch.randn(1, 4, 8, 8).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        y, expected = blur(x, ROWS, 2), blur(x, ROWS, 2, backend="reference")
    assert y.dtype == expected.dtype == dtype
    assert torch.allclose(y.float(), expected.float(), atol=2e-2)


def test_keeps_only_its_taps_for_the_backward_pass():
    x, taps, _ = make((16, 16), dtype=torch.float32)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        blur(x.requires_grad_(), taps, 2, backend="cpp")
    assert {t.data_ptr() for t in kept} == {row.data_ptr() for row in taps}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_bits_on_any_number_of_threads(layout):
    x, taps, grad_y = make((64, 64), channels=16, dtype=torch.float32, layout=layout)
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 2, 3):
            torch.set_num_threads(count)
            results.append(forward_and_gradient(x, taps, grad_y, 2, "reflect", "cpp"))
    finally:
        torch.set_num_threads(threads)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_transforms_of_torch_func_run_the_reference():
    x, taps, _ = make((4, 4), n=3)
    assert torch.allclose(torch.vmap(lambda x: blur(x, taps, 2))(x[None])[0], blur(x, taps, 2))
    assert torch.func.jacrev(lambda x: blur(x, taps, 2))(x[:1]).shape == (1, 3, 2, 2, 1, 3, 4, 4)
    with pytest.raises(RuntimeError, match="backend='cpp' cannot run this input: a transform of torch.func is active"):
        torch.func.grad(lambda x: blur(x, taps, backend="cpp").sum())(x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_maps_that_are_not_dense(layout):
    x, taps, grad_y = make((9, 9), layout=layout)
    wide, turned = torch.cat([x, x], 3)[..., ::2], grad_y.transpose(2, 3)
    found = forward_and_gradient(wide, taps, turned, 2, "reflect", "cpp")
    expected = forward_and_gradient(wide, taps, turned, 2, "reflect", "reference")
    assert all(torch.allclose(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_in_nothing_out(layout):
    x, taps, grad_y = make((4, 4), n=0, layout=layout)
    y, grad_x = forward_and_gradient(x, taps, grad_y, 2, "reflect", "cpp")
    assert (y.shape, grad_x.shape) == (grad_y.shape, x.shape)


def test_taps_that_learn_run_the_reference():
    rows = [row.clone().requires_grad_() for row in ROWS]
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda *rows: blur(x, rows, 2), rows)


@pytest.mark.parametrize(
    ("x", "taps", "message"),
    [
        (torch.zeros(1, 4, 8, 8, device="meta"), ROWS, "x is on meta, not on the CPU"),
        (torch.zeros(1, 4, 8, 8).half(), ROWS, "x is torch.float16, not one of torch.float32, torch.bfloat16"),
        (torch.zeros(1, 4, 8, 8), torch.ones(3, 3), "the taps are not two rows of them, one for each dimension"),
        (torch.zeros(1, 4, 8), ROWS[:1], "the taps are not two rows of them, one for each dimension"),
        (torch.zeros(1, 4, 8, 8), (torch.ones(9), torch.ones(3)), "a row has 9 taps, more than 7"),
        (torch.zeros(1, 4, 8, 8), (torch.ones(3), torch.ones(3, device="meta")), "the taps are not on the CPU"),
        (torch.zeros(1, 4, 8, 8), (torch.ones(3), torch.ones(3).requires_grad_()), "the taps need a gradient"),
    ],
)
def test_says_why_it_cannot_run(x, taps, message):
    with pytest.raises(RuntimeError, match=f"backend='cpp' cannot run this input: {message}"):
        blur(x, taps, backend="cpp")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(4, 8, 8)}, "x must have four dimensions"),
        ({"x": torch.zeros(1, 4, 8, 8).half()}, "x must be float32, bfloat16 or float64"),
        ({"row_taps": torch.ones(8)}, "row_taps must be one row of 1 to 7 taps"),
        ({"column_taps": torch.ones(0)}, "column_taps must be one row of 1 to 7 taps"),
        ({"column_taps": torch.ones(3, 3)}, "column_taps must be one row of 1 to 7 taps"),
        ({"stride_w": 0}, "strides must be positive"),
        ({"padding_mode": "same"}, "padding_mode='same' is unknown"),
    ],
)
def test_the_operation_guards_the_memory(change, message):
    arguments = {"x": torch.zeros(1, 4, 8, 8), "row_taps": ROWS[0], "column_taps": ROWS[1]}
    arguments |= {"stride_h": 2, "stride_w": 2, "padding_mode": "zeros"} | change
    with pytest.raises((RuntimeError, ValueError), match=message):
        torch.ops.antialias.blur2d(**arguments)


def test_the_backward_operation_guards_the_memory():
    with pytest.raises(RuntimeError, match="grad_y has not the size of the output"):
        torch.ops.antialias.blur2d_backward(torch.zeros(1, 4, 4, 4), *ROWS, 8, 10, 2, 2, "zeros", False)
