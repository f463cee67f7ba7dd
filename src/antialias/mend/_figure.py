"""Flips against cost, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from antialias._extras import require
from antialias._files import in_one_move

if TYPE_CHECKING:
    from ._result import Mending

_FRONT, _OTHER, _YARDSTICK = "#1b7f5c", "#888888", "#c1440e"
# Text stays text, and the same numbers give the same file.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "antialias", "font.size": 9, "axes.spines.top": False}
_STYLE |= {"axes.spines.right": False, "font.family": "sans-serif"}


def draw_front(mending: Mending, path: Path) -> Path:
    """Draw every reported trial with its interval, the front as a line, and the yardstick in another colour.

    Raises:
        ImportError: matplotlib is not installed.
    """
    front, reported = mending.front, [trial for trial in mending.table if trial.scores]
    with require("matplotlib", extra="report").rc_context(_STYLE):
        figure = require("matplotlib.figure", extra="report").Figure(figsize=(7.0, 4.2), layout="constrained")
        axes = figure.subplots()
        axes.step(
            [trial.cost for trial in front],
            [100 * trial.flips for trial in front],
            where="post",
            color=_FRONT,
            linewidth=1,
        )
        for trial in reported:
            color = _YARDSTICK if trial.remedy.copies > 1 else _FRONT if trial in front else _OTHER
            low, high = (100 * bound for bound in trial.scores["flips"].interval)
            axes.vlines(trial.cost, low, high, color=color, linewidth=1, alpha=0.5)
            chosen = trial is mending.chosen
            axes.scatter([trial.cost], [100 * trial.flips], s=60 if chosen else 22, color=color, zorder=3)
            place = {"xytext": (5, 3), "textcoords": "offset points", "fontsize": 7, "color": color}
            axes.annotate(trial.name + " (applied)" * chosen, (trial.cost, 100 * trial.flips), **place)
        axes.axvline(mending.budget, color=_OTHER, linewidth=0.8, linestyle=":")
        axes.set(xlabel="multiply-adds relative to the network as given; dotted: the budget", ylim=(0, None))
        axes.set_ylabel(f"{mending.counted}, %")
        metadata, kind = {"Date": None} if path.suffix == ".svg" else None, path.suffix.removeprefix(".") or None
        with in_one_move(path) as unfinished:
            figure.savefig(unfinished, format=kind, metadata=metadata, bbox_inches="tight")
    return path
