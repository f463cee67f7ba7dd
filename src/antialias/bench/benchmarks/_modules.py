"""Other ways to compute our layers, and the least that any way must do."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias.nn import AdaptiveBlurPool2d
from antialias.ops import adaptive_blur2d


class FullResolution(nn.Module):
    """The adaptive layer as first formulated: predict and filter at every position by unfolding, keep every s-th.

    Args:
        layer: Layer whose weights and settings are used.

    Source: Zou et al., BMVC 2020, section 3.1, written from the equations.
    """

    def __init__(self, layer: AdaptiveBlurPool2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        k, groups, (n, channels, height, width) = self.layer.kernel_size, self.layer.groups, x.shape
        x_pad = F.pad(x, [k // 2] * 4, mode="reflect")
        logits = self.layer.bn(F.conv2d(x_pad, self.layer.get_parameter("conv.weight")))
        weights = logits.view(n, groups, 1, k * k, height, width).softmax(3)
        windows = F.unfold(x_pad, k).view(n, groups, channels // groups, k * k, height, width)
        full = (windows * weights).sum(3).view(n, channels, height, width)
        return full[:, :, :: self.layer.stride[0], :: self.layer.stride[1]]


class StridedReference(nn.Module):
    """The adaptive layer at kept positions in plain torch operations, as where there is no kernel.

    Args:
        layer: Layer whose weights and settings are used.
    """

    def __init__(self, layer: AdaptiveBlurPool2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Filter and subsample maps `(N, C, H, W)`."""
        k, stride = self.layer.kernel_size, self.layer.stride
        x_pad = F.pad(x, [k // 2] * 4, mode="reflect")
        logits = self.layer.bn(F.conv2d(x_pad, self.layer.get_parameter("conv.weight"), stride=stride))
        return adaptive_blur2d(x, logits, k, stride, backend="reference")


class AdaptiveFilter(nn.Module):
    """The adaptive filter alone: softmax, filter and subsample.

    Args:
        kernel_size: Side of the filters.
        backend: Which kernel runs.
    """

    def __init__(self, kernel_size: int = 3, backend: str = "auto") -> None:
        super().__init__()
        self.kernel_size, self.backend = kernel_size, backend

    def forward(self, x: Tensor, logits: Tensor) -> Tensor:
        """Filter maps `(N, C, H, W)` with logits `(N, G*k*k, H/2, W/2)`."""
        return adaptive_blur2d(x, logits, self.kernel_size, backend=self.backend)


class Clone(nn.Module):
    """One pass over memory: read `x`, write as much."""

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Copy the first input."""
        return x.clone()


class CopySameBytes(nn.Module):
    """The traffic of subsampling alone: as many bytes copied, forward and backward, as map and output have.

    Args:
        stride: Samples per kept sample, `(s_h, s_w)`.
    """

    def __init__(self, stride: tuple[int, int]) -> None:
        super().__init__()
        self.share = (1 + 1 / math.prod(stride)) / 2

    def forward(self, x: Tensor) -> Tensor:
        """Copy that share of the dense map `x` that is read and written once each."""
        return cast("Tensor", _CopyShare.apply(x, int(self.share * x.numel())))


class _CopyShare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, count: int) -> Tensor:
        ctx.like = torch.empty_like(x, device="meta")
        return x.as_strided((count,), (1,)).clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,) = grads
        grad_x = torch.empty_like(ctx.like, device=grad.device)
        grad_x.as_strided(grad.shape, (1,)).copy_(grad)  # the rest is never read
        return grad_x, None


class Copy(nn.Module):
    """One pass over memory that is already there."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Copy `x` into `y`."""
        return y.copy_(x)


class Exponential(nn.Module):
    """The costly part of a softmax, into memory that is already there."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Write `exp(x)` into `y`."""
        return torch.exp(x, out=y)


class MatrixProduct(nn.Module):
    """A matrix product: the fastest arithmetic a processor has."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Multiply."""
        return a @ b


class PredictorOnly(nn.Module):
    """The adaptive layer's arithmetic alone: its predictor convolution, then subsampling that ignores the prediction.

    Args:
        layer: Layer whose weights and settings are used.
    """

    def __init__(self, layer: AdaptiveBlurPool2d) -> None:
        super().__init__()
        self.stride, self.conv = layer.stride, layer.conv

    def forward(self, x: Tensor) -> Tensor:
        """Subsample maps `(N, C, H, W)`."""
        rows, columns = self.stride
        logits = self.conv(x)
        # A sum that counts for nothing, so that the backward pass has its convolutions, too.
        return x[:, :, ::rows, ::columns] + 0.0 * logits.sum()


class Subsample(nn.Module):
    """Subsampling without any filter, `(N, C, H, W)` to `(N, C, ceil(H / s_h), ceil(W / s_w))`.

    Args:
        stride: Samples per kept sample, `(s_h, s_w)`.
    """

    def __init__(self, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Keep every `stride`-th sample."""
        return x[:, :, :: self.stride[0], :: self.stride[1]]
