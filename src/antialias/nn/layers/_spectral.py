"""The low-pass filters that need no learning beside the binomial one: the ideal and the average."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from antialias.nn._checks import check_channels, check_maps, per_dimension
from antialias.ops import PaddingMode, blur, check_padding_mode, in_layout_of


class IdealBlurPool2d(nn.Module):
    """Remove exactly the frequencies that a subsampled grid cannot hold, and keep every `stride`-th sample.

    The discrete Fourier transform of each map is cut at `1 / (2 * stride)` cycles per sample, that frequency included.
    The map is taken as periodic. No filter of finite size aliases less; it rings at edges.

    Args:
        channels: Number of channels `C`.
        stride: Samples per kept sample, one number or `(s_h, s_w)`.
        cut: Stride whose grid must hold what is left, where another layer subsamples; the layer's own if `None`.

    Shape:
        `(N, C, H, W)` to `(N, C, ceil(H / s_h), ceil(W / s_w))`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Source: Rippel, Snoek & Adams, "Spectral Representations for Convolutional Neural Networks", NeurIPS 2015.

    Example:
        >>> fine = torch.tensor([1.0, -1.0]).repeat(4).expand(1, 1, 8, 8)
        >>> IdealBlurPool2d(1)(fine + 3).unique()
        tensor([3.])
    """

    kernel_size = 1

    def __init__(self, channels: int, stride: int | Sequence[int] = 2, cut: int | Sequence[int] | None = None) -> None:
        super().__init__()
        check_channels(channels)
        self.channels = channels
        self.stride = per_dimension(stride, 2, "stride")
        self.cut = self.stride if cut is None else per_dimension(cut, 2, "cut")

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        check_maps(x, self.channels)
        spectrum = torch.fft.rfft2(x.to(torch.promote_types(x.dtype, torch.float32)))
        rows = torch.fft.fftfreq(x.shape[2], device=x.device).abs() < 0.5 / self.cut[0]
        columns = torch.fft.rfftfreq(x.shape[3], device=x.device) < 0.5 / self.cut[1]
        kept = [wanted | (step == 1) for wanted, step in zip((rows, columns), self.cut, strict=True)]
        smooth = torch.fft.irfft2(spectrum * (kept[0][:, None] & kept[1]), s=x.shape[2:])
        return in_layout_of(x, smooth[:, :, :: self.stride[0], :: self.stride[1]].to(x.dtype))

    def extra_repr(self) -> str:
        return f"{self.channels}, stride={self.stride}, cut={self.cut}"


class AverageBlurPool2d(nn.Module):
    """Average each window and keep every `stride`-th sample: the plainest low-pass filter.

    Args:
        channels: Number of channels `C`.
        kernel_size: Side of the window in samples, one number or one for each dimension; even ones lie half a sample
            after the grid.
        stride: Samples per kept sample, one number or `(s_h, s_w)`.
        padding_mode: `"reflect"`, `"replicate"`, `"zeros"` or `"circular"`.

    Shape:
        `(N, C, H, W)` to `(N, C, ceil(H / s_h), ceil(W / s_w))`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Example:
        >>> AverageBlurPool2d(1)(torch.arange(16.0).view(1, 1, 4, 4))[0, 0, 0].tolist()
        [2.5, 4.5]
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int | Sequence[int] = 2,
        stride: int | Sequence[int] = 2,
        padding_mode: PaddingMode = "reflect",
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_padding_mode(padding_mode)
        self.channels = channels
        self.kernel_size = per_dimension(kernel_size, 2, "kernel_size")
        self.stride = per_dimension(stride, 2, "stride")
        self.padding_mode: PaddingMode = padding_mode

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        check_maps(x, self.channels)
        rows = [torch.full((size,), 1 / size, dtype=x.dtype, device=x.device) for size in self.kernel_size]
        return blur(x, rows, self.stride, self.padding_mode)

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}, padding_mode={self.padding_mode!r}"
        )
