"""The convolution that predictors of filters start with."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from antialias.ops import PaddingMode, padded_conv2d


class PaddedConv2d(nn.Conv2d):
    """Convolve around every kept position, whatever the size of the map, and keep no padded copy of it.

    Args:
        channels: Number of channels of the maps.
        outputs: Numbers per position.
        kernel_size: Side of the convolution, odd.
        stride: Samples per kept sample, `(s_h, s_w)`.
        padding_mode: How the border is continued.
        options: `device` and `dtype` of the parameters.

    Shape:
        `(N, channels, H, W)` to `(N, outputs, ceil(H / s_h), ceil(W / s_w))`.
    """

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel_size: int,
        stride: tuple[int, int],
        padding_mode: PaddingMode,
        **options: Any,
    ) -> None:
        super().__init__(channels, outputs, kernel_size, stride, bias=False, **options)
        self.border, self.continued = (kernel_size // 2, kernel_size // 2), padding_mode

    def forward(self, input: Tensor) -> Tensor:
        """Convolve maps `(N, channels, H, W)`."""
        rows, columns = self.stride
        return padded_conv2d(input, self.weight, (rows, columns), self.border, self.continued)
