"""The verb: both parts, one page."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from antialias.report import Report, write
from antialias.results import Verdict

from ._config import FULL, DemoConfig, Stage, silent
from ._pretrained import measure_pretrained
from ._scratch import train_from_scratch


def run(out: str | Path = "report", config: DemoConfig = FULL, *, stage: Stage = silent) -> tuple[Report, Path]:
    """Train, convert and measure, and write the page.

    Args:
        out: Folder of the page and its data, or the page itself.
        config: How large it is.
        stage: Opens a progress bar for a part that is named.

    Returns:
        The report, and the path of its page.
    """
    scratch = train_from_scratch(config, stage)
    pretrained = measure_pretrained(config, stage)
    measured = pretrained.report
    caveats = (
        "The crops come from four photographs, so their interval is narrower than one over unrelated photographs.",
        f"Small networks: {len(config.seeds)} seed(s); others differ by points. The intervals are over pictures.",
        *measured.reproduction.caveats,
    )
    report = replace(
        measured,
        title="Do networks change their minds when the picture moves?",
        subtitle=(
            f"A network with ImageNet weights on {config.crops} crops of photographs, and small networks trained "
            f"from scratch on {config.train_length:,} composed pictures."
        ),
        verdict=Verdict(
            headline=pretrained.headline,
            points=(*scratch.points, *pretrained.points),
            key_figures=scratch.key_figures,
        ),
        training=scratch.table(config),
        filters=(*scratch.filter_maps(), *(measured.filters if pretrained.retrofitted else ())),
        reproduction=replace(
            measured.reproduction,
            command="antialias demo" if config == FULL else "antialias demo --quick",
            seeds=measured.reproduction.seeds | {"small networks": list(config.seeds)},
            settings={name: value for name, value in asdict(config).items() if name != "seeds"},
            caveats=caveats,
        ),
    )
    return report, write(report, out)
