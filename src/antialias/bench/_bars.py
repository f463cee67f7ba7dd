"""What the filters promise, as ratios within one run, and whether a run kept it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from ._contests import SCALING
from ._measure import Result

Quantity = Literal["milliseconds", "saved_bytes", "peak_bytes"]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bound on a ratio.

    Attributes:
        title: What is compared, in words.
        contests: Pattern of the contests that count, such as `"fixed blur, *, contiguous, *"`.
        numerator: Contenders above the line, the least of which counts.
        denominator: Contender below it.
        what: The pass of both, or of the numerator if `over` names another.
        over: The denominator's pass.
        quantity: What is divided.
        of: The worst contest counts, or the geometric mean of all.
        at_most: The ratio may not be above this.
        at_least: The ratio may not be below this.
        limit: Contender that shows how far one could get; by default the contest's least roofline does.
    """

    title: str
    contests: str
    numerator: tuple[str, ...]
    denominator: str
    what: str
    over: str | None = None
    quantity: Quantity = "milliseconds"
    of: Literal["worst", "mean"] = "worst"
    at_most: float | None = None
    at_least: float | None = None
    limit: str | None = None

    @property
    def wanted(self) -> str:
        """The bound in words, such as `"<= 1.20"`."""
        return f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"


@dataclass(frozen=True)
class Verdict:
    """A bar and what was measured.

    Attributes:
        bar: The bound.
        ratio: The ratio that was measured.
        limit: The ratio that the bar's limit would have, as far as it is known.
    """

    bar: Bar
    ratio: float
    limit: float | None

    @property
    def met(self) -> bool:
        """Whether the ratio keeps the bound."""
        above = self.bar.at_most is not None and self.ratio > self.bar.at_most
        return not (above or (self.bar.at_least is not None and self.ratio < self.bar.at_least))


@dataclass(frozen=True)
class Growth:
    """How cost grows along one scaling curve.

    Attributes:
        contest: Which curve.
        what: Which pass.
        exponent: Slope of the straight line through the logarithms of size and time: 1 is linear growth.
    """

    contest: str
    what: str
    exponent: float


_OURS, _TRAINING = "antialias", "ResNet-50, 112 px, training, *"
_PEERS = ("timm", "kornia", "antialiased-cnns")
_PLACEMENT, _PREDICTOR = "placement alone", "placement and predictor"


def _layer(what: str) -> tuple[Bar, ...]:
    title, naive = f"Adaptive layer, {what}: full resolution / ours", ("full resolution",)
    contests = "adaptive layer, *"
    mean = Bar(
        title=f"{title}, mean", contests=contests, numerator=naive, denominator=_OURS, what=what, of="mean", at_least=9
    )
    worst = Bar(title=f"{title}, worst", contests=contests, numerator=naive, denominator=_OURS, what=what, at_least=6)
    return mean, worst


def _filter(layout: str, what: str, at_most: float) -> Bar:
    return Bar(
        title=f"Adaptive filter, {what}, {layout}: ours / clone",
        contests=f"adaptive filter, *, {layout}",
        numerator=(_OURS,),
        denominator="clone",
        what=what,
        over="forward",
        at_most=at_most,
    )


def _blur(layout: str, what: str) -> Bar:
    return Bar(
        title=f"Fixed 3x3 blur, {what}, {layout}: best peer / ours",
        contests=f"fixed blur, *, {layout}, *",
        numerator=_PEERS,
        denominator=_OURS,
        what=what,
        at_least=1.5,
        limit="same bytes copied",
    )


def _network(title: str, contests: str, ours: str, theirs: str, at_most: float, what: str = "training step") -> Bar:
    return Bar(
        title=title,
        contests=contests,
        numerator=(ours,),
        denominator=theirs,
        what=what,
        at_most=at_most,
        limit=_PREDICTOR if ours.startswith("adaptive") else _PLACEMENT,
    )


def _evaluation(layout: str) -> tuple[Bar, ...]:
    title, contests = f"ResNet-50, {layout}", f"ResNet-50, 224 px, evaluation, {layout}"
    timm = "timm:resnetblur50"
    return (
        _network(f"{title}: fixed 3x3 / plain", contests, "fixed 3x3", "plain", 1.2, "forward"),
        _network(f"{title}: adaptive k3 G8 / timm's blur", contests, "adaptive k3 G8", timm, 1.0, "forward"),
    )


BARS = (
    *_layer("forward"),
    *_layer("forward+backward"),
    *(_filter(layout, "forward", at_most) for layout, at_most in (("contiguous", 1.5), ("channels last", 1.2))),
    *(_filter(layout, "backward", 4) for layout in ("contiguous", "channels last")),
    *(_blur(layout, what) for layout in ("contiguous", "channels last") for what in ("forward", "forward+backward")),
    *_evaluation("contiguous"),
    *_evaluation("channels last"),
    Bar(
        title="ResNet-50 training, bytes kept for the backward: adaptive k3 G8 / plain",
        contests=_TRAINING,
        numerator=("adaptive k3 G8",),
        denominator="plain",
        what="training step",
        quantity="saved_bytes",
        at_most=1.12,
        limit=_PLACEMENT,
    ),
    _network("ResNet-50 training step: adaptive k3 G8 / plain", _TRAINING, "adaptive k3 G8", "plain", 1.45),
    _network("ResNet-50 training step: fixed 3x3 / plain", _TRAINING, "fixed 3x3", "plain", 1.25),
    _network("ResNet-50 training step: fixed 3x3 / timm's blur", _TRAINING, "fixed 3x3", "timm:resnetblur50", 1.0),
    _network("TinyResNet training: adaptive k3 G8 / plain", "TinyResNet, *, training", "adaptive k3 G8", "plain", 2.0),
    _network("TinyResNet training: fixed 3x3 / plain", "TinyResNet, *, training", "fixed 3x3", "plain", 1.4),
    Bar(
        title="Adaptive layer, peak extra memory: full resolution / ours",
        contests="adaptive layer, *",
        numerator=("full resolution",),
        denominator=_OURS,
        what="forward+backward",
        quantity="peak_bytes",
        at_least=10,
        limit="predictor alone",
    ),
    Bar(
        title="Adaptive networks, evaluation: compiled / eager",
        contests="*, compiled",
        numerator=("compiled",),
        denominator="eager",
        what="forward",
        at_most=1.0,
    ),
)


def verdicts(results: Iterable[Result], bars: Iterable[Bar] = BARS) -> list[Verdict]:
    """Hold results against the bars; a bar of which nothing was measured is left out."""
    contests: dict[str, dict[tuple[str, str], Result]] = {}
    for result in results:
        contests.setdefault(result.contest, {})[result.contender, result.what] = result
    found = ((bar, _cases(bar, contests)) for bar in bars)
    return [_verdict(bar, cases) for bar, cases in found if cases]


# The ratio that was measured, and that of the limit.
_Case = tuple[float, float | None]


def _cases(bar: Bar, contests: Mapping[str, Mapping[tuple[str, str], Result]]) -> list[_Case]:
    chosen = (found for name, found in contests.items() if fnmatchcase(name, bar.contests))
    return [case for found in chosen if (case := _case(bar, found)) is not None]


def _case(bar: Bar, found: Mapping[tuple[str, str], Result]) -> _Case | None:
    above = [found[name, bar.what] for name in bar.numerator if (name, bar.what) in found]
    below = found.get((bar.denominator, bar.over or bar.what))
    values = [value for result in above if (value := getattr(result, bar.quantity)) is not None]
    divisor = getattr(below, bar.quantity, None)
    if not values or not divisor or below is None:
        return None
    return min(values) / divisor, _limit(bar, min(values), divisor, above[0], below, found)


def _limit(
    bar: Bar, value: float, divisor: float, above: Result, below: Result, found: Mapping[tuple[str, str], Result]
) -> float | None:
    if bar.limit is not None:
        shown = getattr(found.get((bar.limit, bar.what)), bar.quantity, None)
        if not shown:
            return None
        return shown / divisor if bar.at_most is not None else value / shown
    ours = above if bar.at_most is not None else below
    if bar.quantity != "milliseconds" or ours.limit_milliseconds is None:
        return None
    limits = (result.limit_milliseconds for (_, what), result in found.items() if what == ours.what)
    least = min(limit for limit in limits if limit is not None)
    return least / divisor if ours is above else value / least


def _verdict(bar: Bar, cases: list[_Case]) -> Verdict:
    if bar.of == "mean":
        limits = [limit for _, limit in cases if limit is not None]
        limit = statistics.geometric_mean(limits) if len(limits) == len(cases) else None
        return Verdict(bar, statistics.geometric_mean([ratio for ratio, _ in cases]), limit)
    pick = max if bar.at_most is not None else min
    return Verdict(bar, *pick(cases, key=lambda case: case[0]))


def growths(results: Iterable[Result]) -> list[Growth]:
    """Fit a power of the size to the times of each scaling curve."""
    curves: dict[tuple[str, str], list[tuple[float, float]]] = {}
    names = {contest.name for contest in SCALING}
    for result in results:
        if result.contest in names:
            place = math.log(float(result.contender)), math.log(result.milliseconds)
            curves.setdefault((result.contest, result.what), []).append(place)
    return [
        Growth(contest, what, statistics.linear_regression(*zip(*places, strict=True)).slope)
        for (contest, what), places in curves.items()
    ]
