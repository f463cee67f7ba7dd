"""The sentences that a comparison deserves, and no stronger ones."""

from __future__ import annotations

from dataclasses import dataclass

from antialias.metrics import Score

from ._columns import score_columns
from ._comparison import Comparison, Entry
from ._table import Cell

_CHANGES = 3


@dataclass(frozen=True, kw_only=True)
class Change:
    """Set one measure of two networks side by side, in large figures beside the verdict."""

    title: str
    before: Cell
    after: Cell
    names: tuple[str, str]
    unit: str = "%"
    digits: int = 1


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Say what was found: one sentence, a few that support it, and the one to three changes that matter most."""

    headline: str
    points: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()


def verdict(comparison: Comparison) -> Verdict | None:
    """Say what the paired intervals of the last network against the first show, and list all differences."""
    *_, last = comparison.entries
    if last is comparison.baseline:
        return None
    return Verdict(
        headline=_headline(comparison, last),
        points=tuple(_sentence(comparison, other) for other in comparison.entries[1:]),
        changes=tuple(_changes(comparison, last))[:_CHANGES],
    )


def _headline(comparison: Comparison, last: Entry) -> str:
    better, worse = [], []
    for key, score in comparison.differences_of(last):
        (column,) = score_columns([key])
        low, high = score.interval
        if low > 0 or high < 0:
            (better if (low > 0) == (column.better == "higher") else worse).append(column.title)
    names = f"{last.name} against {comparison.baseline.name}"
    found = [f"{word} in {_listed(titles)}" for word, titles in (("better", better), ("worse", worse)) if titles]
    return f"{names}: {', '.join(found) or 'no measurable difference on these pictures'}"


def _sentence(comparison: Comparison, other: Entry) -> str:
    parts = [f"{_title(key)} {_points(score)}" for key, score in comparison.differences_of(other)]
    return f"{other.name} minus {comparison.baseline.name}, in points, paired by picture: {_listed(parts)}."


def _changes(comparison: Comparison, last: Entry) -> list[Change]:
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
