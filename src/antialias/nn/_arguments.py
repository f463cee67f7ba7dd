"""Checks that the layers and the configs share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor


def check_channels(channels: int) -> None:
    if channels < 1:
        raise ValueError(f"channels={channels} is no number of channels. Use 1 or more.")


def check_maps(x: Tensor, channels: int, does: str) -> None:
    if x.dim() != 4 or x.shape[1] != channels:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but this layer {does} {channels} channels. Pass (N, {channels}, H, W)."
        )


def check_odd(kernel_size: int) -> None:
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size={kernel_size} has no centre tap. Use an odd size such as 3 or 5.")


def check_binomial(kernel_size: int) -> None:
    if not 1 <= kernel_size <= 7:
        raise ValueError(f"kernel_size={kernel_size} is no binomial filter of this layer. Use 1 to 7.")


def per_dimension(value: int | Sequence[int], dims: int, name: str) -> tuple[int, ...]:
    """Return one positive number for each of `dims` dimensions, from one number or from `dims` of them."""
    values = (value,) * dims if isinstance(value, int) else tuple(value)
    if len(values) != dims or min(values) < 1:
        raise ValueError(f"{name}={value} does not fit {dims} dimension(s). Use one number >= 1, or {dims} of them.")
    return values


def check_groups(groups: int, channels: int) -> None:
    if groups < 1 or channels % groups:
        raise ValueError(f"groups={groups} does not divide channels={channels}. Use groups={_near(groups, channels)}.")


def check_groups_number(groups: int) -> None:
    if groups < 1:
        raise ValueError(f"groups={groups} is no number of groups. Use 1 or more.")


def largest_divisor(groups: int, channels: int) -> int:
    """Return the largest divisor of `channels` that is not above `groups`."""
    return next(divisor for divisor in range(min(groups, channels), 0, -1) if channels % divisor == 0)


def _near(groups: int, channels: int) -> str:
    below = largest_divisor(max(groups, 1), channels)
    above = next((d for d in range(max(groups, 1) + 1, channels + 1) if channels % d == 0), None)
    return str(below) if above is None else f"{below} or {above}"
