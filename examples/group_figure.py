"""Draw how maps of a group resemble each other: `python examples/group_figure.py runs/adaptive/model.safetensors`.

The article's other figure and its claim as numbers: feature maps of some groups, the correlation of every pair of
channels, and for each site the mean correlation within groups minus that between groups, with its interval over
images, beside what groups dealt at random give. The network is one that
`antialias train classification --filter adaptive` wrote.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from torch import Tensor

import antialias as aa
from antialias.data import open_data
from antialias.metrics import FilterStatistics, PredictedFilters, predicted_filters

OUT = Path(__file__).parents[1] / "docs" / "images" / "groups.png"
SITE, GROUPS, CHANNELS, IMAGES, SHOWN = 1, 3, 4, 100, 7


def draw(network: torch.nn.Module, images: Tensor, out: Path) -> None:
    """Draw maps, correlations and contrasts side by side."""
    statistics = aa.filter_statistics(network, images)
    predicted = predicted_filters(network, images)
    name = list(predicted)[SITE]
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(12, 3.5), layout="constrained")
    maps, correlations, contrasts = figure.subfigures(1, 3, width_ratios=(1.25, 1, 1.5))
    draw_maps(maps, predicted[name])
    maps.suptitle(f"maps of {GROUPS} groups, {name.replace('.antialias', '')}", fontsize=9)
    draw_correlations(correlations.subplots(), predicted[name])
    draw_contrasts(contrasts.subplots(), statistics)
    figure.savefig(out, dpi=130)
    print(statistics)


def draw_maps(figure: SubFigure, filters: PredictedFilters) -> None:
    """Draw a row of feature maps for each of some groups."""
    axes = figure.subplots(GROUPS, CHANNELS)
    each = filters.maps.shape[1] // filters.groups
    for group, row in enumerate(axes):
        for channel, axis in enumerate(row):
            axis.imshow(filters.maps[SHOWN, group * each + channel], cmap="gray")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        row[0].set_ylabel(f"group {group + 1}")


def draw_correlations(axes: Axes, filters: PredictedFilters) -> None:
    """Draw the correlation of every pair of channels, averaged over images, with the groups framed."""
    values = filters.maps.flatten(2).double()
    unit = torch.nn.functional.normalize(values - values.mean(2, keepdim=True), dim=2)
    drawn = axes.imshow((unit @ unit.mT).mean(0), vmin=-1, vmax=1, cmap="RdBu_r")
    each = filters.maps.shape[1] // filters.groups
    for group in range(filters.groups):
        start = group * each - 0.5
        axes.add_patch(plt.Rectangle((start, start), each, each, fill=False, edgecolor="black", lw=0.8))
    axes.set(xticks=[], yticks=[], xlabel="channel", ylabel="channel")
    axes.set_title("correlation of channels; framed: groups", fontsize=9)
    axes.figure.colorbar(drawn, ax=axes, fraction=0.046, pad=0.03)


def draw_contrasts(axes: Axes, statistics: FilterStatistics) -> None:
    """Draw each site's contrast with its interval, over the range of groups dealt at random."""
    names = [site.name.replace(".antialias", "") for site in statistics.sites]
    for y, site in enumerate(statistics.sites):
        if site.contrast is None:
            continue
        axes.plot(site.chance, (y, y), color="#c9ccd1", lw=9, solid_capstyle="butt", zorder=1)
        axes.plot(site.contrast.interval, (y, y), color="#0067b5", lw=2, zorder=2)
        axes.plot(site.contrast.value, y, "o", color="#0067b5", zorder=3)
    axes.axvline(0, color="#585e66", lw=0.8)
    axes.set(yticks=np.arange(len(names)), yticklabels=names, xlabel="within minus between groups")
    axes.set_title("grey: 95 % of groups dealt at random", fontsize=9)
    axes.invert_yaxis()


if __name__ == "__main__":
    data = open_data("scenes", "test", length=IMAGES)
    pixels = data.labelled(torch.arange(IMAGES))[0].float() / 255
    draw(aa.load(sys.argv[1]), pixels, Path(sys.argv[2]) if len(sys.argv) > 2 else OUT)
