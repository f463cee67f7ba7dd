"""The verb: both parts, one page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from antialias.report import Report, Reproduction, versions, write
from antialias.results import Verdict

from ._config import FULL, DemoConfig, Stage, silent
from ._photographs import HELD_OUT, LEARN
from ._pretrained import headline, mend_real_networks
from ._scratch import train_from_scratch


def run(
    out: str | Path = "report", config: DemoConfig = FULL, *, stage: Stage = silent, figures: str | Path | None = None
) -> tuple[Report, Path]:
    """Train, convert and measure, and write the page.

    Args:
        out: Folder of the page and its data, or the page itself.
        config: How large it is.
        stage: Opens a progress bar for a part that is named.
        figures: Folder for every figure as SVG and PNG, with its numbers as CSV; none are drawn if not given.

    Returns:
        The report, and the path of its page.
    """
    scratch = train_from_scratch(config, stage)
    networks = mend_real_networks(config, stage)
    images = networks[0].mending.images
    caveats = (
        f"The crops that report come from {len(HELD_OUT)} photographs, those that choose and teach from {len(LEARN)}.",
        f"Small networks: {len(config.seeds)} seed(s); others differ by points. The intervals are over pictures.",
    )
    report = Report(
        title="Do networks change their minds when the picture moves?",
        subtitle=(
            f"Two networks with ImageNet weights, mended on {images['learn'] + images['choose']} crops of photographs "
            f"and measured on {images['report']} of others, and small networks trained from scratch on "
            f"{config.train_length:,} composed pictures."
        ),
        verdict=Verdict(
            headline=headline(networks),
            points=(*(point for network in networks for point in network.points), *scratch.points),
            key_figures=scratch.key_figures,
        ),
        viewers=tuple(network.viewer for network in networks),
        mended=tuple(network.section for network in networks),
        filters=scratch.filter_maps(),
        similarities=scratch.similarities(),
        training=scratch.table(config),
        reproduction=Reproduction(
            command="antialias demo" if config == FULL else "antialias demo --quick",
            versions=versions(),
            seeds={"windows": 0, "small networks": list(config.seeds)},
            settings={name: value for name, value in asdict(config).items() if name != "seeds"},
            caveats=caveats,
        ),
    )
    return report, write(report, out, figures=figures)
