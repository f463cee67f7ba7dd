"""What is compared: in each contest, several ways to compute the same thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias._extras import require
from antialias.models import build
from antialias.nn import Adaptive, AdaptiveBlurPool2d, BlurPool2d, Filter, Fixed
from antialias.surgery import convert_

Contenders = dict[str, nn.Module]


@dataclass(frozen=True)
class Contest:
    """Ways to compute one thing, the first of them being the yardstick.

    Attributes:
        name: What is computed, and on which shape.
        shape: Shape of the input.
        make: Builds the contenders, with equal weights.
        agree: They must give the same output; networks with different filters do not.
    """

    name: str
    shape: tuple[int, int, int, int]
    make: Callable[[], Contenders]
    agree: bool = True


class FullResolution(nn.Module):
    """The adaptive layer as first formulated: predict and filter at every position by unfolding, keep every s-th.

    Args:
        layer: Layer whose weights and settings are used.

    Source: Zou et al., BMVC 2020, section 3.1, written from the equations.
    """

    def __init__(self, layer: AdaptiveBlurPool2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        k, groups, (n, channels, height, width) = self.layer.kernel_size, self.layer.groups, x.shape
        x_pad = F.pad(x, [k // 2] * 4, mode="reflect")
        logits = self.layer.bn(F.conv2d(x_pad, self.layer.conv.weight))
        weights = logits.view(n, groups, 1, k * k, height, width).softmax(3)
        windows = F.unfold(x_pad, k).view(n, groups, channels // groups, k * k, height, width)
        full = (windows * weights).sum(3).view(n, channels, height, width)
        return full[:, :, :: self.layer.stride[0], :: self.layer.stride[1]]


def _adaptive(channels: int) -> Contenders:
    layer = AdaptiveBlurPool2d(channels).eval()
    return {"full resolution (published form)": FullResolution(layer).eval(), "antialias": layer}


def _fixed(channels: int) -> Contenders:
    blur_pool = require("timm.layers", extra="tasks").BlurPool2d
    return {"timm BlurPool2d": blur_pool(channels, filt_size=3, stride=2), "antialias": BlurPool2d(channels)}


def _networks() -> Contenders:
    def converted(config: Filter) -> nn.Module:
        model = build("torchvision:resnet50")
        convert_(model, config, example=torch.zeros(1, 3, 64, 64))
        return model.eval()

    plain = build("torchvision:resnet50").eval()
    return {"plain": plain, "fixed 3x3": converted(Fixed()), "adaptive k3 G8": converted(Adaptive(init="binomial"))}


_SHAPES = ((8, 64, 112, 112), (8, 128, 56, 56), (8, 256, 56, 56), (8, 512, 28, 28))


def _layer_contest(name: str, shape: tuple[int, int, int, int], make: Callable[[int], Contenders]) -> Contest:
    return Contest(f"{name}, {'x'.join(map(str, shape))}", shape, lambda: make(shape[1]))


CONTESTS = (
    *(_layer_contest("adaptive k3 G8 stride 2", shape, _adaptive) for shape in _SHAPES),
    *(_layer_contest("fixed 3x3 stride 2", shape, _fixed) for shape in _SHAPES),
    Contest("ResNet-50, 8x3x224x224", (8, 3, 224, 224), _networks, agree=False),
)
