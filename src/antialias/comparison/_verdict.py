"""The sentences that a comparison deserves, and no stronger ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antialias.metrics import Score
from antialias.report import Cell, Change, Verdict

from ._columns import score_columns

if TYPE_CHECKING:
    from ._comparison import Comparison, Contender

_CHANGES = 3


def verdict(comparison: Comparison) -> Verdict | None:
    """Say what the paired intervals of the last network against the first show, and list all differences."""
    *_, last = comparison.contenders
    if last is comparison.baseline:
        return None
    return Verdict(
        headline=_headline(comparison, last),
        points=tuple(_sentence(comparison, other) for other in comparison.contenders[1:]),
        changes=tuple(_changes(comparison, last))[:_CHANGES],
    )


def _headline(comparison: Comparison, last: Contender) -> str:
    better, worse = [], []
    for key, score in comparison.differences_of(last):
        (column,) = score_columns([key])
        low, high = score.interval
        if low > 0 or high < 0:
            (better if (low > 0) == (column.better == "higher") else worse).append(column.title)
    names = f"{last.name} against {comparison.baseline.name}"
    found = [f"{word} in {_listed(titles)}" for word, titles in (("better", better), ("worse", worse)) if titles]
    return f"{names}: {', '.join(found) or 'no measurable difference on these pictures'}"


def _sentence(comparison: Comparison, other: Contender) -> str:
    parts = [f"{_title(key)} {_points(score)}" for key, score in comparison.differences_of(other)]
    return f"{other.name} minus {comparison.baseline.name}, in points, paired by picture: {_listed(parts)}."


def _changes(comparison: Comparison, last: Contender) -> list[Change]:
    first = comparison.baseline
    return [
        Change(
            title=_title(key),
            before=Cell.of(first.score(key)),
            after=Cell.of(last.score(key)),
            names=(first.name, last.name),
        )
        for key, _ in comparison.differences_of(last)
    ]


def _title(key: str) -> str:
    return score_columns([key])[0].title


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _points(score: Score) -> str:
    value, low, high = (f"{100 * number:+.1f}".replace("-", "−") for number in (score.value, *score.interval))
    return f"{value} ({low} to {high})"
