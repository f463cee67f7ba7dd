"""The adaptive filter of sequences and volumes: against torch's unfold, and the filter of maps, which has kernels."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from antialias.nn import PREDICTORS, Adaptive, AdaptiveBlurPool1d, AdaptiveBlurPool2d, AdaptiveBlurPool3d, Gaussian
from antialias.ops import NORMALIZATIONS, PADDING_MODES, adaptive_blur, adaptive_blur2d, pad

LAYERS = {1: AdaptiveBlurPool1d, 2: AdaptiveBlurPool2d, 3: AdaptiveBlurPool3d}
SIZES = {1: (11,), 2: (6, 7), 3: (3, 6, 7)}
CASES = [
    (1, 3, (2,)),
    (1, 5, (3,)),
    (1, 3, (1,)),
    (3, 3, (2, 2, 2)),
    (3, (1, 3, 3), (1, 2, 2)),
    (3, (3, 1, 1), (2, 1, 1)),
]


def randomized(layer: Any) -> Any:
    """A layer whose filters differ from place to place."""
    generator = torch.Generator().manual_seed(0)
    for tensor in (layer.bn.weight, layer.bn.bias, layer.bn.running_mean):
        tensor.data = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
    return layer.double().eval()


def take_weights(layer: nn.Module, other: nn.Module) -> None:
    shapes = layer.state_dict()
    layer.load_state_dict({name: tensor.view_as(shapes[name]) for name, tensor in other.state_dict().items()})


def windows(x: Tensor, sizes: tuple[int, ...], steps: tuple[int, ...], mode: Any) -> Tensor:
    """Every kept window `(N, C, *kept, T)`, by torch's unfold."""
    x = pad(x, [(size // 2, size // 2) for size in sizes], mode)
    for dim, (size, step) in enumerate(zip(sizes, steps, strict=True), start=2):
        x = x.unfold(dim, size, step)
    return x.flatten(2 + len(sizes))


@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize(("dims", "kernel_size", "stride"), CASES, ids=str)
def test_filters_are_those_of_the_equation(dims: int, kernel_size: Any, stride: Any, mode: Any, normalize: Any) -> None:
    x = torch.randn(2, 4, *SIZES[dims], dtype=torch.float64)
    layer = randomized(LAYERS[dims](4, kernel_size, stride, 2, normalize, padding_mode=mode))
    sizes = (kernel_size,) * dims if isinstance(kernel_size, int) else kernel_size
    read = windows(x, sizes, stride, mode)
    weight = layer.conv.weight.flatten(1).unflatten(1, (4, -1))
    logits = layer.bn(torch.einsum("nc...t,oct->no...", read, weight))
    logits = logits.unflatten(1, (2, -1))
    weights = (logits.flatten(1, 2).softmax(1) if normalize == "joint" else logits.softmax(2)).reshape(logits.shape)
    expected = torch.einsum("ngc...t,ngt...->ngc...", read.unflatten(1, (2, 2)), weights).flatten(1, 2)
    torch.testing.assert_close(layer(x), expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(layer.filters(x), weights, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_a_flat_volume_is_filtered_as_a_map_and_a_row_as_a_sequence(predictor: Any) -> None:
    torch.manual_seed(0)
    options: dict[str, Any] = {"groups": 2, "predictor": predictor}
    of_maps = randomized(AdaptiveBlurPool2d(4, 3, (1, 2), **options))
    of_volumes = randomized(AdaptiveBlurPool3d(4, (1, 3, 3), (1, 1, 2), **options))
    take_weights(of_volumes, of_maps)
    x = torch.randn(2, 4, 6, 7, dtype=torch.float64)
    torch.testing.assert_close(of_volumes(x[:, :, None])[:, :, 0], of_maps(x), rtol=1e-12, atol=1e-12)
    of_sequences = randomized(AdaptiveBlurPool1d(4, 3, 2, **options))
    of_rows = randomized(AdaptiveBlurPool3d(4, (1, 1, 3), (1, 1, 2), **options))
    take_weights(of_rows, of_sequences)
    row = x[:, :, 0]
    torch.testing.assert_close(of_rows(row[:, :, None, None])[:, :, 0, 0], of_sequences(row), rtol=1e-12, atol=1e-12)


def test_the_operation_agrees_with_that_of_maps_and_has_gradients() -> None:
    x, logits = torch.randn(1, 4, 4, 5, dtype=torch.float64), torch.randn(1, 18, 2, 3, dtype=torch.float64)
    ours = adaptive_blur(x, logits, (3, 3), (2, 2))
    torch.testing.assert_close(ours, adaptive_blur2d(x, logits, 3, 2, backend="reference"), rtol=1e-12, atol=1e-12)
    x, logits = torch.randn(1, 2, 5, dtype=torch.float64), torch.randn(1, 3, 3, dtype=torch.float64)
    inputs = (x.requires_grad_(), logits.requires_grad_())
    assert torch.autograd.gradcheck(lambda x, logits: adaptive_blur(x, logits, (3,), (2,)), inputs)
    last = torch.randn(1, 2, 2, 4, 4).to(memory_format=torch.channels_last_3d)
    blurred = adaptive_blur(last, torch.randn(1, 9, 2, 2, 2), (1, 3, 3), (1, 2, 2))
    assert blurred.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize(("dims", "kernel_size", "stride"), CASES, ids=str)
@pytest.mark.parametrize("predictor", PREDICTORS)
def test_identity_starts_hand_on(dims: int, kernel_size: Any, stride: Any, predictor: Any) -> None:
    x = torch.randn(2, 4, *SIZES[dims])
    kept = x[(..., *(slice(None, None, step) for step in stride))]
    for training in (True, False):
        layer = LAYERS[dims](4, kernel_size, stride, 2, init="identity", predictor=predictor).train(training)
        assert (layer(x) - kept).norm() <= 2e-4 * kept.norm()
    binomial = LAYERS[dims](4, kernel_size, stride, 2, init="binomial", predictor=predictor).eval()
    ones = torch.ones(1, 4, *SIZES[dims])
    torch.testing.assert_close(binomial(ones), ones[(..., *(slice(None, None, step) for step in stride))])
    binomial.train()(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in binomial.parameters())


def test_configs_give_a_dimension_that_is_not_subsampled_one_tap() -> None:
    sizes: dict[tuple[int, ...], Any] = {(2,): (3,), (2, 2, 2): (3, 3, 3), (1, 2, 2): (1, 3, 3), (1, 1, 1): (3, 3, 3)}
    for stride, kernel_size in sizes.items():
        layer: Any = Adaptive(groups=2).build(4, stride)
        assert (type(layer), layer.kernel_size, layer.stride) == (LAYERS[len(stride)], kernel_size, stride)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AdaptiveBlurPool2d(8, (1, 3)), "kernel_size=(1, 3) is not square, as filters of maps are."),
        (lambda: AdaptiveBlurPool3d(8, (2, 3, 3)), "kernel_size=2 has no centre tap."),
        (lambda: AdaptiveBlurPool1d(8, (3, 3)), "kernel_size=(3, 3) does not fit 1 dimension(s)."),
        (lambda: AdaptiveBlurPool3d(8)(torch.ones(1, 8, 5, 5)), "Pass (N, 8, D, H, W)."),
        (lambda: Gaussian().build(4, (2,)), "Gaussian takes maps of two dimensions, and this one has 1: use Fixed"),
        (lambda: Adaptive(phase="norm").build(4, (2, 2, 2)), "phases are chosen in maps of two dimensions"),
        (lambda: adaptive_blur(torch.ones(1, 4, 5), torch.ones(1, 4, 3), (3,), (2,)), "Predict groups * 3 channels."),
        (lambda: adaptive_blur(torch.ones(1, 4, 5), torch.ones(1, 9, 3), (3,), (2,)), "logits have 9 channels"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


def test_a_batch_norm_is_one_that_tools_know() -> None:
    norms = {1: nn.BatchNorm1d, 3: nn.BatchNorm3d}
    for dims, norm in norms.items():
        assert type(LAYERS[dims](4, groups=2).bn) is norm
    for dims, mode in product((1, 3), PADDING_MODES):  # borders wider than the map
        assert LAYERS[dims](4, 5, 2, 2, padding_mode=mode).eval()(torch.ones(1, 4, *[1] * dims)).isfinite().all()
