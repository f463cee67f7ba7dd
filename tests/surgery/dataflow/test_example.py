"""What a network is run on, and in which mode of torch."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn

from antialias.nn import Adaptive, Filter, Fixed, PhaseAlignment, PhaseAverage, ShiftAverage
from antialias.surgery import convert_, inspect


def test_in_inference_mode_the_same_is_seen() -> None:
    model, x = torchvision.models.resnet18().eval(), torch.rand(1, 3, 64, 64)
    expected = inspect(model, x)
    with torch.inference_mode():
        assert inspect(model, x) == expected
        assert inspect(model, torch.rand(1, 3, 64, 64)) == expected
        filters = convert_(model, example=torch.rand(1, 3, 64, 64)).filters()
    assert not any(parameter.is_inference() for layer in filters.values() for parameter in layer.parameters())


@pytest.mark.parametrize("channels", [1, 4])
def test_a_random_example_has_the_channels_that_the_first_convolution_reads(channels: int) -> None:
    assert len(inspect(timm.create_model("resnet10t", in_chans=channels)).changed) == 7


def test_an_example_that_does_not_fit_is_named_with_its_shape() -> None:
    with pytest.raises(RuntimeError, match=r"ResNet does not run on the example, of shape \(1, 1, 64, 64\): Given .*"):
        inspect(torchvision.models.resnet18(), torch.rand(1, 1, 64, 64))


class NormalisedInPlace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x.sub_(0.5).mul_(4)).mean((2, 3)))


@pytest.mark.parametrize("filter", [Adaptive(), Fixed(), PhaseAverage(phases=2), PhaseAlignment()], ids=str)
def test_a_network_that_writes_into_its_input_converts_and_leaves_the_example_alone(filter: Filter) -> None:
    model, x = NormalisedInPlace().eval(), torch.rand(1, 3, 48, 48)
    before = x.clone()
    convert_(model, filter, example=x)
    assert torch.equal(x, before)


def test_shifted_copies_of_what_a_network_wrote_are_refused() -> None:
    with pytest.raises(ValueError, match=r"NormalisedInPlace writes into its images.*Let it work on a copy: images"):
        convert_(NormalisedInPlace().eval(), ShiftAverage(), example=torch.rand(1, 3, 48, 48))


def test_both_parts_of_complex_outputs_are_compared() -> None:
    class Imaginary(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.complex(x.mean((2, 3)), x.amax((2, 3)))

    model, x = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, 2, 1), Imaginary()).eval(), torch.rand(1, 3, 32, 32)
    before = model(x)
    convert_(model, example=x)
    torch.testing.assert_close(model(x), before, rtol=1e-3, atol=1e-3)
