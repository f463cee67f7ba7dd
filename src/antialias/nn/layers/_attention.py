"""A choice between no filter and fixed filters, made at each location."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from antialias.nn._checks import check_binomial, check_channels, check_groups, check_maps
from antialias.nn.predictor import Predictor
from antialias.ops import PaddingMode, binomial, blur, in_layout_of

from ._adaptive import Init, check_init

_IDENTITY_WEIGHT = 0.9999


class AttentionBlurPool2d(nn.Module):
    """Mix binomial filters of several sizes at each location and channel group, and keep every `stride`-th sample.

    A convolution and a BatchNorm predict how much of each filter is used; a softmax makes these weights sum to one. It
    asks whether choosing among given filters is enough, or whether their taps have to be predicted.

    Args:
        channels: Number of channels `C`.
        kernel_sizes: Sizes of the binomial filters to choose from, odd; 1 is no filter.
        stride: Samples per kept sample, one number or `(s_h, s_w)`.
        groups: Number of contiguous channel groups with weights of their own.
        init: `"binomial"` and `"paper"` start with equal weights, `"identity"` with no filter, which needs the size 1.
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
        >>> AttentionBlurPool2d(16)(torch.randn(2, 16, 7, 9)).shape
        torch.Size([2, 16, 4, 5])
    """

    def __init__(
        self,
        channels: int,
        kernel_sizes: Sequence[int] = (1, 3, 5),
        stride: int | Sequence[int] = 2,
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
        check_groups(groups, channels)
        check_sizes(kernel_sizes)
        check_init(init)
        if init == "identity" and 1 not in kernel_sizes:
            raise ValueError(f"init='identity' needs no filter among kernel_sizes={tuple(kernel_sizes)}. Add size 1.")
        self.channels, self.groups, self.init = channels, groups, init
        self.kernel_sizes, self.kernel_size = tuple(kernel_sizes), max(kernel_sizes)
        outputs = groups * len(self.kernel_sizes)
        self.predictor = Predictor(
            channels, outputs, 3, stride, padding_mode, frozen_norm=frozen_norm, device=device, dtype=dtype
        )
        self.stride, self.padding_mode = self.predictor.stride, self.predictor.padding_mode
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Write the start values that `init` names."""
        weights = torch.ones(len(self.kernel_sizes))
        if self.init == "identity":
            rest = (1 - _IDENTITY_WEIGHT) / (len(weights) - 1)
            weights = torch.tensor([_IDENTITY_WEIGHT if size == 1 else rest for size in self.kernel_sizes])
        self.predictor.start_at(weights.log().repeat(self.groups), exactly=self.init == "identity")

    def mixing_weights(self, x: Tensor) -> Tensor:
        """Return how much of each filter is used, `(N, G, sizes, ceil(H / s_h), ceil(W / s_w))`."""
        return self.predictor(x).unflatten(1, (self.groups, -1)).softmax(2)

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        check_maps(x, self.channels)
        weights = self.mixing_weights(x).repeat_interleave(self.channels // self.groups, 1)
        rows = [binomial(size, dtype=x.dtype, device=x.device) for size in self.kernel_sizes]
        filtered = [blur(x, (row, row), self.stride, self.padding_mode) for row in rows]
        return in_layout_of(x, torch.stack([y * weights[:, :, n] for n, y in enumerate(filtered)]).sum(0))

    def extra_repr(self) -> str:
        return (
            f"{self.channels}, kernel_sizes={self.kernel_sizes}, stride={self.stride}, groups={self.groups}, "
            f"init={self.init!r}, padding_mode={self.padding_mode!r}"
        )


def check_sizes(kernel_sizes: Sequence[int]) -> None:
    """Check that `kernel_sizes` are binomial filters in phase with each other.

    Raises:
        ValueError: One has no such filter, one is even, or there are fewer than two.
    """
    for size in kernel_sizes:
        check_binomial(size)
    if len(kernel_sizes) < 2 or any(size % 2 == 0 for size in kernel_sizes):
        raise ValueError(f"kernel_sizes={tuple(kernel_sizes)} leaves no choice or has even sizes. Use (1, 3, 5).")
