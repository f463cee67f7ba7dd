"""What predicts numbers for each kept position from the maps around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antialias.ops import Normalized, PaddingMode

from ._frozen import FrozenBatchNorm2d
from ._padded import Convolution, PaddedConv2d, draw_

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

    def start_at(self, values: Tensor, *, exactly: bool) -> None:
        """Start at `values` `(outputs,)` everywhere, exactly or with a little of the content."""
        start_(self.conv, self.bn, values, exactly=exactly)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from maps `(N, channels, H, W)`."""
        return predict(self.conv, self.bn, x)


@torch.no_grad()
def start_(conv: Convolution, norm: nn.BatchNorm2d, values: Tensor | None, *, exactly: bool = False) -> None:
    """Draw a predictor anew; with `values` `(outputs,)`, start at them, exactly or with a little of the content."""
    # A frozen scale could never grow from zero, so there the convolution is what starts at zero.
    frozen = values is not None and isinstance(norm, FrozenBatchNorm2d)
    draw_(conv, silent=frozen)
    norm.reset_parameters()
    if values is not None:
        norm.bias.copy_(values)
        if not frozen:
            # A zero scale makes the start exact for every input, in training and evaluation alike, and still learns.
            norm.weight.fill_(0.0 if exactly else _SCALE)


def predict(conv: Convolution, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """Convolve and normalise maps: in one go where the norm's statistics are fixed, so that it costs no pass."""
    return conv(x, norm) if _has_fixed_statistics(norm) else norm(conv(x))


def predict_and_source(conv: Convolution, norm: nn.BatchNorm2d, x: Tensor) -> tuple[Tensor, Normalized | None]:
    """Convolve and normalise maps; where a BatchNorm took this batch's statistics, return also what it read."""
    mean, variance, momentum, batches = norm.running_mean, norm.running_var, norm.momentum, norm.num_batches_tracked
    plain = type(norm) is nn.BatchNorm2d and norm.training and norm.affine and not _is_watched(norm)
    if not plain or mean is None or batches is None or momentum is None:
        return predict(conv, norm, x), None
    read, weight, bias = conv(x), norm.weight, norm.bias
    if read.numel() == read.shape[1]:
        return norm(read), None  # which refuses to take statistics of one value
    batches.add_(1)
    logits, means, deviations = torch.native_batch_norm(read, weight, bias, mean, variance, True, momentum, norm.eps)
    return logits, Normalized(read, weight, bias, means, deviations, norm.eps)


def _has_fixed_statistics(norm: nn.BatchNorm2d) -> bool:
    """Whether a norm multiplies and adds the same whatever it reads, and nobody looks at that."""
    fixed = isinstance(norm, FrozenBatchNorm2d) or (type(norm) is nn.BatchNorm2d and not norm.training)
    return fixed and norm.affine and norm.running_mean is not None and not _is_watched(norm)


def _is_watched(norm: nn.BatchNorm2d) -> bool:
    return bool(norm._forward_hooks or norm._forward_pre_hooks or norm._backward_hooks or norm._backward_pre_hooks)
