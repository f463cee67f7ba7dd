"""What was measured, image by image, before it is a score, so that parts of a set can be joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from antialias.metrics._score import PERCENT, Score


@dataclass(frozen=True)
class Measurement:
    """Hold what a score is made of.

    Every score comes from one: the functions return its `score()`, the torchmetrics objects hold its rows, and an
    evaluation joins those that several processes measured of parts of a set.

    Attributes:
        name: What was measured.
        rows: `(N, ...)`, one row an image, NaN where it does not count; or rows that say themselves whose they are.
        protocol: Every free choice, JSON-able.
        level: Confidence level of the score.
        statistic: How rows become a score; `"mean"` is the mean over the images, each the mean of its row.
        unit: What the score is counted in.

    Example:
        >>> right = torch.arange(100) < 60
        >>> parts = [Measurement("accuracy", some.float(), {}) for some in right.split(30)]
        >>> print(Measurement.join(parts).score())
        accuracy 60.0 % (95 % interval 51.0 to 70.0; 100 images)
    """

    name: str
    rows: Tensor = field(repr=False)
    protocol: dict[str, Any]
    level: float = 0.95
    statistic: str = "mean"
    unit: str = PERCENT

    def score(self) -> Score:
        """Return the score of all images.

        Raises:
            ValueError: No image counts.
        """
        return _STATISTICS[self.statistic].score(self)

    def value(self) -> float:
        """Return the score's value without its interval, which takes the time; NaN where no image counts."""
        return _STATISTICS[self.statistic].value(self)

    @property
    def empty(self) -> bool:
        """Whether no image counts, so that there is no score."""
        return self.value() != self.value()

    @classmethod
    def of(cls, score: Score) -> Measurement:
        """Take a mean over images apart again.

        Raises:
            ValueError: The score is no mean over images, or was read without its values.
        """
        if not len(score.per_image):
            raise ValueError(f"{score.name!r} is no mean over pictures that are known. Measure the whole set at once.")
        protocol = {key: value for key, value in score.protocol.items() if key != "interval"}
        return cls(score.name, score.per_image, protocol, score.level, unit=score.unit)

    @classmethod
    def join(cls, parts: Sequence[Measurement]) -> Measurement:
        """Put parts of a set together, each measured with its `first`: what measuring the whole set at once gives.

        Args:
            parts: In the order of the images.

        Raises:
            ValueError: There is no part, or they are of different kinds.
        """
        if not parts:
            raise ValueError("there is no part to join. Give one measurement a part.")
        first = parts[0]
        for part in parts:
            if (part.name, part.level, part.statistic, part.unit) != (
                first.name,
                first.level,
                first.statistic,
                first.unit,
            ):
                raise ValueError(f"{first.name!r} and {part.name!r} differ. Join parts of one score.")
            if part.rows.shape[1:] != first.rows.shape[1:]:
                raise ValueError(
                    f"{first.name}: {tuple(first.rows.shape[1:])} and {tuple(part.rows.shape[1:])} values a picture "
                    "differ. Join parts of one network."
                )
        protocol = first.protocol
        if "pictures" in protocol:
            each = [part.protocol["pictures"] for part in parts]
            sides = [side for images in each for side in images["shorter_side"]]
            count = sum(images["count"] for images in each)
            protocol = {**protocol, "pictures": {**each[0], "count": count, "shorter_side": [min(sides), max(sides)]}}
        return replace(first, rows=torch.cat([part.rows for part in parts]), protocol=protocol)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {
            "name": self.name,
            "statistic": self.statistic,
            "unit": self.unit,
            "protocol": self.protocol,
            "level": self.level,
            "dtype": str(self.rows.dtype).removeprefix("torch."),
            "shape": list(self.rows.shape),
            "rows": [None if value != value else value for value in self.rows.flatten().tolist()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measurement:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: An earlier version wrote it, which kept less, or a field is missing or cannot be.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"a measurement is {data!r:.60}, no object. Measure it again.")
        if "rows" not in data:
            raise ValueError(f"{data.get('name')!r} was measured by an earlier version of antialias. Measure it again.")
        try:
            dtype = getattr(torch, data["dtype"], None)
            if not isinstance(dtype, torch.dtype) or not isinstance(data["protocol"], Mapping):
                raise ValueError(f"dtype={data['dtype']!r:.60} or protocol={data['protocol']!r:.60} cannot be")
            flat = [float("nan") if value is None else value for value in data["rows"]]
            rows = torch.tensor(flat, dtype=dtype).view(data["shape"])
            protocol = dict(data["protocol"])
            return cls(data["name"], rows, protocol, data["level"], data["statistic"], data["unit"])
        except (KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error) if isinstance(error, ValueError) else repr(error)
            raise ValueError(f"{data.get('name')!r:.60} is no measurement ({reason}). Measure it again.") from error


class Statistic(NamedTuple):
    """How rows become a score, with an interval, and a value without one."""

    score: Callable[[Measurement], Score]
    value: Callable[[Measurement], float]

    @classmethod
    def of_set(cls, pooled: Callable[[Tensor], tuple[Callable[[Tensor], Tensor], int]], lacking: str) -> Statistic:
        """Make a statistic of a whole set, which is no mean over its images.

        Args:
            pooled: Turns rows into a function from how often each of N images counts, `(B, N)`, to the score of each
                of the B resamples, NaN where there is none; and N.
            lacking: What no image has if there is none, such as `"an object"`.

        Raises:
            ValueError: The score is asked for and there is none.
        """

        def value(measurement: Measurement) -> float:
            statistic, images = pooled(measurement.rows)
            return float(statistic(torch.ones(1, images, dtype=torch.int64)))

        def score(measurement: Measurement) -> Score:
            statistic, images = pooled(measurement.rows)
            if not images or measurement.empty:
                raise ValueError(f"{measurement.name}: none of {images} pictures has {lacking}. Add some.")
            return Score.from_statistic(
                measurement.name, statistic, images, measurement.protocol, measurement.level, measurement.unit
            )

        return cls(score, value)


def _mean(measurement: Measurement) -> Score:
    rows, about = measurement.rows, (measurement.protocol, measurement.level, measurement.unit)
    if rows.ndim < 2:
        return Score.from_images(measurement.name, rows, *about)
    draws = rows.double().nanmean(0)
    score = Score.from_images(measurement.name, rows.nanmean(1), *about)
    return replace(score, spread=float(draws.std()) if len(draws) > 1 else None)


_STATISTICS = {
    "mean": Statistic(
        _mean, lambda one: float((one.rows.nanmean(1) if one.rows.ndim > 1 else one.rows).double().nanmean())
    )
}


def register_statistic(name: str, statistic: Statistic) -> None:
    """Make a way from rows to a score known by a name, which a `Measurement` can be stored with."""
    _STATISTICS[name] = statistic
