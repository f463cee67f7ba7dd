"""The sentences that a comparison deserves, and no stronger ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from antialias.metrics import Score, difference
from antialias.results import Cell, Change, Verdict

NAMES = {
    "flips": "one-pixel flips",
    "change": "mean absolute change",
    "consistency": "consistency",
    "accuracy": "accuracy",
}


def verdict(found: Mapping[str, Mapping[str, Score]]) -> Verdict:
    """Write the verdict on measured networks, the first of which is the baseline.

    A network is called steadier only where the paired interval of its one-pixel flips against the baseline's excludes
    zero. Accuracy is said beside it, because a constant answer is the steadiest of all.

    Args:
        found: For each network its scores `"flips"` and, where measured, `"consistency"` and `"accuracy"`, all on the
            same pictures.
    """
    baseline, *others = found
    if not others:
        share = _percent(found[baseline]["flips"])
        return Verdict(headline=f"{baseline} changes its answer on {share} of one-pixel moves")
    best = min(others, key=lambda name: found[name]["flips"].value)
    return Verdict(
        headline=_headline(baseline, best, found),
        points=tuple(_point(name, found[name], baseline, found[baseline]) for name in others),
        changes=tuple(_changes(baseline, best, found)),
    )


def _headline(baseline: str, best: str, found: Mapping[str, Mapping[str, Score]]) -> str:
    after, before = found[best]["flips"], found[baseline]["flips"]
    low, high = difference(after, before).interval
    if high < 0:
        return f"{best} changes its answer on {_percent(after)} of one-pixel moves, {baseline} on {_percent(before)}"
    if low > 0:
        return f"No network is as steady as {baseline}: {_percent(before)} of one-pixel moves change its answer"
    return f"No network is measurably steadier than {baseline} on these pictures"


def _point(name: str, scores: Mapping[str, Score], baseline: str, base: Mapping[str, Score]) -> str:
    parts = [
        f"{words} {_points(difference(scores[key], base[key]))}"
        for key, words in NAMES.items()
        if key in scores and key in base
    ]
    level = scores["flips"].level
    return f"{name} against {baseline}, in points, with {level:.0%} intervals over paired pictures: {_listed(parts)}."


def _changes(baseline: str, best: str, found: Mapping[str, Mapping[str, Score]]) -> list[Change]:
    pair = (found[baseline], found[best])
    keys = [key for key in ("flips", "accuracy", "consistency") if all(key in scores for scores in pair)][:2]
    before, after = pair
    return [
        Change(
            title=NAMES[key].capitalize(),
            before=Cell.of(before[key]),
            after=Cell.of(after[key]),
            names=(baseline, best),
        )
        for key in keys
    ]


def _percent(score: Score) -> str:
    return f"{100 * score.value:.1f} %"


def _points(score: Score) -> str:
    low, high = score.interval
    return f"{_signed(score.value)} ({_signed(low)} to {_signed(high)})"


def _signed(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
