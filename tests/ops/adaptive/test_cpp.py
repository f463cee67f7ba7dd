from __future__ import annotations

import math
import os
import subprocess
import sys
from functools import partial

import pytest
import torch
from matrix import assert_close, at_the_end_of_a_page, forward_and_gradients, make, needs_kernel

from antialias.nn import AdaptiveBlurPool2d
from antialias.ops import NORMALIZATIONS, PADDING_MODES, _library, adaptive_blur2d, backends

LAYOUTS = ("contiguous", "channels last")
CPP, REFERENCE = partial(adaptive_blur2d, backend="cpp"), partial(adaptive_blur2d, backend="reference")
SIZES = ((1, 1), (3, 2), (7, 7), (9, 33), (20, 50))

pytestmark = needs_kernel


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (2, 1), (3, 4)])
def test_gradients_in_float64(layout, normalize, mode, stride):
    x, logits, _ = make((5, 4), 3, stride, n=1, layout=layout)
    assert torch.autograd.gradcheck(
        lambda x, logits: adaptive_blur2d(x, logits, 3, stride, normalize, mode, "cpp"),
        (x.requires_grad_(), logits.requires_grad_()),
    )


@pytest.mark.parametrize("dtype", _library.DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("k", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (1, 2), (4, 3)])
def test_agrees_with_the_reference(dtype, layout, k, stride):
    for index, size in enumerate(SIZES):
        mode = PADDING_MODES[(index + k // 2) % 4]
        per_group, normalize = (3, 1, 8, 21)[index % 4], NORMALIZATIONS[(index + stride[0]) % 3 == 0]
        inputs = make(size, k, stride, 2, per_group, dtype=dtype, layout=layout, seed=index)
        found = forward_and_gradients(CPP, *inputs, k, stride, normalize, mode)
        exact = forward_and_gradients(REFERENCE, *(t.double() for t in inputs), k, stride, normalize, mode)
        assert_close(found, exact, dtype)


# Whole vectors of channels by fours, twos and ones, and what is left of one.
@pytest.mark.parametrize("dtype", _library.DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("per_group", [12, 45, 71])
def test_groups_of_many_channels(dtype, layout, per_group):
    inputs = make((6, 37), 3, (2, 2), 2, per_group, dtype=dtype, layout=layout)
    found = forward_and_gradients(CPP, *inputs, 3, (2, 2), "group", "reflect")
    exact = forward_and_gradients(REFERENCE, *(t.double() for t in inputs), 3, (2, 2), "group", "reflect")
    assert_close(found, exact, dtype)


# Rows and columns of either parity, shorter and longer than vectors; the last in more than one block of rows. Groups
# that are shorter than vectors, share them, or fill them.
@pytest.mark.parametrize("dtype", _library.DTYPES)
@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("size", [(5, 3), (3, 17), (6, 34), (2, 40), (13, 31), (8, 64), (62, 300)])
@pytest.mark.parametrize(
    ("layout", "groups", "per_group"),
    [
        ("contiguous", 2, 3),
        ("channels last", 8, 2),
        ("channels last", 4, 4),
        ("channels last", 2, 8),
        ("channels last", 3, 8),
        ("channels last", 1, 40),
    ],
)
def test_halving_with_every_border(dtype, mode, size, layout, groups, per_group):
    inputs = make(size, 3, (2, 2), groups, per_group, 1, dtype, layout)
    for normalize in NORMALIZATIONS:
        found = forward_and_gradients(CPP, *inputs, 3, (2, 2), normalize, mode)
        exact = forward_and_gradients(REFERENCE, *(t.double() for t in inputs), 3, (2, 2), normalize, mode)
        assert_close(found, exact, dtype)


# Vectors look beyond rows, and may write there what is overwritten later; nothing of it may stay.
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(5, 9), (6, 12), (7, 33), (8, 66)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_what_is_not_finite_stays_in_its_channel(layout, size, stride):
    def run(x):
        y, grad_x, grad_logits = forward_and_gradients(CPP, x, logits, grad_y, 3, stride, "group", "zeros")
        return y, grad_x, grad_logits.unflatten(1, (3, 9))

    x, logits, grad_y = make(size, 3, stride, 3, 5, dtype=torch.float32, layout=layout)
    clean, broken = run(x), x.clone()
    broken[0, 6] = math.nan
    broken[1, 9] = math.inf
    for found, expected, hit in zip(run(broken), clean, ((0, 6, 1, 9), (), (0, 1, 1, 1)), strict=True):
        rest = torch.ones(found.shape[:2], dtype=torch.bool)
        for image, channel in zip(hit[::2], hit[1::2], strict=True):
            rest[image, channel] = False
        assert torch.equal(found[rest], expected[rest])
        assert not found[~rest].isfinite().any()


# A read behind the maps would end the process.
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("stride", [(1, 1), (2, 2)])
def test_reads_nothing_behind_its_inputs(layout, stride):
    for size in ((1, 1), (3, 5), (4, 9), (2, 33), (6, 34), (9, 18)):
        for k in (3, 5):
            inputs = make(size, k, stride, 2, 3, dtype=torch.float32, layout=layout)
            guarded = [at_the_end_of_a_page(t) for t in inputs]
            found = forward_and_gradients(CPP, *guarded, k, stride, "group", "reflect")
            expected = forward_and_gradients(CPP, *inputs, k, stride, "group", "reflect")
            assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("instruction_set", ["baseline", "avx2"])
def test_agrees_with_the_reference_on_older_processors(instruction_set):
    names = ("test_agrees_with_the_reference", "test_groups_of_many_channels", "test_halving_with_every_border")
    here, which = (f"{__file__}::{name}" for name in names), "not stride2 and not stride3 and dtype0"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *here, "-k", which]
    done = subprocess.run(
        command, env=os.environ | {"ANTIALIAS_INSTRUCTION_SET": instruction_set}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("x_type", "logits_type"),
    [
        (torch.float32, torch.bfloat16),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float16),
        (torch.float32, torch.float64),
        (torch.float64, torch.float32),
    ],
)
def test_mixed_types_as_under_autocast(layout, x_type, logits_type):
    x, logits, grad_y = make((9, 9), layout=layout)
    x, logits, grad_y = x.to(x_type), logits.to(logits_type), grad_y.to(x_type)
    found = forward_and_gradients(CPP, x, logits, grad_y, 3, (2, 2), "group", "reflect")
    expected = forward_and_gradients(REFERENCE, x, logits, grad_y, 3, (2, 2), "group", "reflect")
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        allowed = 8 * max(torch.finfo(dtype).eps for dtype in (x_type, b.dtype))
        assert torch.allclose(a.double(), b.double(), atol=allowed, rtol=allowed)


def test_autocast_is_as_in_the_reference():
    layer, x = AdaptiveBlurPool2d(16), torch.randn(2, 16, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
        expected = adaptive_blur2d(x, layer.logits(x), backend="reference")
    assert y.dtype == expected.dtype == torch.float32
    assert torch.allclose(y, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # torch's own
@pytest.mark.parametrize("layout", LAYOUTS)
def test_torchs_own_checks_of_an_operation(layout):
    x, logits, grad_y = make((5, 6), layout=layout, dtype=torch.float32)
    arguments = (3, 2, 2, False, "reflect")
    ops = torch.ops.antialias
    torch.library.opcheck(
        ops.adaptive_blur2d.default, (x.clone().requires_grad_(), logits.clone().requires_grad_(), *arguments)
    )
    torch.library.opcheck(ops.adaptive_blur2d_backward.default, (grad_y, x, logits, *arguments))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_compiles_whole_forward_and_backward(layout):
    torch._dynamo.reset()
    inputs = make((9, 12), dtype=torch.float32, layout=layout)

    def run(x, logits):
        return adaptive_blur2d(x * 2, logits, backend="auto") + 1

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    for a, b in zip(forward_and_gradients(compiled, *inputs), forward_and_gradients(run, *inputs), strict=True):
        assert torch.equal(a, b)
        assert a.stride() == b.stride()


def test_the_operation_can_be_exported_with_any_size_but_auto_exports_plain_torch():
    class Filter(torch.nn.Module):
        def __init__(self, run):
            super().__init__()
            self.run = run

        def forward(self, x, logits):
            return self.run(x, logits, 3, (2, 2), "group", "reflect")

    n, h, w = (torch.export.Dim(name, min=2) for name in ("n", "h", "w"))
    sizes = ({0: n, 2: 2 * h, 3: 2 * w}, {0: n, 2: h, 3: w})
    x, logits, _ = make((8, 10), dtype=torch.float32)
    other = make((12, 6), n=3, dtype=torch.float32)[:2]
    for run, mark in ((CPP, "antialias"), (adaptive_blur2d, "softmax")):
        exported = torch.export.export(Filter(run), (x, logits), dynamic_shapes=sizes)
        assert mark in str(exported.graph)
        assert ("antialias" in str(exported.graph)) == (mark == "antialias")
        assert torch.allclose(exported.module()(*other), run(*other, 3, (2, 2), "group", "reflect"), atol=1e-6)


def test_keeps_only_its_inputs_for_the_backward_pass():
    x, logits, _ = (t.requires_grad_() for t in make((16, 16), dtype=torch.float32))
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        adaptive_blur2d(x, logits, backend="cpp")
    assert {t.data_ptr() for t in kept} == {x.data_ptr(), logits.data_ptr()}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", [1, 3])
def test_same_bits_every_time_and_on_any_number_of_threads(layout, n):
    inputs = make((64, 64), groups=4, per_group=16, n=n, dtype=torch.float32, layout=layout)
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 2, 3):
            torch.set_num_threads(count)
            results.append(forward_and_gradients(CPP, *inputs, 3, (2, 2), "group", "reflect"))
    finally:
        torch.set_num_threads(threads)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))


def test_second_derivatives():
    x, logits, _ = make((3, 4), per_group=2, n=1)
    assert torch.autograd.gradgradcheck(
        lambda x, logits: adaptive_blur2d(x, logits, backend="cpp"), (x.requires_grad_(), logits.requires_grad_())
    )


def test_transforms_of_torch_func_run_the_reference():
    x, logits, _ = make((4, 4), n=3)
    many = torch.stack([x, 2 * x])
    mapped = torch.vmap(adaptive_blur2d, (0, None))(many, logits)
    assert torch.allclose(mapped, torch.stack([adaptive_blur2d(each, logits) for each in many]))
    assert torch.func.jacrev(adaptive_blur2d)(x[:1], logits[:1]).shape == (1, 6, 2, 2, 1, 6, 4, 4)
    with pytest.raises(RuntimeError, match="backend='cpp' cannot run this input: a transform of torch.func is active"):
        torch.func.grad(lambda x: adaptive_blur2d(x, logits, backend="cpp").sum())(x)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_inputs_that_are_not_dense(layout):
    x, logits, grad_y = make((9, 9), layout=layout)
    wide, turned = torch.cat([x, x], 3)[..., ::2], logits.transpose(2, 3)
    expected = forward_and_gradients(REFERENCE, wide, turned, grad_y, 3, (2, 2), "group", "reflect")
    found = forward_and_gradients(CPP, wide, turned, grad_y, 3, (2, 2), "group", "reflect")
    assert all(torch.allclose(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_in_nothing_out(layout):
    x, logits, grad_y = make((4, 4), n=0, layout=layout)
    y, grad_x, grad_logits = forward_and_gradients(CPP, x, logits, grad_y, 3, (2, 2), "group", "zeros")
    assert (y.shape, grad_x.shape, grad_logits.shape) == (grad_y.shape, x.shape, logits.shape)
    assert not grad_logits.any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_extreme_logits(layout):
    x, logits, _ = make((8, 8), dtype=torch.float32, layout=layout)
    for scaled in (1e4 * logits, logits - 1e30, logits.clamp(max=0) / 0):
        y = CPP(x, scaled.nan_to_num(neginf=-math.inf), 3, (2, 2), "group", "reflect")
        expected = REFERENCE(x, scaled.nan_to_num(neginf=-math.inf), 3, (2, 2), "group", "reflect")
        assert torch.allclose(y, expected, atol=1e-5, equal_nan=True)
    poisoned = logits.clone()
    poisoned[0, 4, 1, 1] = math.nan
    y = CPP(x, poisoned, 3, (2, 2), "group", "reflect")
    assert y.isnan().nonzero().tolist() == [[0, channel, 1, 1] for channel in range(3)]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.empty(1, 4, 8, 8, device="meta"), "x is on meta, not on the CPU"),
        (torch.empty(1, 4, 8, 8, dtype=torch.float16), r"x is torch.float16, not one of torch.float32, torch.bfloat16"),
    ],
)
def test_says_why_it_cannot_run(x, message):
    with pytest.raises(RuntimeError, match=f"backend='cpp' cannot run this input: {message}"):
        adaptive_blur2d(x, torch.empty(1, 9, 4, 4, device=x.device, dtype=x.dtype), backend="cpp")
    assert next(status for status in backends(x) if status.selected).name == "reference"


def test_says_why_there_is_no_library(tmp_path, monkeypatch):
    missing, load = tmp_path / "libantialias.so", _library.load
    assert "the C++ kernel was not built when this was installed. Install a C++ compiler" in load(missing)
    missing.with_suffix(".txt").write_text("there was no C++ compiler when this was installed\n")
    assert load(missing).startswith("there was no C++ compiler when this was installed. Install a C++ compiler")
    missing.write_text("not a library")
    assert "libantialias.so does not load: " in load(missing)
    monkeypatch.setattr(_library, "_OPERATIONS", (*_library._OPERATIONS, "blur9d"))
    assert load(_library.LIBRARY).startswith("libantialias.so has no blur9d: it was built from an older source. ")
    monkeypatch.setattr(_library, "MISSING", "it is gone")
    assert "Reasons: it is gone." in str(backends()[0])
    assert backends()[-1].selected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": torch.zeros(1, 18, 3, 4)}, r"logits have batch and size \(1, 3, 4\), which do not fit x"),
        (
            {"logits": torch.zeros(1, 27, 4, 4)},
            "logits have 27 channels, which do not fit kernel_size=3",
        ),
        ({"logits": torch.zeros(1, 18, 4, 4).double()}, "float64 maps go with float64 logits"),
        ({"x": torch.zeros(1, 4, 8, 8).half()}, "x must be float32, bfloat16 or float64"),
        ({"kernel_size": 2}, "kernel_size must be odd, strides positive"),
        ({"padding_mode": "same"}, "padding_mode='same' is unknown"),
        ({"x": torch.zeros(4, 8, 8)}, "x and logits must have four dimensions"),
    ],
)
def test_the_operation_guards_the_memory(change, message):
    arguments = {
        "x": torch.zeros(1, 4, 8, 8),
        "logits": torch.zeros(1, 18, 4, 4),
        "kernel_size": 3,
        "padding_mode": "zeros",
    }
    arguments |= {"stride_h": 2, "stride_w": 2, "joint": False} | change
    with pytest.raises((RuntimeError, ValueError), match=message):
        torch.ops.antialias.adaptive_blur2d(**arguments)


PEAK = """
import resource, sys, torch
from antialias.ops import adaptive_blur2d
stride = int(sys.argv[1])
x = torch.ones(1, 1, 2000, 2000, dtype=torch.bfloat16)
kept = -(-2000 // stride)
logits, grad_y = x.new_ones(1, 9, kept, kept), x.new_ones(1, 1, kept, kept)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
results = torch.ops.antialias.adaptive_blur2d_backward(grad_y, x, logits, 3, stride, stride, False, "reflect")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before - sum(y.nbytes for y in results) // 1024)
"""


@pytest.mark.parametrize("stride", [1, 2])
def test_backward_holds_rows_of_sums_and_no_maps_of_them(stride):
    done = subprocess.run([sys.executable, "-c", PEAK, str(stride)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 10 << 10  # KiB; the sums of all rows would be 70 MiB at stride 2
