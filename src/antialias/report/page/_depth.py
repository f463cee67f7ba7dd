"""Geometry of a diagnosis: the network as a trunk that narrows at its sites, cause and effect of each as bars."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise

from antialias._bars import Bar
from antialias.diagnosis import Diagnosis, SiteDiagnosis
from antialias.metrics import Score

from ._layout import Scale, round_ticks

TRUNK = 60
_WIDEST, _NARROWEST, _HALVING = 27.0, 4.0, 4.6
# A result's sign, within 16 x 16 pixels: its shape says the same as its colour.
MARKS = {
    "problem": "M0 -6.5l6.5 11.5h-13z",
    "hint": "M0 -6.5l6.5 6.5l-6.5 6.5l-6.5 -6.5z",
    "fine": "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0z",
    "not applicable": "M-5.5 -1.6h11v3.2h-11z",
}


@dataclass(frozen=True)
class SiteBars:
    """Place what was measured at a site, in percent of the drawing's width.

    Args:
        site: The site.
        alias: Its alias share, where measured.
        tangled: Its tangled share.
    """

    site: SiteDiagnosis
    alias: Bar | None
    tangled: Bar | None


@dataclass(frozen=True)
class Stage:
    """Place the sites that share a phase, and so an effect, on one level of the network.

    Args:
        sites: The sites.
        trunk: The outline of the network there, as SVG takes it: wide before, narrow after.
        effect: Bar of what averaging its phases brings, where measured.
        ideal: Bar of what an ideal filter brings.
        rank: 1 is where to mend first, `None` where nothing was measured.
        helps: Whether fewer answers changed with it mended.
    """

    sites: tuple[SiteBars, ...]
    trunk: str
    effect: Bar | None
    ideal: Bar | None
    rank: int | None
    helps: bool

    @property
    def site(self) -> SiteDiagnosis:
        """The first of the sites, which has the effect of all."""
        return self.sites[0].site

    @property
    def result(self) -> str:
        """The worst of their results."""
        return min((row.site.result for row in self.sites), key=list(MARKS).index)


@dataclass(frozen=True)
class DepthPlot:
    """Place a whole diagnosis.

    Args:
        stages: From the input to the answer.
        cause_ticks: Coordinate in percent and text of each share.
        effect_ticks: Coordinate in percent and text of each difference in points.
        zero: Coordinate of no effect.
    """

    stages: tuple[Stage, ...]
    cause_ticks: tuple[tuple[float, str], ...]
    effect_ticks: tuple[tuple[float, str], ...]
    zero: float


def depth_plot(diagnosis: Diagnosis) -> DepthPlot:
    """Lay out a diagnosis; sites next to each other that share a phase are one stage."""
    levels = [tuple(some) for _, some in groupby(diagnosis.sites, key=lambda site: site.group or (site.name,))]
    shares = round_ticks(max(_bounds(score for site in diagnosis.sites for score in _causes(site)), default=0.0))
    differences = [*_bounds(score for level in levels for score in (level[0].effect, level[0].ideal)), 0.0]
    step = round_ticks(max(differences) - min(differences))[1]
    lowest, highest = math.floor(min(differences) / step + 1e-9), math.ceil(max(differences) / step - 1e-9)
    cause, effect = Scale(0.0, shares[-1], 0, 100), Scale(lowest * step, max(highest, lowest + 1) * step, 0, 100)
    last = levels[-1][0]
    pixels = [*(level[0].pixels for level in levels), None if last.pixels is None else last.pixels * max(last.stride)]
    widths = [_half_width(apart) for apart in pixels]
    ranked = sorted(level[0].rank for level in levels if level[0].rank is not None)
    stages = []
    for level, (before, after) in zip(levels, pairwise(widths), strict=True):
        first = level[0]
        mended = first.effect if first.effect is not None else first.ideal
        left, right = ([f"{TRUNK / 2 + side * half:g}" for half in (before, after)] for side in (-1, 1))
        above, below = (
            f"M{left[0]} 0C{left[0]} 60 {left[1]} 40 {left[1]} 100",
            f"{right[1]} 40 {right[0]} 60 {right[0]} 0Z",
        )
        stages.append(
            Stage(
                sites=tuple(SiteBars(site, *(_bar(score, cause) for score in _causes(site))) for site in level),
                trunk=f"{above}H{right[1]}C{below}",
                effect=_bar(first.effect, effect),
                ideal=_bar(first.ideal, effect),
                rank=None if first.rank is None else ranked.index(first.rank) + 1,
                helps=mended is not None and mended.value > 0,
            )
        )
    numbers = [number * step for number in range(lowest, max(highest, lowest + 1) + 1)]
    return DepthPlot(
        tuple(stages),
        tuple((cause(share), f"{100 * share:g}") for share in shares),
        tuple((effect(number), f"{100 * number:+g}".replace("-", "−") if number else "0") for number in numbers),
        effect(0.0),
    )


def _causes(site: SiteDiagnosis) -> tuple[Score | None, Score | None]:
    return site.alias_share, site.tangled_share


def _bounds(scores: Iterable[Score | None]) -> list[float]:
    return [bound for score in scores if score is not None for bound in score.interval]


def _bar(score: Score | None, scale: Scale) -> Bar | None:
    if score is None:
        return None
    low, high = score.interval
    return Bar(scale(score.value), scale(low), scale(high))


def _half_width(pixels: int | None) -> float:
    """Return half of the trunk's width where positions are so many pixels of the image apart."""
    return max(_NARROWEST, _WIDEST - _HALVING * math.log2(pixels or 32))
