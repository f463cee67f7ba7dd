"""Filter configs: values that say which low-pass filter to use, and build it for a place in a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import ClassVar, NamedTuple

import torch
from torch import nn

from antialias.nn._checks import check_one_of
from antialias.nn.layers import PHASES, Init, Phase, PolyphasePool2d
from antialias.ops import PaddingMode, check_padding_mode

_HOME = "antialias.nn."
_NOT_SHOWN = (("phase", None), ("predictor", None), ("until", ()))  # nothing out of the ordinary


class Place(NamedTuple):
    """Where a filter goes, in the arguments of `Filter.build`.

    Attributes:
        channels: Number of channels.
        stride: Samples per kept sample, one number for each dimension, such as `(s_h, s_w)`.
        init: Start values where the config itself names none.
        frozen_norm: The network around the place has frozen BatchNorm.
        device: Device of the layer.
        dtype: Type of the layer's parameters.
    """

    channels: int
    stride: tuple[int, ...]
    init: Init
    frozen_norm: bool
    device: torch.device | None
    dtype: torch.dtype | None

    def sizes(self, kernel_size: int) -> list[int]:
        """Return the taps for each dimension: one where a dimension is not subsampled while another is."""
        return [1 if max(self.stride) > 1 and step == 1 else kernel_size for step in self.stride]


@dataclass(frozen=True, kw_only=True, repr=False)
class Filter(ABC):
    """What every filter config has.

    Attributes:
        padding_mode: How borders are continued.
        phase: Which of every `stride` samples is kept: `None` the first one, `"norm"` and `"learned"` as the filtered
            map says, `"input_norm"` as the map before the filter says, which is quicker; see `PolyphasePool2d`.
        dims: For maps of how many dimensions it has layers.
    """

    dims: ClassVar[tuple[int, ...]] = (2,)

    padding_mode: PaddingMode = "reflect"
    phase: Phase | None = None

    def __post_init__(self) -> None:
        check_padding_mode(self.padding_mode)
        if self.phase is not None:
            check_one_of("phase", self.phase, PHASES)

    def build(
        self,
        channels: int,
        stride: tuple[int, ...],
        *,
        init: Init = "paper",
        frozen_norm: bool = False,
        upsampled: bool = False,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> nn.Module:
        """Make the layer for `channels` channels and `stride`.

        Args:
            channels: Number of channels at the place.
            stride: Samples per kept sample, one number for each dimension, such as `(s_h, s_w)`.
            init: Start values where the config itself names none.
            frozen_norm: The network around the place has frozen BatchNorm.
            upsampled: `stride` is by how much the map was upsampled: the layer filters it and keeps every sample.
            device: Device of the layer.
            dtype: Type of the layer's parameters.

        Raises:
            ValueError: The config has no layer for maps of that many dimensions, or none that keeps every sample.
        """
        if reason := self.why_not(len(stride)):
            raise ValueError(f"{self}: {reason}.")
        place = Place(channels, stride, init, frozen_norm, device, dtype)
        if upsampled:
            if (layer := None if self.phase is not None else self._low_pass(place, (1,) * len(stride))) is None:
                raise ValueError(
                    f"{self} chooses samples, and behind an upsampling all are kept. Use Fixed or Adaptive."
                )
            return layer
        if self.phase is None or max(stride) == 1:
            return self._low_pass(place, stride) or nn.Identity()
        filter = self._low_pass(place, stride if self.phase == "input_norm" else (1, 1))
        return PolyphasePool2d(
            channels, stride, self.phase, self.padding_mode, filter=filter, device=device, dtype=dtype
        )

    def why_not(self, dims: int) -> str:
        """Say why maps of that many dimensions cannot be filtered; empty if they can.

        Example:
            >>> from antialias.nn import Fixed
            >>> Fixed().why_not(3), Fixed(phase="norm").why_not(3)
            ('', 'phases are chosen in maps of two dimensions, and this one has 3: leave phase= out')
        """
        if dims not in self.dims:
            return f"{type(self).__name__} takes maps of two dimensions, and this one has {dims}: use Fixed or Adaptive"
        if self.phase is not None and dims != 2:
            return f"phases are chosen in maps of two dimensions, and this one has {dims}: leave phase= out"
        return ""

    @abstractmethod
    def _low_pass(self, place: Place, stride: tuple[int, ...]) -> nn.Module | None:
        """Make the low-pass filter alone; its own `stride` is 1 where another layer subsamples."""

    def from_scratch(self) -> Filter:
        """Return the config with start values for an untrained network, a binomial blur, where it names none.

        Example:
            >>> from antialias.nn import Adaptive
            >>> Adaptive().from_scratch().init
            'binomial'
        """
        if getattr(self, "init", "") is not None:
            return self
        return replace(self, init="paper" if getattr(self, "normalize", "") == "joint" else "binomial")  # type: ignore[call-arg]

    def at_depthwise(self) -> Filter:
        """Return the config for a place where a depthwise convolution, which itself costs little, loses its stride.

        Example:
            >>> from antialias.nn import Adaptive
            >>> Adaptive().at_depthwise().predictor, Adaptive(predictor="full").at_depthwise().predictor
            ('bottleneck', 'full')
        """
        return self

    def __repr__(self) -> str:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        first = {name: named[name] for name in ("kernel_size", "padding_mode") if name in named}
        shown = first | {name: value for name, value in named.items() if (name, value) not in _NOT_SHOWN}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def to_dict(self) -> dict[str, object]:
        """Return the config as plain values for JSON; `filter_from_dict` reads it back."""
        return {"filter": type(self).__name__, **asdict(self)}


def check_filter(filter: object) -> None:
    """Refuse what is no filter config, such as a config's class or name.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(filter, Filter):
        is_class = isinstance(filter, type) and issubclass(filter, Filter)
        said = filter.__name__ if is_class else repr(filter)[:80]
        fix = f"{said}()" if is_class else "a config, such as Fixed() or Adaptive()"
        raise TypeError(f"filter={said} is {'a class' if is_class else type(filter).__name__}, no filter. Use {fix}.")


def filter_from_dict(values: Mapping[str, object], filters: Sequence[type[Filter]] = ()) -> Filter:
    """Read back what `Filter.to_dict` wrote.

    Args:
        values: What it wrote; nobody vouches for it.
        filters: Configs of the user's own that may be named there, beside those of this package.

    Raises:
        ValueError: The name of the filter is unknown, it does not take what was written, or `filters` holds no configs.

    Example:
        >>> from antialias.nn import Fixed
        >>> filter_from_dict(Fixed(kernel_size=5).to_dict())
        Fixed(kernel_size=5, padding_mode='reflect')
    """
    arguments = dict(values)
    name = str(arguments.pop("filter", None))
    if not all(isinstance(config, type) and issubclass(config, Filter) for config in filters):
        raise ValueError(f"filters={tuple(filters)} holds what is no filter config. Pass classes such as Adaptive.")
    # Of all classes only these: a file must not choose among whatever has been imported.
    own = {config.__name__: config for config in Filter.__subclasses__() if config.__module__.startswith(_HOME)}
    known: dict[str, Callable[..., Filter]] = {**own, **{config.__name__: config for config in filters}}
    if name not in known:
        raise ValueError(
            f"filter {name!r} is unknown. Use one of {', '.join(sorted(known))}, or, where it is a class of your own, "
            f"pass it to what reads the file: aa.load(path, filters=({name},))."
        )
    try:
        return known[name](**arguments)
    except TypeError as error:
        raise ValueError(
            f"filter {name!r} does not take what was saved: {error}. Use the class it was saved with."
        ) from error
