"""What a network is run on, and in which mode of torch."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision

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
