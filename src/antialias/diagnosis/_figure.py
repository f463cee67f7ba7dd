"""Sites along the depth of a network, cause and effect as bars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from antialias._extras import require

from ._text import helps

if TYPE_CHECKING:
    from ._result import Diagnosis

_COLOURS = {"problem": "#c1440e", "hint": "#d99a1c", "fine": "#1b7f5c", "not applicable": "#9a9a9a"}
_PALE = "#c9c9c9"
# Text stays text, and the same numbers give the same file.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "antialias", "font.size": 9, "axes.spines.top": False}
_STYLE |= {"axes.spines.right": False, "axes.spines.left": False, "font.family": "sans-serif"}


def draw_sites(diagnosis: Diagnosis, path: Path) -> Path:
    """Draw a line for each site from the input downwards: on the left its cause, on the right its effect.

    Raises:
        ImportError: matplotlib is not installed.
    """
    sites, places = diagnosis.sites, range(len(diagnosis.sites))
    with require("matplotlib", extra="report").rc_context(_STYLE):
        height = 1.7 + 0.42 * len(sites)
        figure = require("matplotlib.figure", extra="report").Figure(figsize=(9.0, height), layout="constrained")
        cause, effect = figure.subplots(1, 2, sharey=True)
        colours = [_COLOURS[site.result] for site in sites]
        for axes, names in ((cause, ("alias_share", "tangled_share")), (effect, ("effect", "ideal"))):
            for name, offset, thick in zip(names, (-0.18, 0.18), (0.34, 0.22), strict=True):
                _draw_bars(axes, diagnosis, name, offset, thick, colours if name == names[0] else [_PALE] * len(sites))
        first = [site.rank == 1 and helps(site) for site in sites]
        labels = [
            f"{site.name}{' (first here)' * here}\n{site.operation} /{max(site.stride)}, {site.code} {site.result}"
            for site, here in zip(sites, first, strict=True)
        ]
        cause.set_yticks(list(places), labels)
        most = max((site.alias_share.interval[1] for site in sites if site.alias_share is not None), default=1)
        cause.set(xlim=(0, min(100, 25 * (4 * most // 1 + 1))), xlabel="% of the map's energy")
        cause.set_ylim(len(sites) - 0.5, -0.5)
        cause.set_title("cause: above the new limit (below, grey: tangled)", fontsize=9, loc="left")
        effect.set(xlabel="one-pixel flips taken away, points; 95 % intervals")
        effect.set_title("effect: phases averaged (below, grey: ideal filter)", fontsize=9, loc="left")
        effect.axvline(0, color="black", linewidth=0.8)
        for axes in (cause, effect):
            axes.tick_params(length=0)
            axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
            axes.set_axisbelow(True)
        patch = require("matplotlib.patches", extra="report").Patch
        shown = [result for result in _COLOURS if any(site.result == result for site in sites)]
        handles = [patch(color=_COLOURS[result], label=result) for result in shown]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8)
        flips = diagnosis.flips
        figure.suptitle(
            f"{diagnosis.network}: {100 * flips.value:.1f} % of the answers to {flips.images} images flip at one pixel",
            fontsize=10,
            x=0.01,
            ha="left",
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=150)
    return path


def _draw_bars(axes: Any, diagnosis: Diagnosis, name: str, offset: float, thick: float, colours: list[str]) -> None:
    for place, (site, colour) in enumerate(zip(diagnosis.sites, colours, strict=True)):
        if (score := getattr(site, name)) is None:
            axes.annotate("not measured", (0, place + offset), fontsize=6, color="#777777", va="center")
            continue
        axes.barh(place + offset, 100 * score.value, height=thick, color=colour)
        low, high = (100 * bound for bound in score.interval)
        axes.hlines(place + offset, low, high, color="#333333", linewidth=0.8)
