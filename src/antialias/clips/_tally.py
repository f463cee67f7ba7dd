"""What a score counts of a clip, and the score of one clip or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, Literal, Self

import torch
from torch import Tensor

from antialias.metrics import Score

PERCENT = "percent"
FEW = 10
"""Below this many events, or parts off the extreme, resampling says nothing about the tail."""
_WINDOWS = 10
_STUDENT = (12.706, 4.303, 3.182, 2.776)  # 95 % of 2 to 5 parts


@dataclass(frozen=True)
class Tally:
    """Count something of a clip, part by part; the value is all that was counted of all that counts.

    Attributes:
        name: Of the score.
        counted: `(N,)`, or `(N, K)` for the mean over those of K classes that there is something of.
        of: As large.
        words: What is counted, in words.
        unit: Of the score; a share's is percent.
        events: Whether single events are counted, of seconds.
        part: What the N are: steps from a frame to the next, which are put together to windows, or trajectories.

    Example:
        >>> Tally("changes", torch.tensor([1.0, 0, 1]), torch.ones(3), "").value
        0.6666666666666666
    """

    name: str
    counted: Tensor
    of: Tensor
    words: str
    unit: str = PERCENT
    events: bool = False
    part: Literal["window", "trajectory"] = "window"

    @classmethod
    def of_values(cls, name: str, values: Tensor, words: str, **others: Any) -> Self:
        """Count values `(N,)` that count one each, or not at all where they are NaN.

        Args:
            name: Of the score.
            values: Of each part.
            words: What they are, in words.
            **others: Other attributes.
        """
        return cls(name, values.nan_to_num(), (~values.isnan()).double(), words, **others)

    @property
    def value(self) -> float:
        """The value on the clip; NaN where nothing counts."""
        return float(ratio(self.counted.double().sum(0), self.of.double().sum(0)))

    def parts(self, seconds: float) -> tuple[Tensor, Tensor]:
        """Return what was counted of what in each part that is drawn for an interval, `(U, K)` both."""
        both = (column.double().reshape(len(column), -1) for column in (self.counted, self.of))
        if self.part == "trajectory":
            return next(both), next(both)
        windows = min(max(round(seconds), _WINDOWS), len(self.counted))
        counted, of = (torch.stack([part.sum(0) for part in column.tensor_split(windows)]) for column in both)
        return counted, of


def ratio(counted: Tensor, of: Tensor) -> Tensor:
    """Return the mean over classes `(..., K)`, or of the one number, of what was counted of what there is."""
    shares = counted / of.where(of > 0, torch.nan)
    return shares.nanmean(-1) if shares.ndim else shares


def score_of(tallies: Sequence[Tally], seconds: Sequence[float], about: dict[str, Any]) -> Score:
    """Return the score of one clip, its interval over its windows or trajectories; or the mean over several clips.

    The interval resamples these parts. Where that could not see what did not happen, it is wider: of shares of which
    fewer than ten parts differ from the rest it is Wilson's, and of fewer than ten events it holds Byar's for a count
    that is Poisson, so that a clip without any change is not known to have none for ever. Of fewer than six parts of
    what is no share it holds Student's.

    Args:
        tallies: One a clip, all of one score.
        seconds: How long each clip is.
        about: What else the protocol says.

    Raises:
        ValueError: Nothing counts, or only one part does of what is neither a share nor events.
    """
    first = tallies[0]
    if len(tallies) == 1:
        part = first.part
        counted, of = first.parts(seconds[0])
    else:
        part = "clip"
        counted = torch.tensor([[tally.value] for tally in tallies], dtype=torch.float64)
        of = (~counted.isnan()).double()
        counted = counted.nan_to_num()
    used = (of > 0).any(1)
    if not bool(used.any()):
        raise ValueError(f"{first.name}: nothing of {len(used)} {part}s counts.")
    if first.unit != PERCENT and not first.events and int(used.sum()) < 2:
        raise ValueError(f"{first.name}: one {part} alone gives no interval of what nothing bounds.")
    protocol = {"in_words": first.words, "unit": part, **about}

    def statistic(draws: Tensor) -> Tensor:
        draws = draws.double()
        return ratio(draws @ counted, draws @ of)

    score = Score.from_statistic(first.name, statistic, len(used), protocol, unit=first.unit)
    score = replace(score, images=int(used.sum()), per_image=ratio(counted, of).float())
    (low, high), method = score.interval, ""
    if first.events:
        events, time = (
            float(sum(column.sum() for column in columns))
            for columns in ([one.counted for one in tallies], [one.of for one in tallies])
        )
        if events < FEW:
            poisson = byar(events, score.level)
            low, high = min(low, poisson[0] / time), max(high, poisson[1] / time)
            method = "the wider of percentile bootstrap and Byar's of a Poisson count"
    elif first.unit == PERCENT:
        few = Score.from_images(first.name, ratio(counted, of).clamp(0, 1), protocol)
        if few.protocol["interval"]["method"] == "Wilson":
            low, high = min(few.interval[0], score.value), max(few.interval[1], score.value)
            method = "Wilson"
    half = 0.0 if first.unit == PERCENT else half_width_of_few(ratio(counted, of)[used])
    if half > 0:
        low, high = max(0.0, min(low, score.value - half)), max(high, score.value + half)
        method = f"the wider of {method or 'percentile bootstrap'} and Student's"
    if not method:
        return score
    said = {**score.protocol["interval"], "method": method}
    return replace(score, interval=(low, high), protocol={**score.protocol, "interval": said})


def half_width_of_few(values: Tensor) -> float:
    """Return half of Student's 95 % interval of the mean of two to five values `(N,)`; 0 of more, or of one.

    Example:
        >>> half_width_of_few(torch.tensor([1.0, 2.0])), half_width_of_few(torch.zeros(6))
        (6.353, 0.0)
    """
    if not 2 <= len(values) < 2 + len(_STUDENT):
        return 0.0
    return round(_STUDENT[len(values) - 2] * float(values.double().std()) / len(values) ** 0.5, 6)


def byar(events: float, level: float) -> tuple[float, float]:
    """Return bounds of the expectation of a Poisson count, by Byar's approximation of the exact ones.

    Example:
        >>> [round(bound, 2) for bound in byar(4, 0.95)], [round(bound, 2) for bound in byar(0, 0.95)]
        ([1.08, 10.24], [0.0, 3.67])

    Source: Breslow & Day, "Statistical Methods in Cancer Research" II, 1987, section 2.3.
    """
    z, more = NormalDist().inv_cdf((1 + level) / 2), events + 1
    low = events * (1 - 1 / (9 * events) - z / (3 * events**0.5)) ** 3 if events > 0 else 0.0
    return max(0.0, low), more * (1 - 1 / (9 * more) + z / (3 * more**0.5)) ** 3
