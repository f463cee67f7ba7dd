"""Hooks that surgery leaves on modules: plain values, so that networks stay copyable and picklable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from antialias.ops import pad


@dataclass(frozen=True)
class FilterInput:
    """Filter the first argument of a module with its child `antialias`."""

    def __call__(self, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (module.antialias(args[0]), *args[1:])


@dataclass(frozen=True)
class FilterOutput:
    """Filter what a module returns with its child `antialias`."""

    def __call__(self, module: Any, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return module.antialias(output)


@dataclass(frozen=True)
class ReturnOutput:
    """Put what a module upsampled back in phase with its child `antialias_return`."""

    def __call__(self, module: Any, args: tuple[Any, ...], output: Tensor) -> Tensor:
        return module.antialias_return(output)


@dataclass(frozen=True)
class WrapInput:
    """Continue the first argument of a module in a circle.

    Attributes:
        before: Rows and columns added in front.
        after: Rows and columns added behind.
    """

    before: tuple[int, int]
    after: tuple[int, int]

    def __call__(self, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (pad(args[0], list(zip(self.before, self.after, strict=True)), "circular"), *args[1:])


@dataclass(frozen=True)
class CropToPhase:
    """Make a "same"-padded layer at stride 1 start where it started when it had `stride`.

    "Same" padding depends on stride and size: at stride 2 an even map is padded by less on the left, so that the
    kept positions are the odd ones. At stride 1 they would be the even ones; dropping the first rows and columns
    brings the old phase back.

    Attributes:
        stride: The former stride, `(s_h, s_w)`.
    """

    stride: tuple[int, int]

    def __call__(self, module: Any, args: tuple[Any, ...], output: Tensor) -> Tensor:
        kernel, dilation = module.kernel_size, getattr(module, "dilation", (1, 1))
        rows, columns = (
            _same_start(args[0].shape[2 + i], kernel[i], 1, dilation[i])
            - _same_start(args[0].shape[2 + i], kernel[i], self.stride[i], dilation[i])
            for i in range(2)
        )
        return output[:, :, rows:, columns:]


def same_padding(size: int, kernel_size: int, stride: int, dilation: int) -> int:
    """Return how much TensorFlow's "same" padding adds to `size` samples."""
    return max((-(-size // stride) - 1) * stride + (kernel_size - 1) * dilation + 1 - size, 0)


def _same_start(size: int, kernel_size: int, stride: int, dilation: int) -> int:
    return same_padding(size, kernel_size, stride, dilation) // 2
