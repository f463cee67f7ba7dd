"""The verb: both parts, one page."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from antialias.metrics import Score, average, difference
from antialias.report import Report, Reproduction, Verdict, write

from ._real import Real, measure_real
from ._settings import FULL, Settings, Stage, silent
from ._small import Small, small_filter_maps, train_small, training_table


def run(out: str | Path = "report", settings: Settings = FULL, *, stage: Stage = silent) -> tuple[Report, Path]:
    """Train, convert and measure, and write the page.

    Args:
        out: Folder of the page and its data, or the page itself.
        settings: How large it is.
        stage: Opens a progress bar for a part that is named.

    Returns:
        The report, and the path of its page.
    """
    small = train_small(settings, stage)
    real = measure_real(settings, stage)
    report = assemble(small, real, settings)
    return report, write(report, out)


def assemble(small: Small, real: Real, settings: Settings) -> Report:
    """Put both parts on one page."""
    return replace(
        real.report,
        title="Do networks change their minds when the picture moves?",
        subtitle=(
            f"A network with ImageNet weights on {settings.crops} crops of photographs, and small networks trained "
            f"from scratch on {settings.train_length:,} composed pictures."
        ),
        verdict=_verdict(small, real),
        training=training_table(small, settings),
        filters=(*small_filter_maps(small), *real.report.filters),
        reproduction=_reproduction(real.report, settings),
    )


def _verdict(small: Small, real: Real) -> Verdict:
    measured = real.report.verdict
    assert measured is not None
    points = (
        f"Converting EfficientNet-Lite0, {real.sites} adaptive filters that start as identities, changed its logits by "
        f"{real.change:.0e} of their size and kept its answer on {real.same:.0%} of the crops.",
        *(_comparison(small, name) for name in ("adaptive k3 G8", "fixed 3x3")),
    )
    return replace(measured, points=(*measured.points, *points))


def _comparison(small: Small, name: str) -> str:
    pairs = {"accuracy": "accuracy", "consistency": "consistency", "one-pixel flips": "top1_change"}
    found = [f"{words} {_points(_gain(small, name, key))}" for words, key in pairs.items()]
    return f"Trained from scratch, {name} filters against none, in points: {', '.join(found)}."


def _gain(small: Small, name: str, key: str) -> Score:
    after, before = (average([scores[key] for scores in small.scores[network]]) for network in (name, "plain"))
    return difference(after, before)


def _points(score: Score) -> str:
    low, high = score.interval
    return f"{100 * score.value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def _reproduction(report: Report, settings: Settings) -> Reproduction:
    caveats = (
        "The crops come from five photographs, so their interval is narrower than one over unrelated photographs.",
        f"Small networks: {len(settings.seeds)} seed(s); others differ by points. The intervals are over pictures.",
        *report.reproduction.caveats,
    )
    chosen = {key: value for key, value in asdict(settings).items() if key != "seeds"}
    seeds = report.reproduction.seeds | {"small networks": list(settings.seeds)}
    command = "antialias demo" if settings == FULL else "antialias demo --quick"
    return replace(report.reproduction, command=command, seeds=seeds, settings=chosen, caveats=caveats)
