"""The sentences that a comparison deserves, and no stronger ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from antialias.metrics import Score

from ._comparison import Comparison, Entry
from .tables import Cell, Column

_STEADINESS = {
    "top1_change": ("changes its answer on", "of one-pixel moves"),
    "consistency": ("gives one answer on", "of pairs of windows"),
    "segmentation_consistency": ("gives one class to", "of the pixels of two crops"),
    "mask_consistency": ("has a mask consistency of", "in two crops"),
    "box_consistency": ("has a box consistency of", "in two crops"),
}
"""What a headline says of a network, around a share: the first score that all networks have."""

_KEY_FIGURES = 3


@dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """Set one measure of two networks side by side, in large figures beside the verdict.

    Args:
        title: What was measured.
        before: The number of the first network.
        after: The number of the second.
        names: Of both networks.
        unit: As a `Column`'s.
        digits: Decimals shown.
    """

    title: str
    before: Cell
    after: Cell
    names: tuple[str, str]
    unit: str = "%"
    digits: int = 1


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Say what was measured: one sentence, a few that support it, and the one to three figures that matter most."""

    headline: str
    points: tuple[str, ...] = ()
    key_figures: tuple[KeyFigure, ...] = field(default=(), metadata={"formerly": "changes"})


def verdict(comparison: Comparison) -> Verdict | None:
    """Write the verdict on measured networks, the first of which is the baseline.

    A network is called steadier only where the paired interval of the difference from the baseline excludes zero.
    Accuracy is said beside it, because a constant answer is the steadiest of all.

    Args:
        comparison: The networks.

    Returns:
        The verdict, or `None` where nothing was measured that says how steady networks are.
    """
    baseline, *others = comparison.entries
    key = next((key for key in _STEADINESS if all(key in entry.keys for entry in comparison.entries)), None)
    if key is None:
        if not others:
            return None
        best = others[-1]
        headline = measurable_differences(comparison, best)
    else:
        (column,), (verb, moves) = comparison.columns([key]), _STEADINESS[key]
        sign = -1 if column.better == "lower" else 1
        best = max(others, key=lambda entry: sign * entry.score(key).value, default=baseline)
        before, after = (f"{100 * entry.score(key).value:.1f} %" for entry in (baseline, best))
        gain = None if best is baseline else comparison.differences_of(best)[key]
        gains = [sign * bound for bound in gain.interval] if gain else [0.0]
        if gain is None:
            headline = f"{baseline.name} {verb} {before} {moves}"
        elif min(gains) > 0:
            headline = f"{best.name} {verb} {after} {moves}, {baseline.name} {verb.split()[-1]} {before}"
        elif max(gains) < 0:
            headline = f"No network is as steady as {baseline.name}, which {verb} {before} {moves}"
        else:
            headline = f"No network is measurably steadier than {baseline.name} on these pictures"
    if best is baseline:
        return Verdict(headline=headline)
    keys = dict.fromkeys(name for name in (key, *best.keys) if name in baseline.keys)
    return Verdict(
        headline=headline,
        points=tuple(difference_sentence(comparison, entry) for entry in others),
        key_figures=key_figures(comparison, best, list(keys)[:_KEY_FIGURES]),
    )


def measurable_differences(comparison: Comparison, other: Entry, keys: Sequence[str] | None = None) -> str:
    """Say in which scores (all by default) a network is better and worse than the baseline: intervals exclude zero."""
    titles: dict[str, list[str]] = {"better": [], "worse": []}
    gains = comparison.differences_of(other)
    for column in comparison.columns([key for key in gains if keys is None or key in keys]):
        low, high = gains[column.key].interval
        if column.better and (low > 0 or high < 0):
            titles["better" if (low > 0) == (column.better == "higher") else "worse"].append(_in_words(column))
    sides = ", ".join(f"{side} in {_listed(names)}" for side, names in titles.items() if names)
    return f"{other.name} against {comparison.baseline.name}: {sides or 'no measurable difference'}"


def difference_sentence(comparison: Comparison, other: Entry, keys: Sequence[str] | None = None) -> str:
    """Say how a network differs from the baseline, score by score (all by default), with paired intervals."""
    gains = {key: gain for key, gain in comparison.differences_of(other).items() if keys is None or key in keys}
    levels = {f"{gain.level:.0%}" for gain in gains.values()}
    parts = [f"{_in_words(column)} {points(gains[column.key])}" for column in comparison.columns(list(gains))]
    intervals = f"with {_listed(sorted(levels))} intervals over paired pictures"
    return f"{measurable_differences(comparison, other, keys)}; in points, {intervals}, {_listed(parts)}."


def key_figures(comparison: Comparison, other: Entry, keys: Sequence[str], suffix: str = "") -> tuple[KeyFigure, ...]:
    """Set scores of the baseline and of another network side by side.

    Args:
        comparison: The networks.
        other: The one beside the baseline.
        keys: Which scores.
        suffix: What every title ends with.
    """
    before, after = comparison.baseline, other
    return tuple(
        KeyFigure(
            title=column.title + suffix,
            before=Cell.of(before.score(column.key)),
            after=Cell.of(after.score(column.key)),
            names=(before.name, after.name),
            unit=column.unit,
            digits=column.digits,
        )
        for column in comparison.columns(keys)
    )


def points(score: Score) -> str:
    """Write a difference with its interval: of shares in points, else in the score's unit.

    Example:
        >>> points(Score("difference in accuracy", -0.01, (-0.025, 0.005), 100))
        '−1.0 (−2.5 to +0.5)'
        >>> points(Score("difference in error", 0.25, (0.125, 0.5), 100, unit="pixels"))
        '+0.25 (+0.12 to +0.50) pixels'
    """
    numbers = (score.value, *score.interval)
    shares = score.unit == "percent"
    value, low, high = (f"{100 * n:+.1f}" if shares else f"{n:+.2f}" for n in numbers)
    return f"{value} ({low} to {high}){'' if shares else f' {score.unit}'}".replace("-", "−")


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([*([", ".join(parts[:-1])] if parts[1:] else []), *parts[-1:]])


def _in_words(column: Column) -> str:
    """Return a column's title within a sentence: abbreviations keep their capitals."""
    return column.title if column.title[1:] != column.title[1:].lower() else column.title.lower()
