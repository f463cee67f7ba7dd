"""Layers keep to what they say at the ends of a type's range."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from antialias.nn import GaussianBlurPool2d, ImportancePool2d, PolyphasePool2d


@pytest.mark.parametrize("scale", [1e-30, 1e-20, 1.0, 1e25, 1e38])
@pytest.mark.parametrize("phase", ["norm", "input_norm", "learned"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_chosen_phase_does_not_depend_on_the_scale(phase: Any, scale: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = PolyphasePool2d(2, phase=phase).to(dtype).eval()
    x = torch.randn(6, 2, 6, 6).clamp(-3, 3).to(dtype)
    layer(x)
    usual = layer.selection.phases
    layer((x.double() * scale).to(dtype))
    assert usual is not None
    assert len(set(usual.tolist())) > 1
    assert torch.equal(usual, layer.selection.phases)


def test_half_precision_maps_at_both_ends_of_their_range_have_a_learned_phase() -> None:
    torch.manual_seed(0)
    layer = PolyphasePool2d(2, phase="learned").half().eval()
    x = torch.randn(6, 2, 6, 6).clamp(-2, 2)
    layer((x * 30000).half())
    large = layer.selection.phases
    layer(x.half())
    assert torch.equal(large, layer.selection.phases)


@pytest.mark.parametrize("phase", ["norm", "input_norm", "learned"])
def test_an_empty_batch_has_no_phases(phase: Any) -> None:
    assert PolyphasePool2d(2, phase=phase).eval()(torch.zeros(0, 2, 4, 4)).shape[0] == 0


def test_half_precision_tells_samples_of_little_importance_apart() -> None:
    layer = ImportancePool2d(1).eval()
    torch.nn.init.ones_(layer.predictor.bn.weight)
    torch.nn.init.constant_(layer.predictor.bn.running_mean, 1e4)  # so that no sample counts more than exp(-12)
    x = torch.full((1, 1, 4, 4), 0.01)
    torch.testing.assert_close(layer.half()(x.half()).float(), torch.full((1, 1, 2, 2), 0.01), rtol=2e-3, atol=0)


@pytest.mark.parametrize(("dtype", "logarithm"), [(torch.float16, 12.0), (torch.float32, 200.0), (torch.float64, 1e3)])
@pytest.mark.parametrize("width", ["learned", "image", "location"])
def test_a_gaussian_of_no_width_hands_on(width: Any, dtype: torch.dtype, logarithm: float) -> None:
    layer: Any = GaussianBlurPool2d(2, width=width, dtype=dtype).eval()
    parameter = {"learned": lambda: layer.log_precision, "image": lambda: layer.linear.bias}.get(
        width, lambda: layer.predictor.bn.bias
    )()
    torch.nn.init.constant_(parameter, logarithm)
    if width == "location":
        torch.nn.init.zeros_(layer.predictor.bn.weight)
    x = torch.randn(1, 2, 4, 4, dtype=dtype)
    torch.testing.assert_close(layer(x), x[:, :, ::2, ::2])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("stride", [(2, 2), (2, 3)])
def test_what_is_no_number_stays_in_its_phase_in_training(value: float, stride: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer: Any = PolyphasePool2d(2, stride, phase="learned").train()
    drawn = []
    for _ in range(40):
        layer.zero_grad()
        x = torch.randn(1, 2, 6, 6)
        x[0, 0, stride[0], 0] = value  # in the first phase
        y = layer(x.requires_grad_())
        drawn.append(int(layer.selection.phases))
        if drawn[-1]:
            row, column = divmod(drawn[-1], stride[1])
            assert torch.equal(y, x[:, :, row :: stride[0], column :: stride[1]])
            y.square().mean().backward()
            gradients = [x.grad, *(parameter.grad for parameter in layer.parameters())]
            assert all(grad.isfinite().all() for grad in gradients)
            assert gradients[1].abs().sum() > 0
        else:
            assert not y.isfinite().all()
    assert 0 in drawn
    assert len(set(drawn)) > 2
