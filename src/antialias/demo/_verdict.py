"""The demo's sentences: what both parts found, and no more."""

from __future__ import annotations

from antialias.metrics import Score, difference
from antialias.results import Cell, Change, Verdict

from ._real import Real
from ._small import ADAPTIVE, FIXED, PLAIN, Small


def verdict(small: Small, real: Real) -> Verdict:
    """Say what was found, with paired intervals where networks are compared."""
    points = [*(_comparison(small, name) for name in (ADAPTIVE, FIXED)), _conversion(real)]
    if real.retrofit is not None:
        points.append(f"Retrofitting it without labels: {real.retrofit.verdict}")
    if real.learned and real.report.verdict is not None:
        points.extend(real.report.verdict.points)
    changes = (
        _change(small, "accuracy", "Accuracy, trained from scratch"),
        _change(small, "top1_change", "One-pixel flips, trained from scratch"),
    )
    return Verdict(headline=_headline(real), points=tuple(points), changes=changes)


def _headline(real: Real) -> str:
    return f"EfficientNet-Lite0 changes its answer on {real.flips:.1%} of one-pixel moves of photographs"


def _conversion(real: Real) -> str:
    return (
        f"Converting EfficientNet-Lite0, {real.sites} adaptive filters that start as identities, changed its logits by "
        f"{real.change:.0e} of their size and kept its answer on {real.same:.0%} of the crops."
    )


def _comparison(small: Small, name: str) -> str:
    pairs = {"accuracy": "accuracy", "consistency": "consistency", "one-pixel flips": "top1_change"}
    found = [f"{words} {_points(small, name, key)}" for words, key in pairs.items()]
    return f"Trained from scratch, {name} filters against none, in points: {', '.join(found)}."


def _points(small: Small, name: str, key: str) -> str:
    gain: Score = difference(small.score(name, key), small.score(PLAIN, key))
    low, high = gain.interval
    return f"{100 * gain.value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _change(small: Small, key: str, title: str) -> Change:
    before, after = (Cell.of(small.score(name, key)) for name in (PLAIN, ADAPTIVE))
    return Change(title=title, before=before, after=after, names=(PLAIN, "adaptive"))
