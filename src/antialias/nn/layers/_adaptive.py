"""Content-adaptive low-pass filtering with subsampling, in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import Literal, get_args

import torch
from torch import Tensor

from antialias.nn._checks import check_channels, check_groups, check_maps, check_one_of, per_dimension
from antialias.nn.predictor import Predictor, PredictorKind
from antialias.ops import (
    NORMALIZATIONS,
    Normalize,
    PaddingMode,
    adaptive_blur,
    adaptive_blur2d,
    binomial,
    filter_weights,
)

Init = Literal["paper", "identity", "binomial"]
INITS: tuple[str, ...] = get_args(Init)

_IDENTITY_CENTRE = 0.9999


class _AdaptiveBlurPool(Predictor):
    def __init__(
        self,
        channels: int,
        kernel_size: int | Sequence[int] = 3,
        stride: int | Sequence[int] = 2,
        groups: int = 8,
        normalize: Normalize = "group",
        init: Init = "paper",
        padding_mode: PaddingMode = "reflect",
        predictor: PredictorKind = "full",
        *,
        frozen_norm: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_channels(channels)
        check_groups(groups, channels)
        check_init(init, normalize)
        super().__init__(
            channels,
            groups * math.prod(per_dimension(kernel_size, self.dims, "kernel_size")),
            kernel_size,
            stride,
            padding_mode,
            predictor,
            frozen_norm=frozen_norm,
            device=device,
            dtype=dtype,
        )
        self.groups = groups
        self.normalize: Normalize = normalize
        self.init: Init = init
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the start values that `init` names."""
        if self.init == "paper":
            self.start_at(None)
            return
        sizes = per_dimension(self.kernel_size, self.dims, "kernel_size")
        if self.init == "binomial":
            rows = [binomial(size, dtype=torch.float64) for size in sizes]
            taps = reduce(lambda taps, row: taps[..., None] * row, rows).flatten()
        else:
            count = math.prod(sizes)
            taps = torch.full((count,), (1 - _IDENTITY_CENTRE) / max(count - 1, 1), dtype=torch.float64)
            taps[count // 2] = _IDENTITY_CENTRE
        self.start_at(taps.log().repeat(self.groups), exactly=self.init == "identity")

    def logits(self, x: Tensor) -> Tensor:
        """Predict the filters' logits `(N, G*k*k, ceil(H / s_h), ceil(W / s_w))` at the kept positions of `x`."""
        check_maps(x, self.channels, dims=self.dims)
        return self.predict(x)

    def filters(self, x: Tensor) -> Tensor:
        """Return the filters `(N, G, k*k, ceil(H / s_h), ceil(W / s_w))` that `forward` applies to `x`."""
        return filter_weights(self.logits(x), self.kernel_size, self.normalize)

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, *spatial)`."""
        logits = self.logits(x)
        return adaptive_blur(x, logits, self.kernel_size, self.stride, self.normalize, self.padding_mode)

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}, groups={self.groups}, "
            f"normalize={self.normalize!r}, init={self.init!r}, padding_mode={self.padding_mode!r}, "
            f"predictor={self.predictor_kind!r}"
        )


class AdaptiveBlurPool1d(_AdaptiveBlurPool):
    """Filter and subsample sequences `(N, C, L)` by predicted filters of `k` taps; see `AdaptiveBlurPool2d`.

    Example:
        >>> AdaptiveBlurPool1d(16, groups=4)(torch.randn(2, 16, 9)).shape
        torch.Size([2, 16, 5])
    """

    dims = 1


class AdaptiveBlurPool2d(_AdaptiveBlurPool):
    """Predict a low-pass filter for every location and channel group, filter, and keep every `stride`-th sample.

    A convolution and a BatchNorm predict `groups` filters of `kernel_size**2` taps at each kept position; a softmax
    makes the taps positive with sum one. Where the signal varies quickly the network can learn to blur strongly, and
    where it is smooth to keep what is there.

    Args:
        channels: Number of channels `C`.
        kernel_size: Side of the filters in samples, odd.
        stride: Samples per kept sample, one number or `(s_h, s_w)`; 1 filters without subsampling.
        groups: Number of contiguous channel groups that have filters of their own; a divisor of `channels`.
        normalize: `"group"` (each filter sums to one) or `"joint"` (all groups' taps together do, the released form).
        init: `"paper"` (as published), `"binomial"` (starts as the fixed blur) or `"identity"` (starts by handing its
            input on, so that a trained network keeps its function). `"joint"` allows `"paper"` only.
        padding_mode: `"reflect"`, `"replicate"`, `"zeros"` or `"circular"`.
        predictor: `"full"`, the convolution as published, with `channels * groups * k**4` multiply-adds a position;
            `"separable"`, a depthwise and a pointwise one instead, with `channels * (k*k + groups*k*k)`; or
            `"bottleneck"`, with a pointwise one to 8 channels between, and `channels * (k*k + 8) + 8 * groups*k*k`.
        frozen_norm: Predict through `FrozenBatchNorm2d`, as in a detector with frozen BatchNorm.
        device: Device of the parameters.
        dtype: Type of the parameters.

    Shape:
        `(N, C, H, W)` to `(N, C, ceil(H / s_h), ceil(W / s_w))`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Source: Zou, Xiao, Yu, Lee, "Delving Deeper into Anti-aliasing in ConvNets", BMVC 2020, section 3.

    Example:
        >>> AdaptiveBlurPool2d(16, groups=4)(torch.randn(2, 16, 7, 9)).shape
        torch.Size([2, 16, 4, 5])
    """

    dims = 2

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        check_maps(x, self.channels)
        logits, source = self.predict_with_source(x)
        return adaptive_blur2d(
            x, logits, self.kernel_size, self.stride, self.normalize, self.padding_mode, source=source
        )


class AdaptiveBlurPool3d(_AdaptiveBlurPool):
    """Filter and subsample volumes `(N, C, D, H, W)` by predicted filters; see `AdaptiveBlurPool2d`.

    The filters of `kernel_size=3` have 27 taps, and the predictor as published takes `channels * groups * 27 * 27`
    multiply-adds a position, more than a 3x3x3 convolution of less than `27 * groups` channels;
    `predictor="separable"` takes a small part of that. A dimension that is not subsampled needs one tap,
    `kernel_size=(1, 3, 3)`.

    Example:
        >>> layer = AdaptiveBlurPool3d(16, (1, 3, 3), (1, 2, 2), groups=4, predictor="separable")
        >>> layer(torch.randn(2, 16, 3, 7, 9)).shape
        torch.Size([2, 16, 3, 4, 5])
    """

    dims = 3


def check_init(init: str | None, normalize: str = "group") -> None:
    """Check that `init` and `normalize` are known and go together.

    Raises:
        ValueError: One is unknown, or they exclude each other.
    """
    check_one_of("normalize", normalize, NORMALIZATIONS)
    if init is not None:
        check_one_of("init", init, INITS)
    if normalize == "joint" and init not in (None, "paper"):
        raise ValueError(
            f"init={init!r} needs filters that sum to one, but normalize='joint' lets each sum to 1/groups. "
            "Use normalize='group' or init='paper'."
        )
