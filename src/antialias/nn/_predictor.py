"""What predicts numbers for each kept position from the maps around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antialias.ops import PaddingMode

from ._frozen import FrozenBatchNorm2d
from ._padded import PaddedConv2d

_SCALE = 0.1


class Predictor(nn.Module):
    """Predict `outputs` numbers at each kept position by a convolution and a BatchNorm.

    Args:
        channels: Number of channels of the maps.
        outputs: Numbers per position.
        kernel_size: Side of the convolution, odd.
        stride: Samples per kept sample, `(s_h, s_w)`.
        padding_mode: How the border is continued.
        frozen_norm: Use `FrozenBatchNorm2d`.
        device: Device of the parameters.
        dtype: Type of the parameters.

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
        frozen_norm: bool,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        norm = FrozenBatchNorm2d if frozen_norm else nn.BatchNorm2d
        self.conv = PaddedConv2d(channels, outputs, kernel_size, stride, padding_mode, device=device, dtype=dtype)
        self.bn = norm(outputs, device=device, dtype=dtype)

    @torch.no_grad()
    def start_at(self, values: Tensor, *, exactly: bool) -> None:
        """Start at `values` `(outputs,)` everywhere, exactly or with a little of the content."""
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")
        self.bn.reset_parameters()
        self.bn.bias.copy_(values)
        if isinstance(self.bn, FrozenBatchNorm2d):
            self.conv.weight.zero_()  # a frozen scale could never grow from zero
        else:
            self.bn.weight.fill_(0.0 if exactly else _SCALE)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from maps `(N, channels, H, W)`."""
        return self.bn(self.conv(x))
