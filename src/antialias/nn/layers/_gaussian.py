"""Gaussian low-pass filters whose width is learned, or predicted from the content."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias.nn._checks import check_channels, check_groups, check_maps, check_odd, check_one_of, per_dimension
from antialias.nn.predictor import Predictor
from antialias.ops import PaddingMode, adaptive_blur2d, check_padding_mode, in_layout_of, pad

from ._adaptive import Init, check_init

Width = Literal["learned", "channel", "image", "location"]
WIDTHS: tuple[str, ...] = get_args(Width)

_IDENTITY_NEIGHBOURS = 1e-4
_NARROWEST = 80.0  # of the logarithm of 1 / (2 sigma^2)


class GaussianBlurPool2d(nn.Module):
    """Blur with a Gaussian of learned or predicted width, and keep every `stride`-th sample.

    What the adaptive filter gains over this says what its free shape is worth; what this gains over a fixed blur says
    what the choice of width is worth. Taps are `softmax(-d^2 / (2 sigma^2))` over squared distances `d^2` in samples.

    Args:
        channels: Number of channels `C`.
        kernel_size: Side of the filters in samples, odd.
        stride: Samples per kept sample, one number or `(s_h, s_w)`.
        width: Whose `sigma` it is: `"learned"` (one number), `"channel"` (one number a channel), `"image"` (predicted
            for each image from the mean of its maps) or `"location"` (predicted at each kept position and group).
        groups: Number of contiguous channel groups with a width of their own, with `"location"`.
        init: `"binomial"` and `"paper"` start at the variance of the binomial filter, `"identity"` at a tiny one.
        padding_mode: `"reflect"`, `"replicate"`, `"zeros"` or `"circular"`.
        frozen_norm: Predict through `FrozenBatchNorm2d`.
        device: Device of the parameters.
        dtype: Type of the parameters.

    Shape:
        `(N, C, H, W)` to `(N, C, ceil(H / s_h), ceil(W / s_w))`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Source: The ablations of Zou et al., BMVC 2020, section 4.

    Example:
        >>> GaussianBlurPool2d(16, width="image")(torch.randn(2, 16, 7, 9)).shape
        torch.Size([2, 16, 4, 5])
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int = 3,
        stride: int | Sequence[int] = 2,
        width: Width = "location",
        groups: int = 1,
        init: Init = "binomial",
        padding_mode: PaddingMode = "reflect",
        *,
        frozen_norm: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_odd(kernel_size)
        check_groups(groups, channels)
        check_one_of("width", width, WIDTHS)
        check_padding_mode(padding_mode)
        check_init(init)
        self.channels, self.kernel_size, self.groups, self.width, self.init = channels, kernel_size, groups, width, init
        rows, columns = per_dimension(stride, 2, "stride")
        self.stride = (rows, columns)
        self.padding_mode: PaddingMode = padding_mode
        if width == "location":
            self.predictor = Predictor(
                channels, groups, kernel_size, stride, padding_mode, frozen_norm=frozen_norm, device=device, dtype=dtype
            )
        elif width == "image":
            self.linear = nn.Linear(channels, 1, device=device, dtype=dtype)
        else:
            numbers = channels if width == "channel" else 1
            self.log_precision = nn.Parameter(torch.empty(numbers, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the start values that `init` names."""
        if self.init == "identity":
            start = math.log(math.log(4 / _IDENTITY_NEIGHBOURS))  # of 1 / (2 sigma^2)
        else:
            start = math.log(2 / max(self.kernel_size - 1, 1))  # a binomial filter has the variance (k - 1) / 4
        if self.width == "location":
            self.predictor.start_at(torch.full((self.groups,), start), exactly=self.init == "identity")
        elif self.width == "image":
            nn.init.zeros_(self.linear.weight)
            nn.init.constant_(self.linear.bias, start)
        else:
            nn.init.constant_(self.log_precision, start)

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        check_maps(x, self.channels)
        k, distances = self.kernel_size, self._distances(x)
        if self.width in ("learned", "channel"):
            taps = (-_precision(self.log_precision)[:, None] * distances).softmax(1).view(-1, 1, k, k).to(x.dtype)
            x_pad, weight = pad(x, [(k // 2, k // 2)] * 2, self.padding_mode), taps.expand(self.channels, 1, k, k)
            return in_layout_of(x, F.conv2d(x_pad, weight, stride=self.stride, groups=self.channels))
        if self.width == "location":
            log_precision = self.predictor(x)
        else:
            kept = [(size - 1) // step + 1 for size, step in zip(x.shape[2:], self.stride, strict=True)]
            log_precision = self.linear(x.mean((2, 3)))[:, :, None, None].expand(-1, -1, *kept)
        logits = -_precision(log_precision)[:, :, None] * distances.view(k * k, 1, 1)
        return adaptive_blur2d(x, logits.flatten(1, 2), k, self.stride, "group", self.padding_mode)

    def _distances(self, x: Tensor) -> Tensor:
        """Return the squared distance of each tap from the centre, `(k * k,)`."""
        offsets = torch.arange(self.kernel_size, device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))
        squares = (offsets - self.kernel_size // 2).square()
        return (squares[:, None] + squares).flatten()

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}, width={self.width!r}, "
            f"groups={self.groups}, init={self.init!r}, padding_mode={self.padding_mode!r}"
        )


def _precision(logarithm: Tensor) -> Tensor:
    """Return `1 / (2 sigma^2)`, at most what leaves the centre tap alone anyway: infinity times no distance is NaN."""
    return logarithm.to(torch.promote_types(logarithm.dtype, torch.float32)).clamp(max=_NARROWEST).exp()
