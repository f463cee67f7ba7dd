"""Content-adaptive low-pass filtering with subsampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from antialias.ops import Normalize, PaddingMode, adaptive_blur2d, binomial, check_padding_mode, filter_weights

from ._arguments import check_channels, check_groups, check_odd, per_dimension
from ._frozen import FrozenBatchNorm2d
from ._padded import PREDICTORS, PaddedConv2d, PredictorKind, SeparableConv2d
from ._predictor import predict, predict_and_source, start_

Init = Literal["paper", "identity", "binomial"]
INITS: tuple[str, ...] = get_args(Init)

_IDENTITY_CENTRE = 0.9999


class AdaptiveBlurPool2d(nn.Module):
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
        predictor: `"full"`, the convolution as published, or `"separable"`, a depthwise and a pointwise one instead,
            with `channels * (k*k + groups*k*k)` multiply-adds a position for `channels * groups * k**4`.
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

    def __init__(
        self,
        channels: int,
        kernel_size: int = 3,
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
        super().__init__()
        check_channels(channels)
        check_odd(kernel_size)
        check_groups(groups, channels)
        check_padding_mode(padding_mode)
        check_init(init, normalize)
        check_predictor(predictor)
        self.channels, self.kernel_size, self.groups = channels, kernel_size, groups
        rows, columns = per_dimension(stride, 2, "stride")
        self.stride = (rows, columns)
        self.normalize: Normalize = normalize
        self.init: Init = init
        self.padding_mode: PaddingMode = padding_mode
        taps = groups * kernel_size**2
        norm = FrozenBatchNorm2d if frozen_norm else nn.BatchNorm2d
        self.predictor: PredictorKind = predictor
        convolution = SeparableConv2d if predictor == "separable" else PaddedConv2d
        self.conv = convolution(channels, taps, kernel_size, self.stride, padding_mode, device=device, dtype=dtype)
        self.bn = norm(taps, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the start values that `init` names."""
        taps = None if self.init == "paper" else _start_filter(self.init, self.kernel_size)
        values = None if taps is None else taps.log().flatten().repeat(self.groups)
        start_(self.conv, self.bn, values, exactly=self.init == "identity")

    def logits(self, x: Tensor) -> Tensor:
        """Predict the filters' logits `(N, G*k*k, ceil(H / s_h), ceil(W / s_w))` at the kept positions of `x`."""
        self._check(x)
        return predict(self.conv, self.bn, x)

    def _check(self, x: Tensor) -> None:
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, but this layer filters {self.channels} channels. "
                f"Pass (N, {self.channels}, H, W)."
            )

    def filters(self, x: Tensor) -> Tensor:
        """Return the filters `(N, G, k*k, ceil(H / s_h), ceil(W / s_w))` that `forward` applies to `x`."""
        return filter_weights(self.logits(x), self.kernel_size, self.normalize)

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        self._check(x)
        logits, source = predict_and_source(self.conv, self.bn, x)
        return adaptive_blur2d(
            x, logits, self.kernel_size, self.stride, self.normalize, self.padding_mode, source=source
        )

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}, groups={self.groups}, "
            f"normalize={self.normalize!r}, init={self.init!r}, padding_mode={self.padding_mode!r}, "
            f"predictor={self.predictor!r}"
        )


def check_init(init: str | None, normalize: str) -> None:
    """Raise unless `init` and `normalize` are known and go together."""
    if normalize not in ("group", "joint"):
        raise ValueError(f"normalize={normalize!r} is unknown. Use 'group' or 'joint'.")
    if init not in (None, *INITS):
        raise ValueError(f"init={init!r} is unknown. Use 'paper', 'binomial' or 'identity'.")
    if normalize == "joint" and init not in (None, "paper"):
        raise ValueError(
            f"init={init!r} needs filters that sum to one, but normalize='joint' lets each sum to 1/groups. "
            "Use normalize='group' or init='paper'."
        )


def check_predictor(predictor: str) -> None:
    """Raise unless `predictor` is known."""
    if predictor not in PREDICTORS:
        raise ValueError(f"predictor={predictor!r} is unknown. Use one of {', '.join(map(repr, PREDICTORS))}.")


def _start_filter(init: Init, kernel_size: int) -> Tensor:
    if init == "binomial":
        row = binomial(kernel_size, dtype=torch.float64)
        return torch.outer(row, row)
    around = (1 - _IDENTITY_CENTRE) / max(kernel_size**2 - 1, 1)
    taps = torch.full((kernel_size, kernel_size), around, dtype=torch.float64)
    taps[kernel_size // 2, kernel_size // 2] = _IDENTITY_CENTRE
    return taps
