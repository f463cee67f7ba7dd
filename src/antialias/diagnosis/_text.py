"""A diagnosis in words, in rows and as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from antialias._display import TextTable
from antialias.metrics import Score

if TYPE_CHECKING:
    from ._result import Diagnosis, SiteDiagnosis

_SCORES = ("alias_share", "tangled_share", "effect", "agreement", "ideal", "ideal_agreement", "carried")


def verdict(diagnosis: Diagnosis) -> str:
    """Say in a sentence or two how often the answer changes, and where to mend first."""
    flips = diagnosis.flips
    counted = f"{100 * flips.value:.1f} % ({interval(flips)}) of one-pixel moves of {flips.images} images"
    said = f"{diagnosis.network} changes its answer on {counted}."
    if not any(site.rank for site in diagnosis.sites):
        return f"{said} No site's effect could be measured."
    first = min((site for site in diagnosis.sites if site.rank), key=lambda site: site.rank or 0)
    effect, how, cost = first.effect, "averaging its phases", first.cost.get("4 phases")
    if effect is None:
        effect, how, cost = first.ideal, "an ideal filter there", first.cost.get("ideal")
    assert effect is not None
    times = "" if cost is None else f", at {cost:.2f} times the multiply-adds"
    if effect.interval[0] > 0:
        return f"{said} First {first.name}: {how} takes {points(effect)} points of it away{times}."
    return f"{said} No site alone measurably helps; the most has {first.name}: {how} brings {points(effect)} points."


def cause_table(diagnosis: Diagnosis) -> TextTable:
    """Return what each site's map holds that its grid cannot, how far a phase moves the image, and the result."""
    return TextTable(
        headings=["site", "code", "result", "alias, %", "tangled, %", "pixels", "carried, %"],
        rows=[
            [
                *(site.name, site.code, site.result, percent(site.alias_share), percent(site.tangled_share)),
                *("-" if site.pixels is None else str(site.pixels), percent(site.carried)),
            ]
            for site in diagnosis.sites
        ],
        title="Cause: energy of the map at stride 1",
        note="carried: answers changed by the site's next phase, which is a move by as many pixels, and no fault of it",
    )


def effect_table(diagnosis: Diagnosis) -> TextTable:
    """Return what mending each site alone brings, and what that costs."""
    rows = []
    for site in diagnosis.sites:
        cost = site.cost.get("4 phases", site.cost.get("ideal"))
        effects = [points(site.effect), percent(site.agreement), points(site.ideal), percent(site.ideal_agreement)]
        first = site.rank == 1 and helps(site)
        rows.append([f"{site.name}{' *' * first}", *effects, "" if cost is None else f"{cost:.2f}"])
    return TextTable(
        headings=["site", "phases averaged", "same, %", "ideal filter", "same, %", "cost"],
        rows=rows,
        title="Effect: points of one-pixel flips that mending the site alone takes away",
        note="same: answers that stay what they were. cost: multiply-adds with phases averaged. * first here",
        strong=tuple(n for n, site in enumerate(diagnosis.sites) if site.rank == 1 and helps(site)),
    )


def helps(site: SiteDiagnosis) -> bool:
    """Say whether fewer answers changed with the site mended, measurably or not."""
    effect = site.effect if site.effect is not None else site.ideal
    return effect is not None and effect.value > 0


def sites_csv(diagnosis: Diagnosis) -> str:
    """Return a line for each site, every score with its interval, shares without a unit."""
    costs = list(dict.fromkeys(name for site in diagnosis.sites for name in site.cost))
    headings = ["site", "code", "kind", "operation", "stride", "pixels", "group", "rank", "result", "reason"]
    headings += [f"{name}{part}" for name in _SCORES for part in ("", "_low", "_high")]
    headings += [f"cost_{name.replace(' ', '_')}" for name in costs]
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(headings)
    for site in diagnosis.sites:
        stride, group = "x".join(map(str, site.stride)), " ".join(site.group)
        row = [site.name, site.code, site.kind, site.operation, stride, site.pixels, group, site.rank, site.result]
        scores: list[Score | None] = [getattr(site, name) for name in _SCORES]
        numbers = [
            f"{number:.6f}" if score is not None else ""
            for score in scores
            for number in ((0, 0, 0) if score is None else (score.value, *score.interval))
        ]
        table.writerow([*row, site.reason, *numbers, *(f"{site.cost[c]:.4f}" if c in site.cost else "" for c in costs)])
    return buffer.getvalue()


def percent(score: Score | None) -> str:
    """Write a share in percent; a dash where there is none."""
    return "-" if score is None else f"{100 * score.value:.1f}"


def interval(score: Score) -> str:
    """Write the interval of a share in percent."""
    return " to ".join(f"{100 * bound:.1f}" for bound in score.interval)


def points(score: Score | None) -> str:
    """Write a difference of shares in points, with its interval; a dash where there is none.

    Example:
        >>> points(Score("difference in one-pixel flips", 0.012, (-0.003, 0.025), 100))
        '+1.2 (−0.3 to +2.5)'
    """
    if score is None:
        return "-"
    value, low, high = (f"{100 * number:+.1f}" for number in (score.value, *score.interval))
    return f"{value} ({low} to {high})".replace("-", "−")
