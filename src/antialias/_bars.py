"""Scores as bars, the same on a report's page and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

COLOURS = 6
_LEFT, _RIGHT = 4.0, 96.0

Scored: TypeAlias = tuple[float | None, float | None, float | None, Sequence[float]]
"""A number, the lower and the upper end of its interval, and the number of each seed."""


@dataclass(frozen=True)
class Bar:
    """Place a score in its column, in percent of the column's width.

    Args:
        value: The score.
        low: Lower end of its interval.
        high: Upper end of its interval.
        runs: The seeds.
        colour: Number of its colour.
    """

    value: float
    low: float
    high: float
    runs: tuple[float, ...] = ()
    colour: int = 0

    def svg(self, colour: int | None = None) -> str:
        """Return the bar as SVG that a page's or notebook's style colours.

        Args:
            colour: Number of its colour, if it is not the bar's own.
        """
        seeds = "".join(f'<path class="seed" d="M{run} 13V18"/>' for run in self.runs if len(self.runs) > 1)
        return (
            f'<svg class="bar n{self.colour if colour is None else colour}" viewBox="0 0 100 18" '
            'preserveAspectRatio="none" aria-hidden="true"><path class="track" d="M0 6H100"/>'
            f'<path class="whisker" d="M{self.low} 6H{self.high}"/><path class="middle" d="M{self.value} 0V12"/>{seeds}'
            "</svg>"
        )


def bars_on_one_scale(scores: Sequence[Scored], colours: Sequence[int] | None = None) -> tuple[Bar | None, ...]:
    """Lay scores out on one scale, from the lowest number to the highest; one without an interval gets no bar.

    Args:
        scores: The scores.
        colours: Number of each one's colour; counted from 0 by default.

    Example:
        >>> first, none = bars_on_one_scale([(0.5, 0.4, 0.6, ()), (0.9, None, None, ())])
        >>> first.value, first.low, none
        (22.4, 4.0, None)
    """
    numbers = [
        x for value, low, high, runs in scores for x in (value, low, high, *runs) if x is not None and math.isfinite(x)
    ]
    lowest, span = min(numbers, default=0.0), (max(numbers, default=0.0) - min(numbers, default=0.0)) or 1.0

    def place(value: float) -> float:
        return round(_LEFT + (value - lowest) / span * (_RIGHT - _LEFT), 1)

    return tuple(
        None
        if value is None or low is None or high is None or not math.isfinite(value + low + high)
        else Bar(
            place(value),
            place(low),
            place(high),
            tuple(map(place, runs)),
            number % COLOURS if colours is None else colours[number],
        )
        for number, (value, low, high, runs) in enumerate(scores)
    )
