"""Options that several verbs share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from cyclopts import Parameter
from torch import Tensor, nn

from antialias.nn import Adaptive, Filter, Fixed, Init
from antialias.ops import Normalize, PaddingMode
from antialias.surgery import input_size


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FilterOptions:
    """Which low-pass filter, in the words of `aa.Fixed` and `aa.Adaptive`.

    Attributes:
        filter: The filter that follows each downsampling.
        kernel_size: Side of the filters in samples.
        groups: Channel groups with filters of their own (adaptive).
        normalize: Which taps sum to one (adaptive).
        init: Start values (adaptive); the filter's place decides where none is given.
        padding_mode: How borders are continued.
    """

    filter: Literal["adaptive", "fixed"] = "adaptive"
    kernel_size: int = 3
    groups: int = 8
    normalize: Normalize = "group"
    init: Init | None = None
    padding_mode: PaddingMode = "reflect"

    def config(self) -> Filter:
        """Return the filter config that the options name."""
        if self.filter == "fixed":
            return Fixed(kernel_size=self.kernel_size, padding_mode=self.padding_mode)
        return Adaptive(
            kernel_size=self.kernel_size,
            groups=self.groups,
            normalize=self.normalize,
            init=self.init,
            padding_mode=self.padding_mode,
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainedFilterOptions(FilterOptions):
    """Which low-pass filter, or none.

    Attributes:
        filter: The filter that follows each downsampling.
    """

    filter: Literal["none", "adaptive", "fixed"] = "adaptive"  # type: ignore[assignment]

    def config_or_none(self) -> Filter | None:
        """Return the filter config that the options name, if they name one."""
        return None if self.filter == "none" else self.config()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SurgeryOptions:
    """What is replaced and where the filters go.

    Attributes:
        placement: `exact` keeps pooling windows and so the network's function; `paper` is as published.
        stem: Antialias the first convolution too.
        where: Names of sites, with wildcards, such as `layer3.*`; all if none is given.
        size: Side of the square example picture that is shown to the network, in pixels; the network's own if none.
    """

    placement: Literal["exact", "paper"] = "exact"
    stem: bool = False
    where: Annotated[list[str] | None, Parameter(negative=())] = None
    size: int | None = None

    def keywords(self) -> dict[str, Any]:
        """Return the arguments of `inspect` and `convert_`."""
        return {"placement": self.placement, "stem": self.stem, "where": self.where}

    def example(self, model: nn.Module) -> Tensor:
        """Return an example batch of one picture."""
        side = self.size or input_side(model)
        return torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def input_side(model: nn.Module) -> int:
    """Return the side in pixels of the pictures a network is meant for: what it says itself, else 224."""
    return (input_size(model) or (3, 224, 224))[-1]
