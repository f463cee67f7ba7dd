"""Draw where predicted filters blur: `python examples/filter_figure.py runs/adaptive/model.safetensors`.

The article's figure: beside each image the variance of the filters' weights at every position, low where they blur
strongly. Under it, filters at the position of the lowest and of the highest variance, and the mean frequency response.
All maps of a site share one colour scale. The network is one that `antialias train classification --filter adaptive`
wrote.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from torch import Tensor

import antialias as aa
from antialias.data import open_data
from antialias.metrics import PredictedFilters, predicted_filters

OUT = Path(__file__).parents[1] / "docs" / "images" / "filters.png"
SITES, IMAGES, FIRST = 3, 4, 6


def draw(network: torch.nn.Module, images: Tensor, out: Path) -> None:
    """Draw images and, for the first sites, maps of the variance, filters and the mean response."""
    predicted = dict(list(predicted_filters(network, images).items())[:SITES])
    plt.rcParams.update({"font.size": 9})
    figure, axes = plt.subplots(
        SITES + 1,
        IMAGES + 3,
        figsize=(1.55 * (IMAGES + 3), 1.72 * (SITES + 1)),
        width_ratios=[1] * IMAGES + [0.55, 0.55, 1.1],
        layout="constrained",
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for axis in axes[0, IMAGES:]:
        axis.axis("off")
    for axis, image in zip(axes[0], images, strict=False):
        axis.imshow(image.permute(1, 2, 0))
    axes[0, 0].set_ylabel("image")
    for row, (name, filters) in zip(axes[1:], predicted.items(), strict=True):
        draw_site(row, name, filters)
    figure.savefig(out, dpi=130)


def draw_site(row: list[Axes], name: str, filters: PredictedFilters) -> None:
    """Draw one site: its maps on one scale, two filters of the first image's first group, the mean response."""
    variance = filters.variance().mean(1)
    taps = filters.kernel_size**2
    scale = {"vmin": float(variance.min()), "vmax": float(variance.max()), "cmap": "cividis"}
    for axis, map in zip(row[:IMAGES], variance, strict=True):
        drawn = axis.imshow(map, **scale)
    row[0].set_ylabel(name.replace(".antialias", ""), fontsize=8)
    bar = row[IMAGES - 1].figure.colorbar(drawn, ax=row[IMAGES - 1], fraction=0.05, pad=0.03)
    bar.ax.tick_params(labelsize=6)
    first = filters.variance()[0, 0]
    for axis, place, words in zip(
        row[IMAGES : IMAGES + 2], (first.argmin(), first.argmax()), ("blurs", "lets pass"), strict=True
    ):
        position = divmod(int(place), first.shape[1])
        kernel = filters.kernels([position])[0, 0, 0]
        axis.imshow(kernel, vmin=0, vmax=max(float(filters.kernels([position]).max()), 2 / taps), cmap="gray")
        axis.set_title(words, fontsize=8)
    response = filters.response(33).mean((0, 1))
    axis = row[IMAGES + 2]
    axis.imshow(response, vmin=0, vmax=1, extent=(-0.5, 0.5, -0.5, 0.5), cmap="gray")
    axis.set_title("mean response", fontsize=8)
    limits = [0.5 / step for step in filters.stride]
    axis.add_patch(
        plt.Rectangle((-limits[1], -limits[0]), 2 * limits[1], 2 * limits[0], fill=False, edgecolor="#ff9152", lw=1)
    )


if __name__ == "__main__":
    data = open_data("scenes", "test", length=FIRST + IMAGES)
    pixels = data.labelled(torch.arange(FIRST, FIRST + IMAGES))[0].float() / 255
    draw(aa.load(sys.argv[1]), pixels, Path(sys.argv[2]) if len(sys.argv) > 2 else OUT)
