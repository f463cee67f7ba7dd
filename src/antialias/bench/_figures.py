"""Figures of a device's results, drawn from its CSV alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from antialias._extras import require

from ._results import read_results
from ._targets import ScalingFit, TargetResult, compare_with_targets, fit_scaling
from .measurement import Result

_MET, _MISSED, _LIMIT = "#1b7f5c", "#c1440e", "#333333"
_WIDTH = 9.0
# Text stays text, and the same numbers give the same file.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "antialias", "font.size": 9, "axes.spines.top": False}
_STYLE |= {"axes.spines.right": False, "font.family": "sans-serif"}


def draw(csv: str | Path) -> list[Path]:
    """Draw the ratios beside their targets and the scaling curves of one CSV beside it, as SVG.

    Args:
        csv: What `write_results` wrote.

    Returns:
        The files; none for what was not measured.
    """
    path, results = Path(csv), read_results(csv)
    targets, fits = compare_with_targets(results), fit_scaling(results)
    files = []
    with require("matplotlib", extra="report").rc_context(_STYLE):
        figures = {
            "bars": _draw_targets(targets) if targets else None,
            "scaling": _draw_scaling(results, fits) if fits else None,
        }
        for name, figure in figures.items():
            if figure is not None:
                files.append(path.with_name(f"{path.stem}-{name}.svg"))
                figure.savefig(files[-1], format="svg", metadata={"Date": None}, bbox_inches="tight")
    return files


def _draw_targets(results: Sequence[TargetResult]) -> Any:
    """Draw each ratio as a share of its target, so that 1 is the target and less is better whichever way it bounds."""
    figure = require("matplotlib.figure", extra="report").Figure(
        figsize=(_WIDTH, 0.9 + 0.26 * len(results)), layout="constrained"
    )
    axes, rows = figure.subplots(), range(len(results))
    shares = [_share(result, result.ratio) for result in results]
    axes.hlines(rows, 1, shares, color=[_MET if result.met else _MISSED for result in results], linewidth=5)
    axes.axvline(1, color=_LIMIT, linewidth=1)
    limits = {row: _share(result, result.limit) for row, result in enumerate(results) if result.limit}
    axes.scatter(limits.values(), limits.keys(), marker="|", s=90, color=_LIMIT, linewidths=1.6, zorder=3)
    _set_logarithmic(axes, [0.125, 0.25, 0.5, 1, 2, 4, 8])
    axes.set(xlim=(min(0.3, *shares) / 1.2, max(2.0, *shares) * 1.2), ylim=(len(results) - 0.4, -0.6))
    axes.set_yticks(rows, [f"{each.target.title}: {each.ratio:.2f} ({each.target.bound})" for each in results])
    axes.set_title("met < target > missed", fontsize=9)
    axes.set_xlabel("ratio / target; ticks are limits")
    return figure


def _share(result: TargetResult, ratio: float) -> float:
    target = result.target
    return ratio / target.at_most if target.at_most is not None else (target.at_least or 1.0) / ratio


def _set_logarithmic(axes: Any, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=7)
    axes.minorticks_off()


def _draw_scaling(results: Sequence[Result], fits: Sequence[ScalingFit]) -> Any:
    """Draw time against size, both logarithmic, one panel a variable."""
    panels: dict[str, list[ScalingFit]] = {}
    for fit in fits:
        panels.setdefault(fit.benchmark.removeprefix("scaling with ").partition(",")[0], []).append(fit)
    figure = require("matplotlib.figure", extra="report").Figure(figsize=(_WIDTH, 2.9), layout="constrained")
    row = figure.subplots(ncols=len(panels), sharey=True, squeeze=False)[0]
    for axes, (variable, curves) in zip(row, panels.items(), strict=True):
        for fit in curves:
            key = (fit.benchmark, fit.pass_name)
            points = [result for result in results if (result.benchmark, result.pass_name) == key]
            sizes, threads = [float(point.implementation) for point in points], points[0].threads
            axes.plot(
                sizes,
                [point.milliseconds for point in points],
                marker=".",
                linewidth=1.2,
                label=f"{fit.pass_name}, {threads} thread{'s' * (threads > 1)}",
                color=_MET if fit.pass_name == "forward" else _MISSED,
                linestyle="-" if threads > 1 else ":",
            )
            _set_logarithmic(axes, sizes)
        powers = [fit.exponent for fit in curves]
        axes.set(yscale="log", xlabel=f"{variable}\npower {min(powers):.2f} to {max(powers):.2f}")
        axes.minorticks_off()
    row[0].set_ylabel("milliseconds")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure
