"""The verb: both parts, one page."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from antialias.report import Report, Reproduction, write

from ._real import Real, measure_real
from ._settings import FULL, Settings, Stage, silent
from ._small import Small, small_filter_maps, train_small, training_table
from ._verdict import verdict


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
        verdict=verdict(small, real),
        training=training_table(small, settings),
        filters=(*small_filter_maps(small), *(real.report.filters if real.learned else ())),
        reproduction=_reproduction(real.report, settings),
    )


def _reproduction(report: Report, settings: Settings) -> Reproduction:
    caveats = (
        "The crops come from four photographs, so their interval is narrower than one over unrelated photographs.",
        f"Small networks: {len(settings.seeds)} seed(s); others differ by points. The intervals are over pictures.",
        *report.reproduction.caveats,
    )
    chosen = {key: value for key, value in asdict(settings).items() if key != "seeds"}
    seeds = report.reproduction.seeds | {"small networks": list(settings.seeds)}
    command = "antialias demo" if settings == FULL else "antialias demo --quick"
    return replace(report.reproduction, command=command, seeds=seeds, settings=chosen, caveats=caveats)
