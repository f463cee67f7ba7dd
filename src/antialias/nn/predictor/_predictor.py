"""What predicts numbers for each kept position from the maps around it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from antialias._torch import has_hooks
from antialias.nn._checks import check_channels, check_odd, check_one_of, per_dimension
from antialias.ops import Normalized, PaddingMode, check_padding_mode

from ._convolution import PaddedConv, PaddedConv1d, PaddedConv2d, PaddedConv3d, SeparableConv
from ._frozen import FrozenBatchNorm2d

PredictorKind = Literal["full", "separable", "bottleneck"]
PREDICTORS: tuple[str, ...] = get_args(PredictorKind)

_SCALE = 0.1
_BOTTLENECK = 8  # channels
_CONVOLUTIONS = {1: PaddedConv1d, 2: PaddedConv2d, 3: PaddedConv3d}
_NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class Predictor(nn.Module):
    """Predict `outputs` numbers at each kept position by a convolution, `conv`, and a BatchNorm, `bn`.

    The layers that predict hold one, but for `AdaptiveBlurPool2d`, which is one: published checkpoints know its
    parameters as `conv.*` and `bn.*`, and its files so do.

    Args:
        channels: Number of channels `C` of the maps.
        outputs: Numbers per position.
        kernel_size: Side `k` of the convolution, odd; where there are not two dimensions, also one for each.
        stride: Samples per kept sample, one number or one for each dimension, such as `(s_h, s_w)`.
        padding_mode: How the border is continued.
        kind: `"full"` convolves as published, `"separable"` in two steps, depthwise and pointwise, and `"bottleneck"`
            with a pointwise one to 8 channels between them.
        frozen_norm: Use `FrozenBatchNorm2d`.
        device: Device of the parameters.
        dtype: Type of the parameters.

    Shape:
        `(N, C, H, W)` to `(N, outputs, ceil(H / s_h), ceil(W / s_w))`.

    Raises:
        ValueError: An argument is out of range.

    Example:
        >>> Predictor(4, 9, 3, 2, "reflect")(torch.randn(1, 4, 7, 9)).shape
        torch.Size([1, 9, 4, 5])
    """

    dims: ClassVar[int] = 2
    kernel_size: Any  # a number in two dimensions, else one for each
    stride: Any

    def __init__(
        self,
        channels: int,
        outputs: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        padding_mode: PaddingMode,
        kind: PredictorKind = "full",
        *,
        frozen_norm: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(channels)
        sizes = per_dimension(kernel_size, self.dims, "kernel_size")
        for size in sizes:
            check_odd(size)
        if self.dims == 2 and len(set(sizes)) > 1:
            raise ValueError(f"kernel_size={kernel_size} is not square, as filters of maps are. Use one number.")
        check_padding_mode(padding_mode)
        check_one_of("predictor", kind, PREDICTORS)
        self.channels, self.predictor_kind = channels, kind
        self.kernel_size = sizes[0] if self.dims == 2 else sizes
        self.stride = per_dimension(stride, self.dims, "stride")
        self.padding_mode: PaddingMode = padding_mode
        options: dict[str, Any] = {"bias": False, "padding_mode": padding_mode, "device": device, "dtype": dtype}
        half = tuple(size // 2 for size in sizes)
        window: dict[str, Any] = {"kernel_size": sizes, "stride": self.stride, "padding": half}
        convolution: Any = _CONVOLUTIONS[self.dims]
        self.conv: nn.Module
        if kind == "full":
            self.conv = convolution(channels, outputs, **window, **options)
        else:
            steps = OrderedDict[str, nn.Module]()
            steps["depthwise"] = convolution(channels, channels, groups=channels, **window, **options)
            width = channels
            if kind == "bottleneck":
                width = min(channels, _BOTTLENECK)
                steps["bottleneck"] = convolution(channels, width, 1, **options)
            steps["pointwise"] = convolution(width, outputs, 1, **options)
            self.conv = SeparableConv(steps)
        norm: Any = FrozenBatchNorm2d if frozen_norm else _NORMS[self.dims]
        self.bn = norm(outputs, device=device, dtype=dtype)

    @torch.no_grad()
    def start_at(self, values: Tensor | None, *, exactly: bool = False) -> None:
        """Draw the weights anew; with `values` `(outputs,)`, start at them, exactly or with a little of the content."""
        convolutions: list[Any] = [layer for layer in self.conv.modules() if isinstance(layer, PaddedConv)]
        for layer in convolutions:
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        self.bn.reset_parameters()
        if values is not None:
            self.bn.bias.copy_(values)
            if isinstance(self.bn, FrozenBatchNorm2d):
                # A frozen scale could never grow from zero, so there the convolution is what starts at zero.
                convolutions[-1].weight.zero_()
            else:
                # A zero scale makes the start exact for every input, in training and evaluation, and still learns.
                self.bn.weight.fill_(0.0 if exactly else _SCALE)

    def predict(self, x: Tensor) -> Tensor:
        """Predict from maps: in one go where the norm's statistics are fixed, so that it costs no pass."""
        norm = self.bn
        fixed = isinstance(norm, FrozenBatchNorm2d) or (type(norm) is _NORMS[self.dims] and not norm.training)
        if not fixed or has_hooks(norm):
            return norm(self.conv(x))
        whole = norm.affine and norm.running_mean is not None and isinstance(self.conv, PaddedConv | SeparableConv)
        return self.conv(x, norm) if whole else norm(self.conv(x))

    def predict_with_source(self, x: Tensor) -> tuple[Tensor, Normalized | None]:
        """Predict from maps; where the norm took this batch's statistics, return also what it normalised."""
        norm = self.bn
        if type(norm) is not nn.BatchNorm2d or not norm.training or not norm.affine or has_hooks(norm):
            return self.predict(x), None  # also for the norms that tools put here
        mean, variance, momentum, batches = norm.running_mean, norm.running_var, norm.momentum, norm.num_batches_tracked
        if mean is None or batches is None or momentum is None:
            return self.predict(x), None
        read, weight, bias = self.conv(x), norm.weight, norm.bias
        if read.numel() == read.shape[1]:
            return norm(read), None  # which refuses to take statistics of one value
        batches.add_(1)
        numbers, means, deviations = torch.native_batch_norm(
            read, weight, bias, mean, variance, True, momentum, norm.eps
        )
        return numbers, Normalized(read, weight, bias, means, deviations, norm.eps)

    def forward(self, x: Tensor) -> Tensor:
        """Predict from maps `(N, C, *spatial)`."""
        return self.predict(x)
