"""The adaptive filter on whichever backend is fastest, and what can be said of the backends."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import _library
from .._backend import Backend, BackendStatus, is_exporting, pick
from .._layout import in_layout_of
from .._pad import PaddingMode, bounded_strides, check_fractions, check_padding_mode, check_samples
from . import _cpp, _triton
from ._exported import exported
from ._normalized import Normalized, blur_of_normalized
from ._reference import Normalize, Settings, check_normalize, reference

# Fastest first: "auto" takes the first that has no reason not to run.
BACKENDS = (
    Backend("cpp", _cpp.describe(), _library.why_not, _cpp.run, _cpp.gradients),
    Backend("triton", _triton.DESCRIPTION, _triton.why_not, _triton.run, _triton.gradients),
    Backend("reference", "plain torch operations, any device and type", lambda x: [], reference),
)


def backends(x: Tensor | None = None) -> list[BackendStatus]:
    """List the kernels of the filters for an input like `x`, and why some cannot run.

    `"auto"` picks the selected one for the adaptive filter, and the first of those that have a fixed blur, as their
    descriptions say, for that.

    Args:
        x: Maps of shape `(N, C, H, W)`, of which device, type and layout are looked at. `None` stands for a float32
            tensor on the CPU.

    Returns:
        One status for each backend, the fastest first.

    Example:
        >>> print(backends()[-1].name)
        reference
    """
    x = torch.empty(0) if x is None else x
    reasons = [tuple(backend.why_not(x)) for backend in BACKENDS]
    chosen = next(index for index, why_not in enumerate(reasons) if not why_not)
    return [
        BackendStatus(backend.name, backend.description, index == chosen, reasons[index])
        for index, backend in enumerate(BACKENDS)
    ]


def adaptive_blur2d(
    x: Tensor,
    logits: Tensor,
    kernel_size: int = 3,
    stride: int | tuple[int, int] = 2,
    normalize: Normalize = "group",
    padding_mode: PaddingMode = "reflect",
    backend: str = "auto",
    source: Normalized | None = None,
) -> Tensor:
    """Filter each location and channel group of `x` with its own low-pass filter, at kept positions only.

    For output position `(y, x)` and tap `t` with offsets `(t_y, t_x)` in `0..k-1`:
    `Y[n, c, y, x] = sum_t W[n, g(c), t, y, x] * X_pad[n, c, s_h*y + t_y, s_w*x + t_x]`, where `W` is a softmax of the
    logits and group `g(c)` is a contiguous block of channels. Sums are taken in float32 at least.

    Args:
        x: Maps of shape `(N, C, H, W)`.
        logits: Filter logits of shape `(N, G*k*k, ceil(H/s_h), ceil(W/s_w))`, channel `g*k*k + t`, `t` row-major.
        kernel_size: Side `k` of the filters in samples, odd.
        stride: Samples per kept sample, one number or `(s_h, s_w)`.
        normalize: `"group"` (the taps of each filter sum to one) or `"joint"` (the taps of all groups do).
        padding_mode: How the border is continued, see `pad`.
        backend: `"auto"`, or a name from `backends()`.
        source: What a BatchNorm made the logits of: kept for the backward pass in their place, where that works.

    Returns:
        Maps of shape `(N, C, ceil(H/s_h), ceil(W/s_w))` in the type and memory format of `x`.

    Raises:
        ValueError: An argument is unknown, shapes do not fit, `x` has no samples, or its type holds no fractions.
        RuntimeError: The named backend cannot run this input; the message has its reasons.

    Source: Zou et al., "Delving Deeper into Anti-aliasing in ConvNets", BMVC 2020, section 3.1.

    Example:
        >>> x = torch.arange(16.0).view(1, 1, 4, 4)
        >>> adaptive_blur2d(x, torch.zeros(1, 9, 2, 2)).shape
        torch.Size([1, 1, 2, 2])
    """
    strides = (stride, stride) if isinstance(stride, int) else (stride[0], stride[1])
    _check(x, logits, kernel_size, strides, normalize, padding_mode)
    stride_h, stride_w = bounded_strides(strides)
    settings = Settings(kernel_size, stride_h, stride_w, normalize == "joint", padding_mode)
    if backend == "auto" and is_exporting():
        return in_layout_of(x, exported(x, logits, *settings))
    chosen = pick(BACKENDS, backend, x)
    if source is not None and chosen.gradients is not None and not torch.compiler.is_compiling():
        return in_layout_of(x, blur_of_normalized(x, logits, source, chosen, *settings))
    return in_layout_of(x, chosen.run(x, logits, *settings))


def _check(
    x: Tensor, logits: Tensor, kernel_size: int, stride: tuple[int, int], normalize: Normalize, mode: PaddingMode
) -> None:
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size={kernel_size} has no centre tap. Use an odd size such as 3 or 5.")
    if min(stride) < 1:
        raise ValueError(f"stride={stride} keeps no samples. Use 1 or more.")
    check_normalize(normalize)
    check_padding_mode(mode)
    check_fractions(x)
    if x.dim() != 4 or logits.dim() != 4:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and logits {tuple(logits.shape)}. Pass (N, C, H, W) and (N, G*k*k, H', W')."
        )
    check_samples(x)
    channels, logit_channels = x.shape[1], logits.shape[1]
    groups, rest = logit_channels // kernel_size**2, logit_channels % kernel_size**2  # numbers, or tensors of a trace
    if rest or groups == 0:
        raise ValueError(
            f"logits have {logit_channels} channels, no multiple of kernel_size**2={kernel_size**2}. "
            f"Predict groups * {kernel_size**2} channels."
        )
    if channels % groups:
        raise ValueError(f"groups={groups} (from the logits) does not divide channels={channels}.")
    if torch.compiler.is_compiling():
        return
    kept = (x.shape[0], *(-(-size // step) for size, step in zip(x.shape[2:], stride, strict=True)))
    given = (logits.shape[0], *logits.shape[2:])
    if kept != given:
        raise ValueError(
            f"logits have batch and size {given}, but x of shape {tuple(x.shape)} with stride={stride} keeps {kept}."
        )
