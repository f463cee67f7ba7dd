"""DMNet's dynamic convolutional module, against a loop over samples and taps."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from antialias.nn import DynamicFilter2d
from antialias.ops import dynamic_filter2d


def _filtered(x: Tensor, filters: Tensor) -> Tensor:
    """Filter by the definition: sum over taps of taps times samples, one output at a time."""
    (batch, channels, height, width), (rows, columns) = x.shape, filters.shape[2:]
    y = torch.zeros_like(x)
    for n, c, i, j in torch.cartesian_prod(*map(torch.arange, (batch, channels, height, width))).tolist():
        for a in range(rows):
            for b in range(columns):
                row, column = i + a - (rows - 1) // 2, j + b - (columns - 1) // 2
                if 0 <= row < height and 0 <= column < width:
                    y[n, c, i, j] += filters[n, c, a, b] * x[n, c, row, column]
    return y


def _draw(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def _layer(*arguments: int, fusion: bool = False, dtype: torch.dtype = torch.float64) -> DynamicFilter2d:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = DynamicFilter2d(*arguments, fusion=fusion, dtype=dtype)
        for module in layer.modules():
            if isinstance(module, nn.BatchNorm2d):  # else a norm at its start values would hide a missing one
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.uniform_(module.bias, -0.5, 0.5)
                nn.init.uniform_(module.running_mean, -0.5, 0.5)
    return layer


def _normed(norm: nn.Module, x: Tensor) -> Tensor:
    mean, variance, weight, bias = (
        getattr(norm, name)[None, :, None, None] for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


@settings(deadline=None, max_examples=40)
@given(*[st.integers(1, 3)] * 2, *[st.integers(1, 6)] * 4)
def test_a_convolution_is_the_loop(batch: int, channels: int, height: int, width: int, rows: int, columns: int) -> None:
    x, filters = _draw(batch, channels, height, width), _draw(batch, channels, rows, columns, seed=1)
    assert torch.allclose(dynamic_filter2d(x, filters), _filtered(x, filters), rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("fusion", [False, True])
def test_the_layer_is_its_formula(size: int, fusion: bool) -> None:
    layer, x = _layer(5, 4, size, fusion=fusion).eval(), _draw(3, 5, 4, 7)
    cells = [[(r * x_side // size, -(-(r + 1) * x_side // size)) for r in range(size)] for x_side in x.shape[2:]]
    pooled = torch.stack(
        [torch.stack([x[:, :, a:b, c:d].mean((2, 3)) for c, d in cells[1]], -1) for a, b in cells[0]], -2
    )
    matrix = layer.predictor.weight[:, :, 0, 0]
    filters = torch.einsum("dc,nchw->ndhw", matrix, pooled) + layer.predictor.bias[:, None, None]
    assert torch.allclose(layer.filters(x), filters, rtol=0, atol=1e-13)
    features = _normed(layer.features[1], torch.einsum("dc,nchw->ndhw", layer.features[0].weight[:, :, 0, 0], x)).relu()
    y = _normed(layer.bn, _filtered(features, filters)).relu()
    if fusion:
        y = _normed(layer.fusion[1], torch.einsum("dc,nchw->ndhw", layer.fusion[0].weight[:, :, 0, 0], y)).relu()
    assert torch.allclose(layer(x), y, rtol=0, atol=1e-12)


def test_a_sample_does_not_hear_of_the_others() -> None:
    layer, x = _layer(5, 4, 7).eval(), _draw(3, 5, 3, 3)  # the filters are larger than the map
    assert torch.allclose(layer(x), torch.cat([layer(one[None]) for one in x]), rtol=0, atol=1e-13)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_gradients(size: int) -> None:
    x, filters = _draw(2, 2, 3, 4).requires_grad_(), _draw(2, 2, size, size, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(dynamic_filter2d, (x, filters))
    layer = _layer(2, 3, size, fusion=True)
    names, values = zip(*layer.named_parameters(), strict=True)

    def run(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(run, (x, *values))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("size", [1, 3, 4, 7])
def test_types_and_memory_formats(dtype: torch.dtype, tolerance: float, size: int) -> None:
    x, filters = _draw(2, 16, 9, 8, dtype=dtype), _draw(2, 16, size, size, dtype=dtype, seed=1)
    expected = dynamic_filter2d(x.double(), filters.double())
    for form in (torch.contiguous_format, torch.channels_last):
        y = dynamic_filter2d(x.contiguous(memory_format=form), filters)
        assert y.dtype == dtype
        assert y.is_contiguous(memory_format=form)
        assert (y.double() - expected).norm() <= tolerance * expected.norm()
    layer = _layer(16, 8, size, dtype=dtype).train()
    layer(x.to(memory_format=torch.channels_last)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def test_exported_for_any_number_of_pictures() -> None:
    layer, x = _layer(5, 4, 3).eval(), _draw(2, 5, 6, 6)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: batch},)).module()
    for number in (1, 2, 5):
        x = _draw(number, 5, 6, 6)
        assert torch.allclose(program(x), layer(x), rtol=0, atol=1e-13)


def test_what_does_not_fit_is_explained() -> None:
    with pytest.raises(ValueError, match=r"channels=0 is no number of channels. Use 1 or more."):
        DynamicFilter2d(0)
    with pytest.raises(ValueError, match=r"kernel_size=0 is no size of a filter. Use 1 or more."):
        DynamicFilter2d(4, kernel_size=0)
    with pytest.raises(ValueError, match=r"x has shape \(1, 3, 4, 4\), but this layer takes 4 channels. Pass \(N, 4"):
        DynamicFilter2d(4)(torch.zeros(1, 3, 4, 4))
    with pytest.raises(ValueError, match=r"filters has shape \(1, 3, 3, 3\), but x \(2, 3, 4, 4\). Pass x \(N, C"):
        dynamic_filter2d(torch.zeros(2, 3, 4, 4), torch.zeros(1, 3, 3, 3))
