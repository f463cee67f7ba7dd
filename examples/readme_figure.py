"""Draw the README's picture from the data of a demo: `python examples/readme_figure.py report/report.json`."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from PIL import Image

from antialias.report import FilterMaps, Report, ShiftViewer, Trace
from antialias.results import Table

COLOURS = ("#7a7f87", "#0b6fb8", "#d1495b")
OUT = Path(__file__).parents[1] / "docs" / "images" / "readme.png"


def draw(report: Report, out: Path) -> None:
    """Draw a moving photograph's answers, the trained networks' scores and the predicted filters side by side."""
    assert report.training is not None
    viewer = max(report.viewers, key=lambda viewer: len(viewer.traces[0].flips))
    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.3), width_ratios=(1, 2, 2, 2.1), layout="constrained")
    draw_picture(axes[0], viewer)
    draw_answers(axes[1], viewer.traces[0])
    draw_scores(axes[2], report.training)
    draw_filters(axes[3], report.filters[0])
    figure.savefig(out, dpi=110)


def draw_picture(axes: Axes, viewer: ShiftViewer) -> None:
    """Show what the network sees at the first position."""
    pixels = Image.open(io.BytesIO(base64.b64decode(viewer.image.data.partition(",")[2])))
    (left, top), (height, width) = viewer.path[0], viewer.window
    axes.imshow(pixels.crop((left, top, left + width, top + height)))
    axes.set(xticks=[], yticks=[], title="a picture moves ...")


def draw_answers(axes: Axes, trace: Trace) -> None:
    """Draw one bar a position: as high as the first answer's probability, coloured by the answer."""
    names = list(dict.fromkeys(trace.labels))
    palette = plt.get_cmap("tab10")
    for name in names:
        heights = [100 * best[0].probability if best[0].label == name else 0 for best in trace.predictions]
        axes.bar(range(len(heights)), heights, width=1, label=name, color=palette(names.index(name)))
    axes.set(xlabel="pixels to the right", ylabel="probability, %", title="... and the answer changes")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
    axes.set_ylim(0, 1.55 * max(100 * best[0].probability for best in trace.predictions))


def draw_scores(axes: Axes, table: Table) -> None:
    """Draw accuracy and one-pixel flips of the networks trained from scratch, with their intervals."""
    for shift, (row, colour) in enumerate(zip(table.rows, COLOURS, strict=True)):
        cells = [table.cell(row.network, key) for key in ("accuracy", "consistency", "top1_change")]
        values = np.array([[100 * (x or 0) for x in (cell.value, cell.low, cell.high)] for cell in cells])
        errors = [values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]]
        axes.bar(np.arange(3) + 0.27 * (shift - 1), values[:, 0], 0.25, yerr=errors, label=row.network, color=colour)
    axes.set(
        xticks=range(3),
        xticklabels=["accuracy", "consistency", "flips"],
        ylabel="%",
        ylim=(0, 118),
        yticks=range(0, 101, 20),
    )
    axes.set_title("trained from scratch")
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper center", columnspacing=0.8, handlelength=1)


def draw_filters(axes: Axes, maps: FilterMaps) -> None:
    """Show a picture beside the variance of the filters predicted for it."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(maps.image.data.partition(",")[2]))).convert("RGB"))
    site = maps.sites[0]
    variance = np.array(site.values).reshape(site.height, site.width)
    variance = (variance - variance.min()) / max(float(np.ptp(variance)), 1e-9)
    painted = Image.fromarray((255 * plt.get_cmap("cividis")(variance)[..., :3]).astype(np.uint8))
    painted = np.asarray(painted.resize(pixels.shape[1::-1], Image.Resampling.NEAREST))
    gap = np.full((pixels.shape[0], 4, 3), 255, np.uint8)
    axes.imshow(np.concatenate([pixels, gap, painted], axis=1))
    axes.set(xticks=[], yticks=[], title="predicted filters: blur (dark) or pass (bright)")
    axes.spines[:].set_visible(False)


if __name__ == "__main__":
    draw(Report.from_json(Path(sys.argv[1]).read_text()), OUT)
