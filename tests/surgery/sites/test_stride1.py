"""What a layer does at stride 1 is told from what it does, never from its name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from timm.layers import Conv2dSame
from timm.layers.pool2d_same import AvgPool2dSame, MaxPool2dSame
from torch import Tensor, nn
from torch.nn import functional as F

from antialias.nn import Fixed
from antialias.surgery import convert_, inspect
from antialias.surgery.sites._stride1 import padding_of


class Padder(nn.Conv2d):
    """TensorFlow's padding under a name that does not say so."""

    def forward(self, x: Tensor) -> Tensor:
        sides = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1], strict=True):
            pad = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            sides += [pad // 2, pad - pad // 2]
        return F.conv2d(F.pad(x, sides), self.weight, self.bias, self.stride)


class StaticSame(nn.Conv2d):
    """Padding for one size of images, worked out when the layer is made: the name says same, and it is not."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), self.weight, self.bias, self.stride)


class FarSide(nn.Conv2d):
    """Padding by the stride, all in front."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (2 * self.stride[1], 0, 2 * self.stride[0], 0)), self.weight, self.bias, self.stride)


@pytest.mark.parametrize(
    ("layer", "padding"),
    [
        (nn.Conv2d(4, 4, 3, 2, 1), "its own"),
        (Conv2dSame(4, 4, 3, 2), "same"),
        (Conv2dSame(4, 4, 3, 3, dilation=2), "same"),
        (MaxPool2dSame(3, 2), "same"),
        (AvgPool2dSame(3, 2), "same"),
        (Padder(4, 4, 3, 2), "same"),
        (Padder(4, 4, 5, (1, 2)), "same"),
        (StaticSame(4, 4, 3, 2), "its own"),
        (FarSide(4, 4, 3, 3), "unknown"),
        (Padder(4, 4, 3, 2, device="meta"), "same"),
        (StaticSame(4, 4, 3, 2, dtype=torch.bfloat16), "its own"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else value,
)
def test_padding_is_told_from_what_a_layer_does(layer: nn.Module, padding: str) -> None:
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items() if not tensor.is_meta}
    stride: Any = layer.stride
    assert padding_of(layer) == padding
    assert layer.stride == stride
    assert all(torch.equal(layer.state_dict()[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize("layer", [Padder, StaticSame])
@pytest.mark.parametrize("size", [(32, 32), (31, 34), (33, 29)], ids=str)
def test_layers_that_pad_themselves_keep_their_phase(layer: type[nn.Conv2d], size: tuple[int, int]) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), layer(8, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()
    x = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    before = model(x)
    assert len(convert_(model, Fixed(kernel_size=1), example=torch.rand(1, 3, 32, 32)).changed) == 1
    torch.testing.assert_close(model(x), before, rtol=1e-4, atol=1e-5)


def test_padding_that_cannot_be_followed_is_left() -> None:
    (site,) = inspect(nn.Sequential(nn.Conv2d(3, 8, 3), FarSide(8, 8, 3, 3)), torch.rand(1, 3, 32, 32)).skipped
    assert site.reason == "FarSide computes other positions at stride 1 than those between its own"
