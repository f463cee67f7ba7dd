"""Checks that the layers and the configs share: of arguments, and of the maps that a layer is given."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import Tensor

from antialias.ops import check_fractions, check_samples


def check_maps(x: Tensor, channels: int, *, verb: str = "filters", dims: int = 2) -> None:
    """Check the maps that a layer is given.

    Args:
        x: The maps.
        channels: Number of channels that the layer was made for.
        verb: What the layer does to them.
        dims: Number of spatial dimensions.

    Raises:
        ValueError: They have another shape or no samples, or their type holds no fractions.
    """
    if x.dim() != dims + 2 or x.shape[1] != channels:
        sizes = ", ".join("DHW"[-dims:]) if dims > 1 else "L"
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but this layer {verb} {channels} channels. Pass (N, {channels}, {sizes})."
        )
    check_samples(x)
    check_fractions(x)


def check_one_of(name: str, value: str | None, choices: Collection[str]) -> None:
    """Check an argument that is one of a few words.

    Raises:
        ValueError: It is another one.
    """
    if value not in choices:
        raise ValueError(f"{name}={value!r} is unknown. Use one of {', '.join(map(repr, choices))}.")


def check_channels(channels: int) -> None:
    """Check a number of channels.

    Raises:
        ValueError: There is none.
    """
    if channels < 1:
        raise ValueError(f"channels={channels} is no number of channels. Use 1 or more.")


def check_odd(kernel_size: int) -> None:
    """Check the side of a filter that is centred on a sample.

    Raises:
        ValueError: It is even, or below 1.
    """
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size={kernel_size} has no centre tap. Use an odd size such as 3 or 5.")


def check_binomial(kernel_size: int) -> None:
    """Check the number of taps of a binomial filter.

    Raises:
        ValueError: It is not from 1 to 7.
    """
    if not 1 <= kernel_size <= 7:
        raise ValueError(f"kernel_size={kernel_size} is no binomial filter of this layer. Use 1 to 7.")


def check_groups(groups: int, channels: int | None = None) -> None:
    """Check a number of groups, for a number of channels if that is known.

    Raises:
        ValueError: It is below 1, or does not divide `channels`.
    """
    if channels is None and groups < 1:
        raise ValueError(f"groups={groups} is no number of groups. Use 1 or more.")
    if channels is not None and (groups < 1 or channels % groups):
        above = next((d for d in range(max(groups, 1) + 1, channels + 1) if channels % d == 0), None)
        near = f"{largest_divisor(max(groups, 1), channels)}" + (f" or {above}" if above else "")
        raise ValueError(f"groups={groups} does not divide channels={channels}. Use groups={near}.")


def largest_divisor(groups: int, channels: int) -> int:
    """Return the largest divisor of `channels` that is not above `groups`.

    Example:
        >>> largest_divisor(8, 12)
        6
    """
    return next(divisor for divisor in range(min(groups, channels), 0, -1) if channels % divisor == 0)


def per_dimension(value: int | Sequence[int], dims: int, name: str) -> tuple[int, ...]:
    """Return one positive number for each of `dims` dimensions, from one number or from `dims` of them.

    Raises:
        ValueError: There are not that many, or one is below 1.

    Example:
        >>> per_dimension(2, 2, "stride")
        (2, 2)
    """
    values = (value,) * dims if isinstance(value, int) else tuple(value)
    if len(values) != dims or min(values) < 1:
        raise ValueError(f"{name}={value} does not fit {dims} dimension(s). Use one number >= 1, or {dims} of them.")
    return values
