"""Fixed binomial blur with subsampling, in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import ClassVar

import torch
from torch import Tensor, nn

from antialias.nn._checks import check_binomial, check_channels, check_maps, per_dimension
from antialias.ops import PaddingMode, binomial, blur, check_padding_mode


class _BlurPool(nn.Module):
    dims: ClassVar[int]
    rows: Tensor  # of taps, one for each dimension, one after another

    def __init__(
        self,
        channels: int,
        kernel_size: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 2,
        padding_mode: PaddingMode = "reflect",
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_padding_mode(padding_mode)
        self.channels = channels
        self.kernel_size = per_dimension(kernel_size, self.dims, "kernel_size")
        self.stride = per_dimension(stride, self.dims, "stride")
        self.padding_mode: PaddingMode = padding_mode
        for size in self.kernel_size:
            check_binomial(size)
        self.register_buffer("rows", torch.empty(sum(self.kernel_size), device=device, dtype=dtype), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the binomial taps, as needed after `to_empty` has left a meta-device layer without values."""
        with torch.no_grad():
            self.rows.copy_(torch.cat([binomial(size, dtype=torch.float64) for size in self.kernel_size]))

    @property
    def taps(self) -> Tensor:
        """The filter, of shape `kernel_size`: the outer product of its rows."""
        return reduce(lambda taps, row: taps[..., None] * row, self.rows.split(self.kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, channels, *spatial)` to `(N, channels, *ceil(spatial / stride))`."""
        check_maps(x, self.channels, dims=self.dims)
        return blur(x, self.rows.split(self.kernel_size), self.stride, self.padding_mode)

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}, padding_mode={self.padding_mode!r}"
        )


class BlurPool1d(_BlurPool):
    """Blur and subsample sequences `(N, C, L)`; see `BlurPool2d`.

    Example:
        >>> BlurPool1d(4)(torch.ones(1, 4, 9)).shape
        torch.Size([1, 4, 5])
    """

    dims = 1


class BlurPool2d(_BlurPool):
    """Blur each channel with a binomial filter and keep every `stride`-th sample.

    Removes most of what a subsampled grid cannot hold before it is subsampled. The output of a constant map is that
    constant, borders included, in every padding mode but `"zeros"`. The filter is a non-persistent buffer: it adds
    no key to the state dict.

    Args:
        channels: Number of channels `C`.
        kernel_size: Taps of the binomial filter, 1 to 7, one number or one for each dimension. Odd sizes are in phase
            with the strided convolution or pool they follow; even sizes lie half a sample after it.
        stride: Samples per kept sample, one number or one for each dimension, such as `(1, 2)`.
        padding_mode: `"reflect"`, `"replicate"`, `"zeros"` or `"circular"`.
        device: Device of the filter.
        dtype: Type of the filter; it is applied in the type of the input.

    Shape:
        `(N, C, H, W)` to `(N, C, ceil(H / stride), ceil(W / stride))`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", ICML 2019, section 3.

    Example:
        >>> BlurPool2d(8, kernel_size=3, stride=2)(torch.ones(1, 8, 7, 7)).shape
        torch.Size([1, 8, 4, 4])
    """

    dims = 2


class BlurPool3d(_BlurPool):
    """Blur and subsample volumes `(N, C, D, H, W)`; see `BlurPool2d`.

    Example:
        >>> BlurPool3d(2, stride=(1, 2, 2))(torch.ones(1, 2, 3, 8, 8)).shape
        torch.Size([1, 2, 3, 4, 4])
    """

    dims = 3
