"""Every figure of a report for papers and slides, as SVG and PNG, and its numbers as CSV."""

from __future__ import annotations

import base64
import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import pad

from antialias._extras import require
from antialias.results import Line, Table, lines_csv, table_csv

from ._report import Mended, Report
from ._similarity import Similarity
from .images import FilterMaps, Image, InstanceView, SegmentationView, ShiftViewer

# Text stays text, and the same numbers give the same file.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "antialias", "font.size": 9, "font.family": "sans-serif"}
_STYLE |= {"axes.spines.top": False, "axes.spines.right": False, "image.cmap": "cividis"}
_COLOURS = ("#6b7280", "#0067b5", "#c84a00", "#a33a78", "#00795a", "#8a6500")
_MARKERS = ("o", "s", "^", "D", "v", "P")


def data_of(report: Report, *, filters: bool = True) -> dict[str, str]:
    """Return the numbers of each table and figure as CSV text, by what its file is called.

    Args:
        report: The report.
        filters: Include those of the filter maps, which are many.
    """
    tables = {"table": report.table, "training": report.training}
    tables |= {f"mended-{number}": mended.table for number, mended in enumerate(report.mended, 1)}
    tables |= {f"similarity-{number}": one.table for number, one in enumerate(report.similarities, 1)}
    texts = {name: table_csv(table) for name, table in tables.items() if table}
    if report.curves:
        texts["curves"] = lines_csv(report.curves)
    for number, viewer in enumerate(report.viewers, 1):
        steps = (
            (trace.network, *viewer.path[i], place, one.label, one.probability)
            for trace in viewer.traces
            for i, best in enumerate(trace.predictions)
            for place, one in enumerate(best, 1)
        )
        texts[f"move-{number}"] = _csv(("network", "left", "top", "rank", "class", "probability"), steps)
    for number, view in enumerate(report.segmentations, 1):
        shares = ((one.network, view.moves, one.share, one.ever) for one in view.maps)
        texts[f"labels-{number}"] = _csv(("network", "moves", "share_of_pixels_a_move", "share_ever"), shares)
    for number, view in enumerate(report.detections, 1):
        found = (
            (
                trace.network,
                place,
                one.label,
                *view.path[i],
                one.scores[i],
                *(one.boxes[i] or [""] * 4),
                one.outlines[i],
            )
            for trace in view.traces
            for place, one in enumerate(trace.objects, 1)
            for i in range(len(view.path))
        )
        heading = ("network", "object", "class", "left", "top", "score", "x1", "y1", "x2", "y2", "outline")
        texts[f"objects-{number}"] = _csv(heading, found)
    for number, diagnosis in enumerate(report.diagnoses, 1):
        texts[f"diagnosis-{number}"] = diagnosis.to_csv()
    for number, maps in enumerate(report.filters if filters else (), 1):
        values = (
            (maps.network, one.site, i // one.width, i % one.width, value)
            for one in maps.sites
            for i, value in enumerate(one.values)
        )
        texts[f"filters-{number}"] = _csv(("network", "site", "row", "column", "variance"), values)
        if any(one.weights for one in maps.sites):
            columns = ("network", "site", "group", "row", "column", "variance", "entropy", "offset", "weights")
            texts[f"filter-groups-{number}"] = _csv(columns, group_rows(maps))
    return texts


def group_rows(maps: FilterMaps) -> Iterator[tuple[object, ...]]:
    """Go through every held filter of a network on a picture: where it is, what it is, and its weights."""
    for site in (site for site in maps.sites if site.weights):
        filters = site.filters()
        measures = (filters.variance(), filters.entropy(), filters.offset().norm(dim=2))
        quantities = torch.stack([measure[0] for measure in measures], -1).tolist()
        weights = filters.weights[0].movedim(1, -1).tolist()
        for group, row, column in itertools.product(range(site.groups), range(site.rows), range(site.columns)):
            yield (
                *(maps.network, site.site, group + 1, row * site.step, column * site.step),
                *(f"{value:.4g}" for value in quantities[group][row][column]),
                " ".join(f"{weight:.4f}" for weight in weights[group][row][column]),
            )


def write_figures(report: Report, folder: str | Path) -> list[Path]:
    """Draw every figure of a report; return the files.

    Each is there as SVG, as PNG, and as CSV with its numbers: `table`, `training`, `mended-1`, `curves`, `move-1`,
    `labels-1`, `objects-1`, `diagnosis-1`, `filters-1`, `filter-groups-1`,
    `similarity-1`, ... Maps of one network share one colour scale, so that flat
    ones look flat.

    Args:
        report: The report.
        folder: Where to, made if missing.

    Raises:
        ImportError: matplotlib is not installed; the message names the extra.
    """
    matplotlib, module = (require(name, extra="report") for name in ("matplotlib", "matplotlib.figure"))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[Any], None]] = {}
    for name, table in (("table", report.table), ("training", report.training)):
        if table is not None and _columns_with_intervals(table):
            drawings[name] = lambda figure, table=table: draw_table(figure, table)
    for number, mended in enumerate(report.mended, 1):
        drawings[f"mended-{number}"] = lambda figure, mended=mended: draw_front(figure, mended)
    if report.curves:
        drawings["curves"] = lambda figure: draw_curves(figure, report.curves)
    for number, viewer in enumerate(report.viewers, 1):
        drawings[f"move-{number}"] = lambda figure, viewer=viewer: draw_viewer(figure, viewer)
    for number, view in enumerate(report.segmentations, 1):
        drawings[f"labels-{number}"] = lambda figure, view=view: draw_labels(figure, view)
    for number, view in enumerate(report.detections, 1):
        drawings[f"objects-{number}"] = lambda figure, view=view: draw_objects(figure, view)
    for number, maps in enumerate(report.filters, 1):
        alike = [one for one in report.filters if one.network == maps.network]
        drawings[f"filters-{number}"] = lambda figure, maps=maps, alike=alike: draw_maps(figure, maps, alike)
        if any(site.weights for site in maps.sites):
            drawings[f"filter-groups-{number}"] = lambda figure, maps=maps, alike=alike: draw_groups(
                figure, maps, alike
            )
    for number, one in enumerate(report.similarities, 1):
        drawings[f"similarity-{number}"] = lambda figure, one=one: draw_similarity(figure, one)
    written = []
    for name, text in data_of(report).items():
        written.append(folder / f"{name}.csv")
        written[-1].write_text(text, encoding="utf-8")
    with matplotlib.rc_context(_STYLE):
        for name, draw in drawings.items():
            figure = module.Figure(layout="constrained")
            draw(figure)
            for ending, options in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 200})):
                written.append(folder / f"{name}.{ending}")
                figure.savefig(written[-1], **options)
    for number, diagnosis in enumerate(report.diagnoses, 1):
        written += [diagnosis.draw(folder / f"diagnosis-{number}.{ending}") for ending in ("svg", "png")]
    return sorted(written)


def draw_table(figure: Any, table: Table) -> None:
    """Draw the scores of a table with their intervals, a panel a column and a line a network."""
    columns = _columns_with_intervals(table)
    names = [row.network for row in table.rows]
    figure.set_size_inches(2.2 * len(columns) + 1.5, 0.36 * len(names) + 1.1)
    panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for axes, number in zip(panels, columns, strict=True):
        column = table.columns[number]
        factor = 100 if column.unit == "%" else 1
        for y, row in enumerate(table.rows):
            cell = row.cells[number]
            if cell.value is None:
                continue
            colour = _COLOURS[y % len(_COLOURS)]
            if cell.low is not None and cell.high is not None:
                axes.plot((factor * cell.low, factor * cell.high), (y, y), color=colour, linewidth=2)
            axes.plot(factor * cell.value, y, _MARKERS[y % len(_MARKERS)], color=colour)
            axes.plot([factor * run for run in cell.runs], [y + 0.25] * len(cell.runs), "|", color=colour)
        better = {"higher": " (higher is better)", "lower": " (lower is better)"}.get(column.better, "")
        axes.set_title(column.title, loc="left", fontsize=9)
        axes.set_xlabel(f"{column.unit}{better}", fontsize=8)
        axes.set_ylim(len(names) - 0.5, -0.5)
    panels[0].set_yticks(range(len(names)), names)


def draw_similarity(figure: Any, similarity: Similarity) -> None:
    """Draw the difference in similarity of each site with its interval, over where chance puts it."""
    names = [row.network.removesuffix(".antialias") for row in similarity.table.rows]
    figure.set_size_inches(6.4, 0.36 * len(names) + 1.1)
    axes = figure.subplots()
    for y, (row, bounds) in enumerate(zip(similarity.table.rows, similarity.chance, strict=True)):
        cell = similarity.table.cell(row.network, "contrast")
        if cell.value is None or bounds is None:
            continue
        axes.plot(bounds, (y, y), color=_COLOURS[0], alpha=0.35, linewidth=9, solid_capstyle="butt")
        axes.plot((cell.low, cell.high), (y, y), color=_COLOURS[1], linewidth=2)
        axes.plot(cell.value, y, _MARKERS[0], color=_COLOURS[1])
    axes.axvline(0, color=_COLOURS[0], linewidth=1)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("similarity within groups minus between; grey: groups dealt at random")
    axes.set_title(similarity.network, loc="left", fontsize=9)


def draw_front(figure: Any, mended: Mended) -> None:
    """Draw what was tried on one network by cost and flips; the line joins what no cheaper one equals."""
    figure.set_size_inches(6.4, 4.0)
    axes = figure.subplots()
    cells = {row.network: mended.table.cell(row.network, "flips") for row in mended.table.rows}
    costs = {name: mended.table.cell(name, "cost").value or 0.0 for name in cells}
    for name, cell in cells.items():
        colour = _COLOURS[4] if name in mended.front else _COLOURS[0]
        low, high = (100 * ((cell.value if bound is None else bound) or 0.0) for bound in (cell.low, cell.high))
        axes.vlines(costs[name], low, high, color=colour, alpha=0.5)
        axes.plot(
            costs[name], 100 * (cell.value or 0.0), "o", color=colour, markersize=9 if name == mended.chosen else 5
        )
        words = f"{name} (applied)" if name == mended.chosen else name
        axes.annotate(words, (costs[name], 100 * (cell.value or 0.0)), (6, 4), textcoords="offset points", fontsize=7)
    front = sorted(mended.front, key=costs.__getitem__)
    axes.step(
        [costs[name] for name in front],
        [100 * (cells[name].value or 0.0) for name in front],
        where="post",
        color=_COLOURS[4],
        linewidth=1,
    )
    if mended.budget is not None:
        axes.axvline(mended.budget, color=_COLOURS[0], linestyle=":", linewidth=1)
    axes.set(xlabel="multiply-adds, times those of the network as given", ylabel="flips, %", ylim=(0, None))
    axes.set_title(mended.network, loc="left", fontsize=9)


def draw_curves(figure: Any, lines: Sequence[Line]) -> None:
    """Draw flip rates against the distance, a panel a direction, with their intervals as bands."""
    directions = list(dict.fromkeys(line.direction for line in lines))
    networks = list(dict.fromkeys(line.network for line in lines))
    figure.set_size_inches(2.9 * len(directions), 2.9)
    panels = figure.subplots(1, len(directions), sharey=True, squeeze=False)[0]
    for axes, direction in zip(panels, directions, strict=True):
        for line in (line for line in lines if line.direction == direction):
            place = networks.index(line.network)
            cells = [(x, cell) for x, cell in zip(line.distances, line.cells, strict=True) if cell.value is not None]
            distances = [x for x, _ in cells]
            style = {
                "color": _COLOURS[place % len(_COLOURS)],
                "linestyle": ":" if place == 0 else "-",
                "zorder": 9 - place,
            }
            values = [100 * (cell.value or 0.0) for _, cell in cells]
            axes.plot(
                distances, values, marker=_MARKERS[place % len(_MARKERS)], label=line.network, markersize=4, **style
            )
            bounds = [(cell.value if low is None else low) for _, cell in cells for low in (cell.low, cell.high)]
            low, high = ([100 * (bound or 0.0) for bound in bounds[first::2]] for first in (0, 1))
            axes.fill_between(distances, low, high, alpha=0.14, linewidth=0, color=style["color"])
        axes.set_title(direction, loc="left", fontsize=9)
        axes.set(xlabel="shift, pixels")
    panels[0].set_ylim(0, None)
    panels[0].set_ylabel("flips, %")
    panels[0].legend(frameon=False, fontsize=7)


def draw_viewer(figure: Any, viewer: ShiftViewer) -> None:
    """Draw a picture with its first window, and each network's first answers along the path."""
    figure.set_size_inches(8.0, 1.2 + 1.3 * len(viewer.traces))
    scene, lanes = figure.subfigures(1, 2, width_ratios=(1, 2.6))
    axes = scene.subplots()
    _show(axes, viewer.image)
    (left, top), (height, width) = viewer.path[0], viewer.window
    rectangle = require("matplotlib.patches", extra="report").Rectangle
    axes.add_patch(rectangle((left, top), width, height, fill=False, edgecolor="white", linewidth=1.5))
    answers = list(dict.fromkeys(label for trace in viewer.traces for label in trace.labels))
    panels = lanes.subplots(len(viewer.traces), 1, sharex=True, squeeze=False)[:, 0]
    for panel, trace in zip(panels, viewer.traces, strict=True):
        for place, answer in enumerate(answers):
            steps = [i for i, label in enumerate(trace.labels) if label == answer]
            heights = [100 * trace.predictions[i][0].probability for i in steps]
            panel.bar(steps, heights, width=0.9, color=f"C{place % 10}", label=answer)
        flips = f"{len(trace.flips)} flips in {len(trace.labels) - 1} moves"
        panel.set_title(f"{trace.network}: {flips}", loc="left", fontsize=9)
        panel.set_ylabel("%")
    panels[-1].set_xlabel("pixels along the path")
    handles, labels = panels[0].get_legend_handles_labels()
    lanes.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=7)


def draw_labels(figure: Any, view: SegmentationView) -> None:
    """Draw a picture, and each network's classes over how often its pixels flip."""
    figure.set_size_inches(2.1 * (1 + len(view.maps)), 4.7)
    axes = figure.subplots(2, 1 + len(view.maps))
    _show(axes[0, 0], view.image)
    axes[0, 0].set_title(view.image.name, loc="left", fontsize=8)
    axes[1, 0].set_axis_off()
    patch = require("matplotlib.patches", extra="report").Patch
    handles = [patch(color=colour, label=name) for name, colour in view.legend]
    axes[1, 0].legend(handles=handles, loc="upper left", frameon=False, fontsize=7, borderpad=0)
    for (upper, lower), one in zip(axes.T[1:], view.maps, strict=True):
        _show(upper, one.labels)
        _show(lower, one.flips)
        upper.set_title(one.network, loc="left", fontsize=8)
        lower.set_title(f"{100 * one.share:.2f} % of pixels flip a move", loc="left", fontsize=8)


def draw_objects(figure: Any, view: InstanceView) -> None:
    """Draw a picture with what counts at the first position, and how sure each detector is of each object."""
    figure.set_size_inches(8.0, 0.4 + 2.4 * len(view.traces))
    patches = require("matplotlib.patches", extra="report")
    panels = figure.subplots(len(view.traces), 2, squeeze=False, width_ratios=(1, 1.9))
    for (scene, axes), trace in zip(panels, view.traces, strict=True):
        _show(scene, view.image)
        (left, top), (height, width) = view.path[0], view.window
        scene.add_patch(patches.Rectangle((left, top), width, height, fill=False, edgecolor="white", linewidth=1.5))
        for place, one in enumerate(trace.objects):
            colour = f"C{place % 10}"
            values = [float("nan") if score is None else 100 * score for score in one.scores]
            axes.plot(values, color=colour, label=f"{place + 1} {one.label}", marker=".", markersize=4)
            counts = one.counts(view.least)
            for step in (i for i in range(1, len(counts)) if counts[i] != counts[i - 1]):
                value = 0.0 if one.scores[step] is None else values[step]
                face = colour if counts[step] else "white"
                axes.plot(step, value, "^" if counts[step] else "v", color=colour, markerfacecolor=face, zorder=9)
            if counts[0] and (box := one.boxes[0]) is not None:
                sides = (box[2] - box[0], box[3] - box[1])
                scene.add_patch(patches.Rectangle(box[:2], *sides, fill=False, edgecolor=colour, linewidth=1.5))
        axes.axhline(100 * view.least, color=_COLOURS[0], linestyle=":", linewidth=1)
        come, go = (sum(change) for change in zip(*trace.changes(view.least), strict=True)) if trace.objects else (0, 0)
        axes.set_title(
            f"{trace.network}: {come} appear, {go} vanish in {len(view.path) - 1} moves", loc="left", fontsize=9
        )
        axes.set(ylim=(0, None), ylabel="sureness, %")
        if trace.objects:
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=7)
    panels[-1][1].set_xlabel("pixels along the path")


def draw_maps(figure: Any, maps: FilterMaps, alike: Sequence[FilterMaps]) -> None:
    """Draw a picture and its maps of filter variance, on the one colour scale of all maps of the network."""
    values = [value for one in alike for site in one.sites for value in site.values]
    count = 1 + len(maps.sites)
    figure.set_size_inches(1.7 * count + 0.6, 2.2)
    first, *others = figure.subplots(1, count)
    _show(first, maps.image)
    first.set_title(maps.image.name, loc="left", fontsize=8)
    for axes, site in zip(others, maps.sites, strict=True):
        rows = [site.values[i : i + site.width] for i in range(0, len(site.values), site.width)]
        drawn = axes.imshow(rows, vmin=min(values), vmax=max(values))
        axes.set(xticks=[], yticks=[])
        axes.set_title(site.site.removesuffix(".antialias"), loc="left", fontsize=7)
    figure.colorbar(drawn, ax=others, fraction=0.05, label="variance: low blurs, high lets pass")


def draw_groups(figure: Any, maps: FilterMaps, alike: Sequence[FilterMaps]) -> None:
    """Draw the variance map of every group, a row a site, on the one colour scale of the network's groups."""
    variances = {
        (one.image.name, site.site): site.filters().variance()[0] for one in alike for site in one.sites if site.weights
    }
    shown = [site for site in maps.sites if site.weights]
    low, high = (
        float(bound(torch.stack([bound(values) for values in variances.values()])))
        for bound in (torch.amin, torch.amax)
    )
    figure.set_size_inches(1.0 * max(site.groups for site in shown) + 2.2, 1.15 * len(shown) + 0.4)
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for axes, site in zip(panels, shown, strict=True):
        # A blank column between groups.
        padded = pad(variances[maps.image.name, site.site], (0, max(1, site.columns // 12)), value=float("nan"))
        drawn = axes.imshow(padded.movedim(0, 1).flatten(1).tolist(), vmin=low, vmax=high)
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
        axes.set_title(site.site.removesuffix(".antialias"), loc="left", fontsize=7)
    figure.colorbar(drawn, ax=list(panels), fraction=0.05, label="variance, group by group")


def _columns_with_intervals(table: Table) -> list[int]:
    return [i for i in range(len(table.columns)) if any(row.cells[i].low is not None for row in table.rows)]


def _show(axes: Any, image: Image) -> None:
    """Draw an embedded picture without a frame."""
    pixels = require("PIL.Image", extra="report").open(io.BytesIO(base64.b64decode(image.data.partition(",")[2])))
    axes.imshow(pixels)
    axes.set_axis_off()


def _csv(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([heading, *rows])
    return buffer.getvalue()
