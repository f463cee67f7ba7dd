"""Any stride, in convolutions and pools: what filters compute there, against torch's own operations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import antialias as aa

STRIDES = [4, 3, (1, 2), (2, 1), (4, 2)]
LAYERS = {
    "convolution": lambda stride: nn.Conv2d(4, 4, 3, stride, 1),
    "unpadded convolution": lambda stride: nn.Conv2d(4, 4, 5, stride),
    "depthwise convolution": lambda stride: nn.Conv2d(4, 4, 3, stride, 1, groups=4),
    "1x1 convolution": lambda stride: nn.Conv2d(4, 4, 1, stride),
    "max pool": lambda stride: nn.MaxPool2d(3, stride, 1),
    "max pool of its stride": lambda stride: nn.MaxPool2d(stride, stride),
    "max pool with ceil_mode": lambda stride: nn.MaxPool2d(3, stride, ceil_mode=True),
    "average pool": lambda stride: nn.AvgPool2d(3, stride, 1),
}


def network(layer: nn.Module) -> nn.Sequential:
    """A layer between two convolutions, in double precision."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), layer, nn.ReLU(), nn.Conv2d(4, 2, 1))
    return model.double().eval()


def image(height: int = 24, width: int = 36) -> Tensor:
    return torch.randn(2, 3, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def steps_of(stride: Any) -> tuple[int, int]:
    return (stride, stride) if isinstance(stride, int) else stride


def dense_map(model: nn.Sequential, x: Tensor, stride: Any) -> Tensor:
    """The map behind the layer at stride 1 and, of a convolution, the activation, which a filter then samples.

    Windows that `ceil_mode` lets hang over the end are windows of a map that is continued by the least number.
    """
    x, layer = model[1](model[0](x)), model[2]
    if isinstance(layer, nn.Conv2d):
        return F.conv2d(x, layer.weight, layer.bias, 1, layer.padding, groups=layer.groups).relu()
    if isinstance(layer, nn.AvgPool2d):
        return F.avg_pool2d(x, layer.kernel_size, 1, layer.padding)
    over = (0, 0)
    if layer.ceil_mode:
        strided = F.max_pool2d(x, layer.kernel_size, stride, ceil_mode=True).shape[2:]
        last = [(n - 1) * step + 3 for n, step in zip(strided, steps_of(stride), strict=True)]
        over = tuple(max(end - size, 0) for end, size in zip(last, x.shape[2:], strict=True))
    x = F.pad(x, (0, over[1], 0, over[0]), value=-torch.inf)
    return F.max_pool2d(x, layer.kernel_size, 1, layer.padding)


@pytest.mark.parametrize("size", [(24, 36), (23, 31)], ids=str)
@pytest.mark.parametrize("stride", STRIDES, ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_fixed_filter_blurs_what_is_subsampled_and_then_subsamples(layer: str, stride: Any, size: Any) -> None:
    model, x = network(LAYERS[layer](stride)), image(*size)
    before, dense = model(x), dense_map(model, x, stride)
    rows = [torch.tensor([0.25, 0.5, 0.25] if step > 1 else [0.0, 1.0, 0.0]).double() for step in steps_of(stride)]
    taps = torch.outer(*rows).expand(4, 1, 3, 3)
    blurred = F.conv2d(F.pad(dense, (1, 1, 1, 1), "reflect"), taps, groups=4)
    down, right = steps_of(stride)
    expected = model[4](blurred[:, :, ::down, ::right].relu())
    plan = aa.inspect(model, x, aa.Fixed())
    done = aa.convert_(model, aa.Fixed(), example=x)
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)
    (site,) = plan.changed
    assert (site.stride, site.output_size) == (steps_of(stride), before.shape[2:])
    shown = f" /{stride}" if isinstance(stride, int) else f" /{stride[0]}x{stride[1]}"
    assert shown in str(plan)
    done.revert_()
    assert torch.equal(model(x), before)


@pytest.mark.parametrize("stride", STRIDES, ids=str)
@pytest.mark.parametrize("layer", LAYERS)
def test_an_identity_start_and_one_tap_compute_what_was_computed(layer: str, stride: Any) -> None:
    model, x = network(LAYERS[layer](stride)), image(23, 31)
    before = model(x)
    with_one_tap = aa.convert_(model, aa.Fixed(kernel_size=1), example=x)
    torch.testing.assert_close(model(x), before, rtol=1e-12, atol=1e-12)
    with_one_tap.revert_()
    aa.convert_(model, aa.Adaptive(groups=2), example=x)
    assert (model(x) - before).norm() <= 1e-3 * before.norm()


@pytest.mark.parametrize("filter", [aa.Fixed(padding_mode="circular"), aa.Adaptive(groups=2, padding_mode="circular")])
@pytest.mark.parametrize("stride", STRIDES, ids=str)
@pytest.mark.parametrize("layer", ["convolution", "depthwise convolution", "1x1 convolution"])
def test_a_circular_shift_by_a_whole_stride_moves_the_answer_by_one(layer: str, stride: Any, filter: Any) -> None:
    model, x, steps = network(LAYERS[layer](stride)), image(), steps_of(stride)
    for conv in (module for module in model if isinstance(module, nn.Conv2d)):
        conv.padding_mode, conv._reversed_padding_repeated_twice = "circular", [conv.padding[0]] * 4
    done = aa.convert_(model, filter, example=x)
    for layer_of_filter in done.filters().values():
        if isinstance(layer_of_filter, aa.nn.AdaptiveBlurPool2d):
            nn.init.uniform_(layer_of_filter.bn.weight)  # filters that differ from place to place
    moved = model(x.roll(steps, (2, 3)))
    torch.testing.assert_close(moved, model(x).roll((1, 1), (2, 3)), rtol=1e-10, atol=1e-10)
    if max(steps) > 2:
        assert not torch.allclose(model(x.roll((1, 1), (2, 3))), model(x), rtol=1e-3)


@pytest.mark.parametrize("stride", STRIDES, ids=str)
@pytest.mark.parametrize("layer", ["convolution", "unpadded convolution", "1x1 convolution", "max pool of its stride"])
@pytest.mark.parametrize("filter", [aa.Polyphase(), aa.Fixed(phase="norm", padding_mode="circular")], ids=repr)
def test_a_chosen_phase_makes_any_shift_a_shift_of_the_answer(layer: str, stride: Any, filter: aa.nn.Filter) -> None:
    model, x = network(LAYERS[layer](stride)), image()
    done = aa.convert_(model, filter, example=x)
    assert "exactly" in str(done)
    means, moved = (model(each).mean((2, 3)) for each in (x, x.roll((5, 7), (2, 3))))
    torch.testing.assert_close(moved, means, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("stride", STRIDES, ids=str)
@pytest.mark.parametrize("layer", ["convolution", "max pool", "average pool"])
def test_all_phases_averaged_are_the_mean_over_all_shifts(layer: str, stride: Any) -> None:
    torch.manual_seed(0)
    steps, x = steps_of(stride), image()
    body = network(LAYERS[layer](stride))
    model = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten()).double().eval()
    dense = model[0][1](model[0][0](x))
    layer_of_body: Any = model[0][2]
    layer_of_body.stride, kept = 1, layer_of_body.stride
    at_1 = layer_of_body(dense)
    layer_of_body.stride = kept
    phases = [at_1[:, :, row :: steps[0], column :: steps[1]] for row in range(steps[0]) for column in range(steps[1])]
    expected = torch.stack([model[0][4](phase.relu()).mean((2, 3)) for phase in phases]).mean(0)
    aa.convert_(model, aa.PhaseAverage(phases="all"), example=x)
    torch.testing.assert_close(model(x), expected, rtol=1e-12, atol=1e-12)
