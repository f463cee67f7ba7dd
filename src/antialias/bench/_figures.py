"""Figures of a device's results, drawn from its CSV alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from antialias._extras import require

from ._bars import Growth, Verdict, growths, verdicts
from ._files import read_results, words
from ._measure import Result

_MET, _MISSED, _LIMIT = "#1b7f5c", "#c1440e", "#333333"
_WIDTH = 9.0
# Text stays text, and the same numbers give the same file.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "antialias", "font.size": 9, "axes.spines.top": False}
_STYLE |= {"axes.spines.right": False, "font.family": "sans-serif"}


def draw(csv: str | Path) -> list[Path]:
    """Draw the bars and the scaling curves of one CSV beside it, as SVG.

    Args:
        csv: What `write_results` wrote.

    Returns:
        The files; none for what was not measured.
    """
    path, results = Path(csv), read_results(csv)
    figures = {"bars": _bars(verdicts(results)), "scaling": _scaling(results, growths(results))}
    return [_save(figure, path.with_name(f"{path.stem}-{name}.svg")) for name, figure in figures.items() if figure]


def _save(figure: Any, path: Path) -> Path:
    with require("matplotlib", extra="report").rc_context(_STYLE):
        figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return path


def _figure(height: float, **panels: Any) -> tuple[Any, Any]:
    with require("matplotlib", extra="report").rc_context(_STYLE):
        figure = require("matplotlib.figure", extra="report").Figure(figsize=(_WIDTH, height), layout="constrained")
        return figure, figure.subplots(**panels)


def _bars(found: Sequence[Verdict]) -> Any:
    """Draw each ratio as a share of its bar, so that 1 is the bar and less is better whichever way it bounds."""
    if not found:
        return None
    figure, axes = _figure(0.9 + 0.26 * len(found))
    shares, rows = [_share(verdict, verdict.ratio) for verdict in found], range(len(found))
    colours = [_MET if verdict.met else _MISSED for verdict in found]
    axes.hlines(rows, 1, shares, color=colours, linewidth=5)
    axes.axvline(1, color=_LIMIT, linewidth=1)
    _limits(axes, found)
    _logarithmic(axes, [0.125, 0.25, 0.5, 1, 2, 4, 8])
    axes.set(xlim=(min(0.3, *shares) / 1.2, max(2.0, *shares) * 1.2), ylim=(len(found) - 0.4, -0.6))
    axes.set_yticks(rows, [f"{v.bar.title}: {words(v.ratio)} ({v.bar.wanted})" for v in found])
    axes.set_title("kept < bar > missed", fontsize=9)
    axes.set_xlabel("ratio / bar; ticks are limits")
    return figure


def _logarithmic(axes: Any, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=7)
    axes.minorticks_off()


def _limits(axes: Any, found: Sequence[Verdict]) -> None:
    rows = [row for row, verdict in enumerate(found) if verdict.limit]
    places = [_share(found[row], found[row].limit or 0.0) for row in rows]
    axes.scatter(places, rows, marker="|", s=90, color=_LIMIT, linewidths=1.6, zorder=3)


def _share(verdict: Verdict, ratio: float) -> float:
    bar = verdict.bar
    return ratio / bar.at_most if bar.at_most is not None else (bar.at_least or 1.0) / ratio


def _scaling(results: Iterable[Result], curves: Sequence[Growth]) -> Any:
    """Draw time against size, both logarithmic, one panel a variable."""
    if not curves:
        return None
    points: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        points[result.contest, result.what].append(result)
    variables = list(dict.fromkeys(_variable(curve.contest) for curve in curves))
    figure, panels = _figure(2.9, ncols=len(variables), sharey=True, squeeze=False)
    for axes, variable in zip(panels[0], variables, strict=True):
        mine = [curve for curve in curves if _variable(curve.contest) == variable]
        for curve in mine:
            _curve(axes, points[curve.contest, curve.what])
        sizes, powers = [float(p.contender) for p in points[mine[0].contest, mine[0].what]], [c.exponent for c in mine]
        _logarithmic(axes, sizes)
        axes.set(yscale="log", xlabel=f"{variable}\npower {words(min(powers))} to {words(max(powers))}")
        axes.minorticks_off()
    panels[0][0].set_ylabel("milliseconds")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def _variable(contest: str) -> str:
    return contest.removeprefix("scaling with ").partition(",")[0]


def _curve(axes: Any, points: Sequence[Result]) -> None:
    what, threads, sizes = points[0].what, points[0].threads, [float(point.contender) for point in points]
    style = {"color": _MET if what == "forward" else _MISSED, "linestyle": "-" if threads > 1 else ":"}
    label = f"{what}, {threads} thread{'s' * (threads > 1)}"
    axes.plot(sizes, [point.milliseconds for point in points], marker=".", linewidth=1.2, label=label, **style)
