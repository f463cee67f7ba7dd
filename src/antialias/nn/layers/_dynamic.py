"""The dynamic convolutional module of DMNet."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias.nn._checks import check_channels, check_maps
from antialias.ops import dynamic_filter2d


class DynamicFilter2d(nn.Module):
    """Predict a filter for each channel from the whole image, and filter reduced features with it.

    The map is averaged over a grid of `kernel_size` by `kernel_size` cells, and a 1x1 convolution makes the taps of it,
    so they follow the image's content and layout but are the same everywhere in it: the complement of
    `AdaptiveBlurPool2d`, whose filters follow the location and are low-pass. Nothing normalises the taps.

    Args:
        in_channels: Number of channels of the input.
        channels: Number of channels `C` that are filtered and returned.
        kernel_size: Taps of the filters on each side, any number; also cells of the average's grid.
        fusion: Mix the filtered channels by a 1x1 convolution, BatchNorm and ReLU.
        device: Device of the parameters.
        dtype: Type of the parameters.

    Shape:
        `(N, in_channels, H, W)` to `(N, C, H, W)`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Source: He, Deng, Qiao, "Dynamic Multi-Scale Filters for Semantic Segmentation", ICCV 2019, section 3.2.

    Example:
        >>> DynamicFilter2d(16, channels=8, kernel_size=5)(torch.randn(2, 16, 7, 9)).shape
        torch.Size([2, 8, 7, 9])
    """

    def __init__(
        self,
        in_channels: int,
        channels: int = 512,
        kernel_size: int = 3,
        fusion: bool = False,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(in_channels)
        check_channels(channels)
        if kernel_size < 1:
            raise ValueError(f"kernel_size={kernel_size} is no size of a filter. Use 1 or more.")
        self.in_channels, self.channels, self.kernel_size = in_channels, channels, kernel_size
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.predictor = nn.Conv2d(in_channels, channels, 1, **options)
        self.features = _mix(in_channels, channels, options)
        self.bn = nn.BatchNorm2d(channels, **options)
        self.fusion = _mix(channels, channels, options) if fusion else nn.Identity()

    def filters(self, x: Tensor) -> Tensor:
        """Return the filters `(N, C, k, k)` that `forward` applies for `x`."""
        check_maps(x, self.in_channels, verb="takes")
        return self.predictor(F.adaptive_avg_pool2d(x, self.kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        """Filter maps `(N, in_channels, H, W)`."""
        filters = self.filters(x)
        return self.fusion(self.bn(dynamic_filter2d(self.features(x), filters)).relu())

    def extra_repr(self) -> str:
        return f"{self.in_channels}, channels={self.channels}, kernel_size={self.kernel_size}"


def _mix(in_channels: int, channels: int, options: dict[str, Any]) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, 1, bias=False, **options)
    return nn.Sequential(conv, nn.BatchNorm2d(channels, **options), nn.ReLU(inplace=True))
