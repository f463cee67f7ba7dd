"""Filter configs of the ablations: what each part of the adaptive filter is worth."""

from __future__ import annotations

from dataclasses import dataclass

from antialias.nn._checks import check_groups, check_odd, check_one_of, largest_divisor, per_dimension
from antialias.nn.layers import (
    WIDTHS,
    AttentionBlurPool2d,
    AverageBlurPool2d,
    GaussianBlurPool2d,
    IdealBlurPool2d,
    Init,
    Width,
    check_sizes,
)
from antialias.ops import PaddingMode

from ._filter import Filter, Place


@dataclass(frozen=True, kw_only=True, repr=False)
class Gaussian(Filter):
    """A Gaussian whose width is learned, or predicted for each image or location.

    Attributes:
        kernel_size: Side of the filters in samples, odd.
        padding_mode: How borders are continued.
        phase: Which samples are kept, see `Filter`.
        width: `"learned"`, `"channel"`, `"image"` or `"location"`, see `GaussianBlurPool2d`.
        groups: Channel groups with a width of their own at each location; where it does not divide the channels of a
            place, the largest divisor not above it is used there.
        init: `"paper"`, `"binomial"`, `"identity"`, or `None`: identity when a trained network is converted.

    Example:
        >>> Gaussian(width="channel").build(8, (2, 2)).log_precision.shape
        torch.Size([8])
    """

    kernel_size: int = 3
    width: Width = "location"
    groups: int = 1
    init: Init | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd(self.kernel_size)
        check_one_of("width", self.width, WIDTHS)
        check_groups(self.groups)

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> GaussianBlurPool2d:
        return GaussianBlurPool2d(
            place.channels,
            self.kernel_size,
            stride,
            self.width,
            largest_divisor(self.groups, place.channels),
            self.init or place.init,
            self.padding_mode,
            frozen_norm=place.frozen_norm,
            device=place.device,
            dtype=place.dtype,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Attention(Filter):
    """A choice at each location between no filter and binomial filters of several sizes.

    Attributes:
        padding_mode: How borders are continued.
        phase: Which samples are kept, see `Filter`.
        kernel_sizes: Sizes to choose from, odd; 1 is no filter.
        groups: Channel groups with a choice of their own; where it does not divide the channels of a place, the largest
            divisor not above it is used there.
        init: `"paper"`, `"binomial"`, `"identity"`, or `None`: identity when a trained network is converted.

    Example:
        >>> Attention(groups=8).build(12, (2, 2)).groups
        6
    """

    kernel_sizes: tuple[int, ...] = (1, 3, 5)
    groups: int = 1
    init: Init | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "kernel_sizes", tuple(self.kernel_sizes))  # JSON makes a list of it
        check_sizes(self.kernel_sizes)
        check_groups(self.groups)

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> AttentionBlurPool2d:
        return AttentionBlurPool2d(
            place.channels,
            self.kernel_sizes,
            stride,
            largest_divisor(self.groups, place.channels),
            self.init or place.init,
            self.padding_mode,
            frozen_norm=place.frozen_norm,
            device=place.device,
            dtype=place.dtype,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Ideal(Filter):
    """The ideal low-pass filter, by Fourier transform: nothing above the new grid's limit is left.

    Attributes:
        padding_mode: `"circular"`, the only way that a Fourier transform continues a map.
        phase: `None` or `"learned"`: what is left has the same norm at every phase (Parseval), so norms cannot choose.

    Raises:
        ValueError: `padding_mode` is another one, or `phase` is `"norm"`.

    Example:
        >>> Ideal().build(8, (2, 2))
        IdealBlurPool2d(8, stride=(2, 2), cut=(2, 2))
    """

    padding_mode: PaddingMode = "circular"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.padding_mode != "circular":
            raise ValueError(
                f"padding_mode={self.padding_mode!r} is not how a Fourier transform continues a map. Use 'circular'."
            )
        if self.phase == "norm":
            raise ValueError(
                "phase='norm' cannot choose: behind an ideal filter all phases tie. Use 'learned' or None."
            )

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> IdealBlurPool2d:
        return IdealBlurPool2d(place.channels, stride, cut=place.stride)


@dataclass(frozen=True, kw_only=True, repr=False)
class Average(Filter):
    """The plain average of a window, as an average pool takes it.

    Attributes:
        kernel_size: Side of the window in samples.
        padding_mode: How borders are continued.
        phase: Which samples are kept, see `Filter`.

    Example:
        >>> Average().build(8, (1, 2)).kernel_size
        (1, 2)
    """

    kernel_size: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        per_dimension(self.kernel_size, 1, "kernel_size")

    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> AverageBlurPool2d:
        sizes = place.sizes(self.kernel_size)
        return AverageBlurPool2d(place.channels, sizes, stride, self.padding_mode)
