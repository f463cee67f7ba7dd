from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from antialias.nn import BlurPool1d, BlurPool2d, BlurPool3d
from antialias.ops import PADDING_MODES

LAYERS = {1: BlurPool1d, 2: BlurPool2d, 3: BlurPool3d}


@settings(deadline=None, max_examples=80)
@given(
    st.integers(1, 3),
    st.integers(1, 7),
    st.integers(1, 4),
    st.sampled_from([mode for mode in PADDING_MODES if mode != "zeros"]),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
    st.data(),
)
def test_constant_in_constant_out_and_size(dims, kernel_size, stride, mode, dtype, data):
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=dims, max_size=dims))
    y = LAYERS[dims](2, kernel_size, stride, mode)(torch.full((1, 2, *sizes), 3.0, dtype=dtype))
    assert y.shape == (1, 2, *(-(-size // stride) for size in sizes))
    assert y.dtype == dtype
    assert torch.allclose(y.double(), torch.tensor(3.0).double(), atol=0, rtol=2 * torch.finfo(dtype).eps)


def test_two_by_two_is_the_average_of_each_sample_and_the_next():
    x = torch.randn(1, 3, 8, 8)
    expected = nn.functional.avg_pool2d(x, 2, 2)
    assert torch.allclose(BlurPool2d(3, 2)(x), expected, atol=1e-6)


def test_anisotropic():
    y = BlurPool2d(3, (1, 5), (1, 2))(torch.randn(2, 3, 5, 9))
    assert y.shape == (2, 3, 5, 5)


@pytest.mark.parametrize("mode", PADDING_MODES)
def test_channels_last_stays(mode):
    x = torch.randn(2, 8, 9, 9).to(memory_format=torch.channels_last)
    layer = BlurPool2d(8, padding_mode=mode)
    assert layer(x).is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(layer(x), layer(x.contiguous()), atol=1e-6)


def test_adds_nothing_to_the_state_dict():
    assert not BlurPool2d(4).state_dict()
    assert not list(BlurPool2d(4).parameters())


def test_meta_device_then_values():
    layer = BlurPool2d(4, device="meta").to_empty(device="cpu")
    layer.reset_parameters()
    assert torch.equal(layer.taps, BlurPool2d(4).taps)


def test_factory_arguments_copies_and_empty_batches():
    layer = BlurPool2d(4, dtype=torch.float64)
    assert layer.taps.dtype == torch.float64
    assert torch.equal(copy.deepcopy(layer).taps, layer.taps)
    assert layer(torch.empty(0, 4, 8, 8)).shape == (0, 4, 4, 4)


def test_compiles_without_a_graph_break_and_exports_with_dynamic_sizes():
    layer, x = BlurPool2d(4, 5), torch.randn(2, 4, 12, 12)
    assert torch.allclose(torch.compile(layer, fullgraph=True, backend="eager")(x), layer(x))
    sizes = {0: torch.export.Dim("n"), 2: torch.export.Dim("h", min=6), 3: torch.export.Dim("w", min=6)}
    exported = torch.export.export(layer, (x,), dynamic_shapes=(sizes,)).module()
    other = torch.randn(3, 4, 17, 8)
    assert torch.allclose(exported(other), layer(other), atol=1e-6)


def test_autocast():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = BlurPool2d(4)(torch.ones(1, 4, 8, 8))
    assert torch.equal(y.float(), torch.ones(1, 4, 4, 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"channels": 0}, "channels=0 is no number of channels. Use 1 or more"),
        ({"kernel_size": 8}, "kernel_size=8 is no binomial filter of this layer. Use 1 to 7"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size=\(3, 3, 3\) does not fit 2 dimension"),
        ({"stride": 0}, "stride=0 does not fit 2 dimension.*Use one number >= 1, or 2 of them"),
        ({"padding_mode": "same"}, "padding_mode='same' is unknown. Use one of 'reflect'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BlurPool2d(**{"channels": 4, **arguments})


@pytest.mark.parametrize(
    ("layer", "shape", "sizes"),
    [
        (BlurPool2d(4), (1, 3, 8, 8), "H, W"),
        (BlurPool2d(4), (4, 8, 8), "H, W"),
        (BlurPool1d(4), (1, 4, 8, 8), "L"),
        (BlurPool3d(4), (4, 4, 8, 8), "D, H, W"),
    ],
)
def test_input_that_does_not_fit(layer, shape, sizes):
    with pytest.raises(ValueError, match=rf"this layer filters 4 channels. Pass \(N, 4, {sizes}\)\."):
        layer(torch.zeros(shape))
