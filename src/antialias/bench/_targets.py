"""What the filters promise, as ratios within one run, and whether a run kept it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from .benchmarks import SCALING
from .measurement import Result

Quantity = Literal["milliseconds", "saved_bytes", "peak_bytes"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A bound on a ratio.

    Attributes:
        title: What is compared, in words.
        benchmarks: Pattern of the benchmarks that count, such as `"fixed blur, *, contiguous, *"`.
        numerator: Implementations above the line, the least of which counts.
        denominator: Implementation below it.
        pass_name: The pass of both, or of the numerator if `denominator_pass` names another.
        denominator_pass: The denominator's pass.
        quantity: What is divided.
        of: The worst benchmark counts, or the geometric mean of all.
        at_most: The ratio may not be above this.
        at_least: The ratio may not be below this.
        limit: Implementation that shows how far one could get; by default the benchmark's least roofline does.
    """

    title: str
    benchmarks: str
    numerator: tuple[str, ...]
    denominator: str
    pass_name: str
    denominator_pass: str | None = None
    quantity: Quantity = "milliseconds"
    of: Literal["worst", "mean"] = "worst"
    at_most: float | None = None
    at_least: float | None = None
    limit: str | None = None

    @property
    def bound(self) -> str:
        """The bound in words, such as `"<= 1.20"`."""
        return f"<= {self.at_most:g}" if self.at_most is not None else f">= {self.at_least:g}"


@dataclass(frozen=True)
class TargetResult:
    """A target and what was measured.

    Attributes:
        target: The bound.
        ratio: The ratio that was measured.
        limit: The ratio that the target's limit would have, as far as it is known.
    """

    target: Target
    ratio: float
    limit: float | None

    @property
    def met(self) -> bool:
        """Whether the ratio keeps the bound."""
        above = self.target.at_most is not None and self.ratio > self.target.at_most
        return not (above or (self.target.at_least is not None and self.ratio < self.target.at_least))


@dataclass(frozen=True)
class ScalingFit:
    """How cost grows along one scaling curve.

    Attributes:
        benchmark: Which curve.
        pass_name: Which pass.
        exponent: Slope of the straight line through the logarithms of size and time: 1 is linear growth.
    """

    benchmark: str
    pass_name: str
    exponent: float


_OURS, _TIMM_NETWORK = "antialias", "timm:resnetblur50"
_PEERS = ("timm", "kornia", "antialiased-cnns")
_RESNET_TRAINING, _TINY_TRAINING = "ResNet-50, 112 px, training, *", "TinyResNet, *, training"
_LAYOUTS = ("contiguous", "channels last")


def _network(
    title: str, benchmarks: str, implementation: str, other: str, at_most: float, pass_name: str = "training step"
) -> Target:
    return Target(
        title=title,
        benchmarks=benchmarks,
        numerator=(implementation,),
        denominator=other,
        pass_name=pass_name,
        at_most=at_most,
        limit="placement and predictor" if implementation.startswith("adaptive") else "placement alone",
    )


TARGETS = (
    *(
        Target(
            title=f"Adaptive layer, {pass_name}: full resolution / ours, {of}",
            benchmarks="adaptive layer, *",
            numerator=("full resolution",),
            denominator=_OURS,
            pass_name=pass_name,
            of=of,
            at_least=at_least,
        )
        for pass_name in ("forward", "forward+backward")
        for of, at_least in (("mean", 9), ("worst", 6))
    ),
    *(
        Target(
            title=f"Adaptive filter, {pass_name}, {layout}: ours / clone",
            benchmarks=f"adaptive filter, *, {layout}",
            numerator=(_OURS,),
            denominator="clone",
            pass_name=pass_name,
            denominator_pass="forward",
            at_most=at_most,
        )
        for pass_name, layout, at_most in (
            ("forward", "contiguous", 1.5),
            ("forward", "channels last", 1.2),
            ("backward", "contiguous", 4),
            ("backward", "channels last", 4),
        )
    ),
    *(
        Target(
            title=f"Fixed 3x3 blur, {pass_name}, {layout}: best peer / ours",
            benchmarks=f"fixed blur, *, {layout}, *",
            numerator=_PEERS,
            denominator=_OURS,
            pass_name=pass_name,
            at_least=1.5,
            limit="same bytes copied",
        )
        for layout in _LAYOUTS
        for pass_name in ("forward", "forward+backward")
    ),
    *(
        _network(
            f"ResNet-50, {layout}: {title}",
            f"ResNet-50, 224 px, evaluation, {layout}",
            implementation,
            other,
            at_most,
            "forward",
        )
        for layout in _LAYOUTS
        for title, implementation, other, at_most in (
            ("fixed 3x3 / plain", "fixed 3x3", "plain", 1.2),
            ("adaptive k3 G8 / timm's blur", "adaptive k3 G8", _TIMM_NETWORK, 1.0),
        )
    ),
    Target(
        title="ResNet-50 training, bytes kept for the backward: adaptive k3 G8 / plain",
        benchmarks=_RESNET_TRAINING,
        numerator=("adaptive k3 G8",),
        denominator="plain",
        pass_name="training step",
        quantity="saved_bytes",
        at_most=1.12,
        limit="placement alone",
    ),
    _network("ResNet-50 training step: adaptive k3 G8 / plain", _RESNET_TRAINING, "adaptive k3 G8", "plain", 1.45),
    _network("ResNet-50 training step: fixed 3x3 / plain", _RESNET_TRAINING, "fixed 3x3", "plain", 1.25),
    _network("ResNet-50 training step: fixed 3x3 / timm's blur", _RESNET_TRAINING, "fixed 3x3", _TIMM_NETWORK, 1.0),
    _network("TinyResNet training: adaptive k3 G8 / plain", _TINY_TRAINING, "adaptive k3 G8", "plain", 2.0),
    _network("TinyResNet training: fixed 3x3 / plain", _TINY_TRAINING, "fixed 3x3", "plain", 1.4),
    Target(
        title="Adaptive layer, peak extra memory: full resolution / ours",
        benchmarks="adaptive layer, *",
        numerator=("full resolution",),
        denominator=_OURS,
        pass_name="forward+backward",
        quantity="peak_bytes",
        at_least=10,
        limit="predictor alone",
    ),
    Target(
        title="Adaptive networks, evaluation: compiled / eager",
        benchmarks="*, compiled",
        numerator=("compiled",),
        denominator="eager",
        pass_name="forward",
        at_most=1.0,
    ),
)


def compare_with_targets(results: Iterable[Result], targets: Iterable[Target] = TARGETS) -> list[TargetResult]:
    """Hold results against targets; a target of which nothing was measured is left out."""
    measured: dict[str, dict[tuple[str, str], Result]] = {}
    for result in results:
        measured.setdefault(result.benchmark, {})[result.implementation, result.pass_name] = result
    compared = []
    for target in targets:
        rows = [rows for name, rows in measured.items() if fnmatchcase(name, target.benchmarks)]
        pairs = [pair for each in rows if (pair := _ratio_and_limit(target, each)) is not None]
        if pairs and target.of == "mean":
            limits = [limit for _, limit in pairs if limit is not None]
            limit = statistics.geometric_mean(limits) if len(limits) == len(pairs) else None
            compared.append(TargetResult(target, statistics.geometric_mean([ratio for ratio, _ in pairs]), limit))
        elif pairs:
            worst = max if target.at_most is not None else min
            compared.append(TargetResult(target, *worst(pairs, key=lambda pair: pair[0])))
    return compared


def _ratio_and_limit(target: Target, rows: Mapping[tuple[str, str], Result]) -> tuple[float, float | None] | None:
    """Return the ratio of one benchmark and the ratio of its limit, if its implementations were measured."""
    above = [rows[name, target.pass_name] for name in target.numerator if (name, target.pass_name) in rows]
    below = rows.get((target.denominator, target.denominator_pass or target.pass_name))
    values = [value for row in above if (value := getattr(row, target.quantity)) is not None]
    divisor = getattr(below, target.quantity, None)
    if not values or not divisor or below is None:
        return None
    value, ours_is_above = min(values), target.at_most is not None
    if target.limit is not None:
        least = getattr(rows.get((target.limit, target.pass_name)), target.quantity, None)
    else:
        ours = above[0] if ours_is_above else below
        least = None
        if target.quantity == "milliseconds" and ours.limit_milliseconds is not None:
            limits = (row.limit_milliseconds for (_, what), row in rows.items() if what == ours.pass_name)
            least = min(limit for limit in limits if limit is not None)
    if not least:
        return value / divisor, None
    return value / divisor, (least / divisor if ours_is_above else value / least)


def fit_scaling(results: Iterable[Result]) -> list[ScalingFit]:
    """Fit a power of the size to the times of each scaling curve."""
    curves: dict[tuple[str, str], list[tuple[float, float]]] = {}
    names = {benchmark.name for benchmark in SCALING}
    for result in results:
        if result.benchmark in names:
            point = math.log(float(result.implementation)), math.log(result.milliseconds)
            curves.setdefault((result.benchmark, result.pass_name), []).append(point)
    return [
        ScalingFit(benchmark, pass_name, statistics.linear_regression(*zip(*points, strict=True)).slope)
        for (benchmark, pass_name), points in curves.items()
    ]
