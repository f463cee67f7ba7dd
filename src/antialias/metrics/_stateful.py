"""What all torchmetrics objects of this package are: the rows of a measurement, kept across batches and processes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

from antialias.metrics._measurement import Measurement


class ScoreMetric(Metric):
    """Keep the rows of a measurement; `compute()` gives its `Score`.

    The value of every image is kept (4 bytes each), not a running sum, because the interval resamples images.
    Processes are concatenated; a sampler that repeats images to even out the processes repeats them here too. A
    `Score` is no tensor: log `float(metric.compute())`, or ask for no interval.

    Args:
        protocol: How the answers were made; goes into the score as it is. `"in_words"` is printed.
        level: Confidence level of the interval.
        interval: `False`: `compute()` gives the value alone as a tensor `()`, for a training loop to log, NaN where no
            image counts.
        **kwargs: Of `torchmetrics.Metric`.
    """

    full_state_update = False
    is_differentiable = False
    name: ClassVar[str] = ""
    statistic: ClassVar[str] = "mean"
    rows: list[Tensor]

    def __init__(
        self,
        *,
        protocol: Mapping[str, Any] | None = None,
        level: float = 0.95,
        interval: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.protocol = {"in_words": "protocol not stated", **(protocol or {})}
        self.level, self.interval = level, interval
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of a row: an image has one number."""
        return ()

    def keep(self, rows: Tensor, counts: Tensor | None = None) -> None:
        """Add rows `(N, *row_shape)`; those of images whose `counts` `(N,)` is false become NaN.

        Raises:
            ValueError: `counts` is not one an image.
        """
        if counts is not None:
            if counts.shape != rows.shape[:1]:
                raise ValueError(f"counts are {tuple(counts.shape)} for {len(rows)} pictures. Pass one an image, (N,).")
            rows = torch.where(counts.to(rows.device).bool(), rows, torch.nan)
        # Flat, because torchmetrics gathers a process without images as an empty vector.
        self.rows.append(rows.flatten().to(self.device))

    def measurement(self) -> Measurement:
        """Return what was measured since the last reset, in all processes while they are synchronised."""
        # Synchronised states arrive concatenated, local ones as a list.
        parts = [self.rows] if isinstance(self.rows, Tensor) else self.rows
        rows = torch.cat([torch.empty(0), *(part.cpu() for part in parts)]).view(-1, *self.row_shape)
        return Measurement(self.name, rows, self.protocol, self.level, self.statistic)

    def compute(self) -> Any:
        """Return the score of all images seen since the last reset, in all processes.

        Raises:
            ValueError: No image counts, and an interval is asked for.
        """
        measured = self.measurement()
        return measured.score() if self.interval else torch.tensor(measured.value())

    def _wrap_compute(self, compute: Callable[..., Any]) -> Callable[..., Any]:
        # torchmetrics rebuilds dataclasses field by field, which a frozen Score refuses, so it travels in a box.
        boxed = super()._wrap_compute(lambda: _Box(compute()))
        return functools.wraps(compute)(lambda: boxed().content)


class _Box:
    def __init__(self, content: Any) -> None:
        self.content = content
