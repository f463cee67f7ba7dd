"""Filter configs: values that say which low-pass filter to use, and build it for a place in a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch
from torch import nn

from antialias.ops import Normalize, PaddingMode, check_padding_mode

from ._adaptive import AdaptiveBlurPool2d, Init, check_init
from ._arguments import check_binomial, check_odd, largest_divisor
from ._blur import BlurPool2d


@dataclass(frozen=True, kw_only=True)
class Filter(ABC):
    """What every filter config has.

    Attributes:
        kernel_size: Side of the filter in samples.
        padding_mode: How borders are continued.
    """

    kernel_size: int = 3
    padding_mode: PaddingMode = "reflect"

    def __post_init__(self) -> None:
        check_padding_mode(self.padding_mode)

    @abstractmethod
    def build(
        self,
        channels: int,
        stride: tuple[int, int],
        *,
        init: Init = "paper",
        frozen_norm: bool = False,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> nn.Module:
        """Make the layer for `channels` channels and `stride`.

        Args:
            channels: Number of channels at the place.
            stride: Samples per kept sample, `(s_h, s_w)`.
            init: Start values where the config itself names none.
            frozen_norm: The network around the place has frozen BatchNorm.
            device: Device of the layer.
            dtype: Type of the layer's parameters.
        """

    def to_dict(self) -> dict[str, object]:
        """Return the config as plain values for JSON; `filter_from_dict` reads it back."""
        return {"filter": type(self).__name__, **asdict(self)}


@dataclass(frozen=True, kw_only=True)
class Fixed(Filter):
    """The fixed binomial blur of Zhang (ICML 2019).

    Along a dimension that is not subsampled while the other is, such as the first of stride `(1, 2)`, it does not
    filter: there is nothing to alias.

    Attributes:
        kernel_size: Taps of the filter, 1 to 7.
        padding_mode: How borders are continued.

    Example:
        >>> Fixed(kernel_size=5).build(8, (2, 2)).kernel_size
        (5, 5)
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        check_binomial(self.kernel_size)

    def build(
        self,
        channels: int,
        stride: tuple[int, int],
        *,
        init: Init = "paper",
        frozen_norm: bool = False,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> BlurPool2d:
        """Make a `BlurPool2d`; `init` and `frozen_norm` do not concern it."""
        subsamples = max(stride) > 1
        sizes = [1 if subsamples and step == 1 else self.kernel_size for step in stride]
        return BlurPool2d(channels, sizes, stride, self.padding_mode, device=device, dtype=dtype)


@dataclass(frozen=True, kw_only=True)
class Adaptive(Filter):
    """The content-adaptive filter of Zou et al. (BMVC 2020).

    Attributes:
        kernel_size: Side of the filters in samples, odd.
        groups: Channel groups with filters of their own. Where it does not divide the channels of a place, the
            largest divisor not above it is used there.
        normalize: `"group"` or `"joint"`, see `AdaptiveBlurPool2d`.
        init: `"paper"`, `"binomial"`, `"identity"`, or `None`: identity when a trained network is converted.
        padding_mode: How borders are continued.

    Example:
        >>> Adaptive(groups=8).build(12, (2, 2)).groups
        6
    """

    groups: int = 8
    normalize: Normalize = "group"
    init: Init | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd(self.kernel_size)
        check_init(self.init, self.normalize)
        if self.groups < 1:
            raise ValueError(f"groups={self.groups} is no number of groups. Use 1 or more.")

    def groups_for(self, channels: int) -> int:
        """Return the number of groups used at a place with `channels` channels."""
        return largest_divisor(self.groups, channels)

    def build(
        self,
        channels: int,
        stride: tuple[int, int],
        *,
        init: Init = "paper",
        frozen_norm: bool = False,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> AdaptiveBlurPool2d:
        """Make an `AdaptiveBlurPool2d`."""
        return AdaptiveBlurPool2d(
            channels,
            self.kernel_size,
            stride,
            self.groups_for(channels),
            self.normalize,
            self.init or ("paper" if self.normalize == "joint" else init),
            self.padding_mode,
            frozen_norm=frozen_norm,
            device=device,
            dtype=dtype,
        )


_FILTERS: dict[str, type[Filter]] = {config.__name__: config for config in (Fixed, Adaptive)}


def filter_from_dict(values: Mapping[str, object]) -> Filter:
    """Read back what `Filter.to_dict` wrote.

    Raises:
        ValueError: The name of the filter is unknown.

    Example:
        >>> filter_from_dict(Fixed(kernel_size=5).to_dict())
        Fixed(kernel_size=5, padding_mode='reflect')
    """
    arguments = dict(values)
    name = str(arguments.pop("filter", None))
    if name not in _FILTERS:
        raise ValueError(f"filter {name!r} is unknown. Use one of {', '.join(_FILTERS)}.")
    return _FILTERS[name](**arguments)  # type: ignore[arg-type]
