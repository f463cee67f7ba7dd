"""Options that several verbs share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import torch
from cyclopts import Parameter
from torch import Tensor, nn

from antialias import nn as filters
from antialias.nn import Filter, Init, Phase, PredictorKind, Width
from antialias.ops import Normalize, PaddingMode
from antialias.surgery import input_size

FilterName = Literal["adaptive", "fixed", "polyphase", "gaussian", "attention", "ideal", "average"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class FilterOptions:
    """Which low-pass filter, in the words of its config; what is not given is the filter's own default.

    Attributes:
        filter: The filter that follows each downsampling.
        kernel_size: Side of the filters in samples.
        kernel_sizes: Sides of the filters to choose from, odd, 1 for none; given once for each (attention).
        groups: Channel groups with filters of their own (adaptive, gaussian, attention).
        normalize: Which taps sum to one (adaptive).
        init: Start values (adaptive, gaussian, attention); the filter's place decides where none is given.
        width: Whose width it is (gaussian).
        padding_mode: How borders are continued.
        predictor: The convolution that predicts filters, or a cheaper one (adaptive).
        phase: How the samples to keep are chosen: by `norm` or `learned`; the first of each stride if not given.
    """

    filter: FilterName = "adaptive"
    kernel_size: int | None = None
    kernel_sizes: Annotated[list[int] | None, Parameter(negative=())] = None
    groups: int | None = None
    normalize: Normalize | None = None
    init: Init | None = None
    width: Width | None = None
    padding_mode: PaddingMode | None = None
    predictor: PredictorKind | None = None
    phase: Phase | None = None

    def config(self) -> Filter:
        """Return the filter config that the options name.

        Raises:
            ValueError: An option is not one of this filter's.
        """
        kind = getattr(filters, self.filter.capitalize())
        known = [field.name for field in fields(kind)]
        given = {name: value for name, value in vars(self).items() if name != "filter" and value is not None}
        if unknown := sorted(given.keys() - set(known)):
            flag, flags = unknown[0].replace("_", "-"), [f"--{name.replace('_', '-')}" for name in known]
            raise ValueError(f"--{flag} is no option of the {self.filter} filter. Use some of: {', '.join(flags)}.")
        return kind(**given)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainedFilterOptions(FilterOptions):
    """Which low-pass filter, or none.

    Attributes:
        filter: The filter that follows each downsampling.
    """

    filter: FilterName | Literal["none"] = "adaptive"  # type: ignore[assignment]

    def config_or_none(self) -> Filter | None:
        """Return the filter config that the options name, if they name one."""
        return None if self.filter == "none" else self.config()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SurgeryOptions:
    """What is replaced and where the filters go.

    Attributes:
        placement: `exact` keeps pooling windows and so the network's function; `paper` is as published.
        stem: Antialias the first convolution too; by default only where the samples to keep are chosen.
        where: Names of sites, with wildcards, such as `layer3.*`; all if none is given.
        size: Side of the square example picture that is shown to the network, in pixels; the network's own if none.
    """

    placement: Literal["exact", "paper"] = "exact"
    stem: bool | None = None
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
