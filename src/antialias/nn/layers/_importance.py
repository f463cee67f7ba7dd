"""A pool in which the content says how much each sample counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from antialias.nn._checks import check_channels, check_groups, check_maps, check_odd, check_one_of, per_dimension
from antialias.nn.predictor import Predictor
from antialias.ops import PaddingMode, binomial, blur, in_layout_of

Taps = Literal["equal", "binomial"]
TAPS: tuple[str, ...] = get_args(Taps)

_RANGE = 12.0  # of the logarithm of importance: weights differ by e**12 at most


class ImportancePool2d(nn.Module):
    """Average each window, every sample weighted by its importance, and keep every `stride`-th average.

    With importance `w = exp(G(x))`, predicted at every sample by a 1x1 convolution and a BatchNorm, the output is
    `window(x * w) / window(w)`: between an average and the pick of one sample, as the content says, where max pooling
    always takes the largest. It is no low-pass filter where importance varies: what it weighs up can alias.

    It starts as its window's average, with equal importance. No start keeps a trained network's function: to pass on
    the sample in the middle of each window, importance would have to know where the grid lies, and it moves with the
    content instead.

    Args:
        channels: Number of channels `C`.
        kernel_size: Side of the window in samples, odd, one number or one for each dimension.
        stride: Samples per kept sample, one number or `(s_h, s_w)`.
        groups: Number of contiguous channel groups with an importance of their own; `None`: each channel, as published.
        taps: How samples of a window count beside their importance: `"equal"`, as published, or `"binomial"`, so that
            it starts as `BlurPool2d`.
        padding_mode: `"reflect"`, `"replicate"`, `"zeros"` or `"circular"`; with `"zeros"` the border counts for
            nothing instead of being dark.
        frozen_norm: Predict through `FrozenBatchNorm2d`.
        device: Device of the parameters.
        dtype: Type of the parameters.

    Shape:
        `(N, C, H, W)` to `(N, C, ceil(H / s_h), ceil(W / s_w))`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Source: Gao, Wang, Wu, "LIP: Local Importance-Based Pooling", ICCV 2019, section 3, with `G` a 1x1 convolution; its
        logarithm is bounded by a sigmoid, and normalised as everything here that predicts.

    Example:
        >>> ImportancePool2d(16)(torch.randn(2, 16, 7, 9)).shape
        torch.Size([2, 16, 4, 5])
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 2,
        groups: int | None = None,
        taps: Taps = "equal",
        padding_mode: PaddingMode = "reflect",
        *,
        frozen_norm: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_one_of("taps", taps, TAPS)
        self.channels, self.taps = channels, taps
        self.kernel_size = per_dimension(kernel_size, 2, "kernel_size")
        for size in self.kernel_size:
            check_odd(size)
        self.groups = channels if groups is None else groups
        check_groups(self.groups, channels)
        self.predictor = Predictor(
            channels, self.groups, 1, 1, padding_mode, frozen_norm=frozen_norm, device=device, dtype=dtype
        )
        rows, columns = per_dimension(stride, 2, "stride")
        self.stride, self.padding_mode = (rows, columns), self.predictor.padding_mode
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights anew, for importance that is equal everywhere and learns from the first step."""
        self.predictor.start_at(torch.zeros(self.groups), exactly=True)

    def importance(self, x: Tensor) -> Tensor:
        """Return how much each sample of `x` counts, `(N, G, H, W)`, from `exp(-12)` to 1, in float32 at least."""
        precise = torch.promote_types(x.dtype, torch.float32)
        return (-_RANGE * torch.sigmoid(-self.predictor(x).to(precise))).exp()

    def forward(self, x: Tensor) -> Tensor:
        """Average and subsample maps `(N, C, H, W)`."""
        check_maps(x, self.channels)
        weights, repeats = self.importance(x), self.channels // self.groups
        rows = [
            binomial(size, dtype=weights.dtype, device=x.device)
            if self.taps == "binomial"
            else torch.full((size,), 1 / size, dtype=weights.dtype, device=x.device)
            for size in self.kernel_size
        ]
        total = blur(x * weights.repeat_interleave(repeats, 1), rows, self.stride, self.padding_mode)
        counts = blur(weights, rows, self.stride, self.padding_mode)
        return in_layout_of(x, (total / counts.repeat_interleave(repeats, 1)).to(x.dtype))

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}, groups={self.groups}, "
            f"taps={self.taps!r}, padding_mode={self.padding_mode!r}"
        )
