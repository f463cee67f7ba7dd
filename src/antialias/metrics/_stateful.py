"""What all torchmetrics objects of this package share: values of each picture, kept across batches and processes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

from antialias.metrics._score import Score


class PictureMetric(Metric):
    """Keep per-picture values across batches and processes; the ground of all objects here.

    The value of every picture is kept (4 bytes each), not a running sum, because the interval resamples pictures.
    Processes are concatenated; a sampler that repeats pictures to even out the processes repeats them here too. A
    `Score` is no tensor: log `float(metric.compute())`.

    Args:
        protocol: How the logits were made; goes into the score as it is. `"in_words"` is printed.
        level: Confidence level of the interval.
        **kwargs: Of `torchmetrics.Metric`.
    """

    full_state_update = False
    is_differentiable = False
    name: ClassVar[str] = ""
    values: list[Tensor]

    def __init__(self, *, protocol: Mapping[str, Any] | None = None, level: float = 0.95, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.protocol = {"in_words": "protocol not stated", **(protocol or {})}
        self.level = level
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def _keep(self, values: Tensor, counts: Tensor | None = None) -> None:
        self.values.append(
            values if counts is None else torch.where(counts.to(values.device).bool(), values, torch.nan)
        )

    def _seen(self) -> Tensor:
        # Synchronised states arrive concatenated, local ones as a list.
        return torch.cat([torch.empty(0), *(kept.cpu() for kept in _as_list(self.values))])

    def _wrap_compute(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        # torchmetrics rebuilds dataclasses field by field, which a frozen Score refuses, so it travels in a box.
        boxed = super()._wrap_compute(lambda: _Box(compute()))
        return functools.wraps(compute)(lambda: boxed().content)


class ScoreMetric(PictureMetric):
    """A `PictureMetric` whose `compute()` gives one `Score`."""

    def compute(self) -> Score:
        """Return the score of all pictures seen since the last reset, in all processes."""
        return Score.from_pictures(self.name, self._seen(), self.protocol, self.level)


class _Box:
    def __init__(self, content: Any) -> None:
        self.content = content


def _as_list(values: Tensor | list[Tensor]) -> list[Tensor]:
    return [values] if isinstance(values, Tensor) else values
