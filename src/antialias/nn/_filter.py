"""Filter configs: values that say which low-pass filter to use, and build it for a place in a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import NamedTuple

import torch
from torch import nn

from antialias.ops import Normalize, PaddingMode, check_padding_mode

from ._adaptive import AdaptiveBlurPool2d, Init, check_init, check_predictor
from ._arguments import check_binomial, check_groups_number, check_odd, largest_divisor
from ._blur import BlurPool2d
from ._padded import PredictorKind
from ._polyphase import Phase, PolyphasePool2d, check_phase

# What a config does not say of itself: nothing out of the ordinary.
_UNSAID = (("phase", None), ("predictor", "full"))


class Place(NamedTuple):
    """Where a filter goes, in the arguments of `Filter.build`.

    Attributes:
        channels: Number of channels.
        stride: Samples per kept sample, `(s_h, s_w)`.
        init: Start values where the config itself names none.
        frozen_norm: The network around the place has frozen BatchNorm.
        device: Device of the layer.
        dtype: Type of the layer's parameters.
    """

    channels: int
    stride: tuple[int, int]
    init: Init
    frozen_norm: bool
    device: torch.device | None
    dtype: torch.dtype | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Filter(ABC):
    """What every filter config has.

    Attributes:
        padding_mode: How borders are continued.
        phase: Which of every `stride` samples is kept after filtering: `None` the first one, `"norm"` and `"learned"`
            as in `PolyphasePool2d`.
    """

    padding_mode: PaddingMode = "reflect"
    phase: Phase | None = None

    def __post_init__(self) -> None:
        check_padding_mode(self.padding_mode)
        if self.phase is not None:
            check_phase(self.phase)

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
        place = Place(channels, stride, init, frozen_norm, device, dtype)
        if self.phase is None or max(stride) == 1:
            return self._low_pass(place, stride) or nn.Identity()
        filter = self._low_pass(place, (1, 1))
        return PolyphasePool2d(
            channels, stride, self.phase, self.padding_mode, filter=filter, device=device, dtype=dtype
        )

    @abstractmethod
    def _low_pass(self, place: Place, stride: tuple[int, int]) -> nn.Module | None:
        """Make the low-pass filter alone; its own `stride` is 1 where another layer subsamples."""

    def from_scratch(self) -> Filter:
        """Return the config with start values for an untrained network, a binomial blur, where it names none.

        Example:
            >>> Adaptive().from_scratch().init
            'binomial'
        """
        if getattr(self, "init", "") is not None:
            return self
        return replace(self, init="paper" if getattr(self, "normalize", "") == "joint" else "binomial")  # type: ignore[call-arg]

    def __repr__(self) -> str:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        first = {name: named[name] for name in ("kernel_size", "padding_mode") if name in named}
        shown = first | {name: value for name, value in named.items() if (name, value) not in _UNSAID}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def to_dict(self) -> dict[str, object]:
        """Return the config as plain values for JSON; `filter_from_dict` reads it back."""
        return {"filter": type(self).__name__, **asdict(self)}


@dataclass(frozen=True, kw_only=True, repr=False)
class Fixed(Filter):
    """The fixed binomial blur of Zhang (ICML 2019).

    Along a dimension that is not subsampled while the other is, such as the first of stride `(1, 2)`, it does not
    filter: there is nothing to alias.

    Attributes:
        kernel_size: Taps of the filter, 1 to 7.
        padding_mode: How borders are continued.
        phase: Which samples are kept, see `Filter`.

    Example:
        >>> Fixed(kernel_size=5).build(8, (2, 2)).kernel_size
        (5, 5)
    """

    kernel_size: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_binomial(self.kernel_size)

    def _low_pass(self, place: Place, stride: tuple[int, int]) -> BlurPool2d:
        subsamples = max(place.stride) > 1
        sizes = [1 if subsamples and step == 1 else self.kernel_size for step in place.stride]
        return BlurPool2d(place.channels, sizes, stride, self.padding_mode, device=place.device, dtype=place.dtype)


@dataclass(frozen=True, kw_only=True, repr=False)
class Adaptive(Filter):
    """The content-adaptive filter of Zou et al. (BMVC 2020).

    Attributes:
        kernel_size: Side of the filters in samples, odd.
        groups: Channel groups with filters of their own. Where it does not divide the channels of a place, the
            largest divisor not above it is used there.
        normalize: `"group"` or `"joint"`, see `AdaptiveBlurPool2d`.
        init: `"paper"`, `"binomial"`, `"identity"`, or `None`: identity when a trained network is converted.
        padding_mode: How borders are continued.
        phase: Which samples are kept, see `Filter`.
        predictor: `"full"` or, several times cheaper, `"separable"`, see `AdaptiveBlurPool2d`.

    Example:
        >>> Adaptive(groups=8).build(12, (2, 2)).groups
        6
    """

    kernel_size: int = 3
    groups: int = 8
    normalize: Normalize = "group"
    init: Init | None = None
    predictor: PredictorKind = "full"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_odd(self.kernel_size)
        check_init(self.init, self.normalize)
        check_predictor(self.predictor)
        check_groups_number(self.groups)

    def groups_for(self, channels: int) -> int:
        """Return the number of groups used at a place with `channels` channels."""
        return largest_divisor(self.groups, channels)

    def _low_pass(self, place: Place, stride: tuple[int, int]) -> AdaptiveBlurPool2d:
        return AdaptiveBlurPool2d(
            place.channels,
            self.kernel_size,
            stride,
            self.groups_for(place.channels),
            self.normalize,
            self.init or ("paper" if self.normalize == "joint" else place.init),
            self.padding_mode,
            self.predictor,
            frozen_norm=place.frozen_norm,
            device=place.device,
            dtype=place.dtype,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Polyphase(Filter):
    """Adaptive polyphase sampling of Chaman and Dokmanic (CVPR 2021), or its learned form, without a filter.

    A low-pass filter in front of it is `Fixed(phase=...)` or `Adaptive(phase=...)`.

    Attributes:
        padding_mode: How borders are continued; with `"circular"`, a converted network's convolutions and pools
            continue theirs in the same way, which makes it exactly invariant to circular shifts.
        phase: `"norm"` or `"learned"`, see `PolyphasePool2d`.

    Raises:
        ValueError: `phase` is `None`, which leaves nothing to do, or unknown.

    Example:
        >>> Polyphase().build(8, (2, 2))
        PolyphasePool2d(8, stride=(2, 2), phase='norm', padding_mode='circular')
    """

    padding_mode: PaddingMode = "circular"
    phase: Phase | None = "norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_phase(self.phase)

    def _low_pass(self, place: Place, stride: tuple[int, int]) -> None:
        return None


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
    known: dict[str, Callable[..., Filter]] = {config.__name__: config for config in Filter.__subclasses__()}
    if name not in known:
        raise ValueError(f"filter {name!r} is unknown. Use one of {', '.join(known)}.")
    return known[name](**arguments)
