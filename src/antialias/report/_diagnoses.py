"""Diagnoses as a page."""

from __future__ import annotations

from collections.abc import Sequence

from antialias.diagnosis import Diagnosis
from antialias.results import Verdict

from ._report import Report, Reproduction, versions


def diagnosis_report(diagnoses: Sequence[Diagnosis], command: str = "") -> Report:
    """Return diagnoses as a page: each network with its sites, cause and effect at each, and which to mend first.

    Args:
        diagnoses: What `antialias.diagnose` found, one a network.
        command: The command line that the page names.

    Raises:
        ValueError: There is none.

    Example:
        >>> import torch, antialias as aa
        >>> diagnosis = aa.diagnose(aa.models.TinyResNet(num_classes=4), torch.ones(4, 3, 40, 40))
        >>> diagnosis_report([diagnosis]).verdict.headline
        'TinyResNet changes its answer on 0.0 % of one-pixel moves, and no place alone measurably helps'
    """
    if not diagnoses:
        raise ValueError("diagnoses is empty. Give at least one, of antialias.diagnose.")
    first = diagnoses[0]
    headline = f"Where {len(diagnoses)} networks alias, and what mending each place brings"
    if len(diagnoses) == 1:
        headline = f"{first.network} changes its answer on {100 * first.flips.value:.1f} % of one-pixel moves, "
        site = min((site for site in first.sites if site.rank), key=lambda site: site.rank or 0, default=None)
        effect = None if site is None else site.effect if site.effect is not None else site.ideal
        if site is None or effect is None or effect.interval[0] <= 0:
            headline += "and no place alone measurably helps"
        else:
            headline += f"{100 * effect.value:.1f} points fewer with {site.name} mended"
    return Report(
        title="Where it aliases",
        subtitle="; ".join(f"{one.network} on {one.images:,} pictures that move" for one in diagnoses) + ".",
        verdict=Verdict(headline=headline),
        diagnoses=tuple(diagnoses),
        reproduction=Reproduction(
            command=command,
            versions=versions(),
            seeds={f"windows of {one.network}": one.seed for one in diagnoses},
            caveats=(
                "Intervals are over pictures: more pictures make them narrower.",
                "Places are ranked and measured on the same pictures, which flatters the first one.",
            ),
        ),
    )
