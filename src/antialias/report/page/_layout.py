"""Geometry of the page's figures; the template draws what these say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from antialias._bars import Bar
from antialias.report._report import Mended
from antialias.report._similarity import Similarity
from antialias.report.images import FilterMaps
from antialias.results import Cell, Line, Row

WIDTH, HEIGHT = 340, 264
LEFT, RIGHT, TOP, BOTTOM = 50, 14, 14, 52
ROUND = (1, 2, 2.5, 5, 10)
INTERVALS = 5
# A network's sign, within 16 x 16 pixels: its shape says the same as its colour. Circle, square, triangle, ...
SHAPES = (
    "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "M-4.6 -4.6h9.2v9.2h-9.2z",
    "M0 -6l5.6 10h-11.2z",
    "M0 -6.4l6.4 6.4l-6.4 6.4l-6.4 -6.4z",
    "M-5.6 -4.4h11.2l-5.6 10z",
    "M-2 -6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
)
_CIVIDIS = (
    "00224e00285b002e6a0533711a386f273e6e32436d3b496c434e6c4b546c535a6d5a5f6e61656f686a716f70737676767d7c788482798c8878"
    "938e789b9476a39a74aba072b4a76fbcae6cc4b468cdbb63d5c25edec958e7d150f0d846f9e03afee838"
)


def ramp() -> list[list[int]]:
    """Return the 33 colours of the maps, red, green and blue in 0 to 255, from low to high.

    Source: Nuñez, Anderton, Renslow, "Optimizing colormaps with consideration for color vision deficiency to enable
    accurate interpretation of scientific data", PLOS ONE 2018 (cividis).
    """
    channels = bytes.fromhex(_CIVIDIS)
    return [list(channels[i : i + 3]) for i in range(0, len(channels), 3)]


@dataclass(frozen=True)
class Scale:
    """Map numbers of the data to coordinates of the drawing.

    Args:
        low: Number that lies at `start`.
        high: Number that lies at `stop`.
        start: Coordinate in pixels.
        stop: Coordinate in pixels.
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Give the drawing's coordinate of `value`, to a tenth of a pixel."""
        span = (self.high - self.low) or 1.0
        return round(self.start + (value - self.low) / span * (self.stop - self.start), 1)


@dataclass(frozen=True)
class Dot:
    """Place one score.

    Args:
        x: Coordinate in pixels, to the right.
        y: Coordinate in pixels, downwards.
        distance: Of the shift.
        cell: The score.
    """

    x: float
    y: float
    distance: float
    cell: Cell


@dataclass(frozen=True)
class Path:
    """Place one network's line and, where there are intervals, the band behind it.

    Args:
        network: Its name.
        dots: The scores.
        points: The line, as SVG takes it.
        band: The outline of the intervals, as SVG takes it.
    """

    network: str
    dots: tuple[Dot, ...]
    points: str
    band: str

    @classmethod
    def of(cls, line: Line, x: Scale, y: Scale) -> Path:
        """Draw a curve on two axes; distances without a number are left out."""
        dots = [
            Dot(x(distance), y(cell.value), distance, cell)
            for distance, cell in zip(line.distances, line.cells, strict=True)
            if cell.value is not None
        ]
        upper = [(dot.x, y(dot.cell.high)) for dot in dots if dot.cell.high is not None]
        lower = [(dot.x, y(dot.cell.low)) for dot in dots if dot.cell.low is not None]
        points, band = (
            " ".join(f"{left},{top}" for left, top in places)
            for places in ([(dot.x, dot.y) for dot in dots], [*upper, *reversed(lower)])
        )
        return cls(line.network, tuple(dots), points, band)


@dataclass(frozen=True)
class Panel:
    """Place everything of one direction.

    Args:
        direction: Of the shifts.
        paths: The lines.
        x_ticks: Coordinate and text of each distance.
        y_ticks: Coordinate and text of each share.
    """

    direction: str
    paths: tuple[Path, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def panels(lines: Sequence[Line]) -> tuple[Panel, ...]:
    """Lay out one panel a direction, with the same axes in all."""
    shares = round_ticks(max(bound(cell) for line in lines for cell in line.cells))
    distances = sorted({distance for line in lines for distance in line.distances})
    x = Scale(min(0.0, distances[0]), distances[-1], LEFT, WIDTH - RIGHT)
    y = Scale(0.0, shares[-1], HEIGHT - BOTTOM, TOP)
    x_ticks = tuple((x(distance), f"{distance:g}") for distance in distances)
    y_ticks = tuple((y(share), f"{100 * share:g}") for share in shares)
    return tuple(
        Panel(direction, tuple(Path.of(line, x, y) for line in lines if line.direction == direction), x_ticks, y_ticks)
        for direction in dict.fromkeys(line.direction for line in lines)
    )


@dataclass(frozen=True)
class Remedy:
    """Place one row of a table by its cost and its flips.

    Args:
        name: Of the row.
        x: Coordinate of its cost in pixels, to the right.
        y: Coordinate of its flips in pixels, downwards.
        low: Coordinate of the lower end of its interval.
        high: Coordinate of the upper end.
        label: Drawn at an end of its interval; empty if nothing is.
    """

    name: str
    x: float
    y: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class FrontPlot:
    """Place remedies by cost and flips.

    Args:
        remedies: The rows.
        steps: The front, as SVG takes it.
        budget: Coordinate of the budget, if there is one.
        x_ticks: Coordinate and text of each cost.
        y_ticks: Coordinate and text of each share.
    """

    remedies: tuple[Remedy, ...]
    steps: str
    budget: float | None
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


def front_plot(mended: Mended) -> FrontPlot:
    """Lay out what was tried on one network; only the network as it is and what was applied are labelled."""
    names = [row.network for row in mended.table.rows]
    costs = {name: mended.table.cell(name, "cost").value or 0.0 for name in names}
    flips = {name: mended.table.cell(name, "flips") for name in names}
    shares, most = round_ticks(max(map(bound, flips.values()))), max(*costs.values(), mended.budget or 0.0)
    x = Scale(1.0, most + 0.05 * (most - 1) or 2.0, LEFT + 8, WIDTH - RIGHT)
    y = Scale(0.0, shares[-1], HEIGHT - BOTTOM, TOP)
    labels = {names[0]: names[0], mended.chosen: "applied"}
    remedies = []
    for name, cell in flips.items():
        low, high = (y((cell.value if edge is None else edge) or 0.0) for edge in (cell.low, cell.high))
        remedies.append(Remedy(name, x(costs[name]), y(cell.value or 0.0), low, high, labels.get(name, "")))
    front = sorted((remedy for remedy in remedies if remedy.name in mended.front), key=lambda remedy: remedy.x)
    steps = "".join(f"H{one.x}V{one.y}" if i else f"M{one.x} {one.y}" for i, one in enumerate(front))
    ticks = tuple(1 + i * (0.5 if most <= 2.5 else 1) for i in range(20))
    return FrontPlot(
        tuple(remedies),
        steps,
        None if mended.budget is None else x(mended.budget),
        tuple((x(tick), f"{tick:g}") for tick in ticks if tick <= most + 1e-9),
        tuple((y(share), f"{100 * share:g}") for share in shares),
    )


def bound(cell: Cell) -> float:
    """Give the largest number a cell draws."""
    return max((v for v in (cell.high, cell.value) if v is not None), default=0.0)


def round_ticks(top: float) -> tuple[float, ...]:
    """Give at most `INTERVALS` round steps from 0 that reach `top`.

    >>> round_ticks(0.435), round_ticks(0.0)
    ((0.0, 0.1, 0.2, 0.3, 0.4, 0.5), (0.0, 0.01))
    """
    if top <= 0:
        return (0.0, 0.01)
    power = 10.0 ** math.floor(math.log10(top / INTERVALS))
    step = next(size * power for size in ROUND if top <= INTERVALS * size * power * (1 + 1e-9))
    return tuple(round(step * i, 12) for i in range(math.ceil(top / step - 1e-9) + 1))


@dataclass(frozen=True)
class Contrast:
    """Place one site's difference in similarity, in percent of the drawing's width.

    Args:
        row: The site's row of the table.
        bar: The difference with its interval, where measured.
        chance: Where 95 % of the differences of groups dealt at random lie.
        by_chance: The same in words.
        resembles: Whether it is beyond images and chance; `None` where there is nothing to compare.
    """

    row: Row
    bar: Bar | None
    chance: tuple[float, float] | None
    by_chance: str
    resembles: bool | None


def contrasts(similarity: Similarity) -> tuple[float, tuple[Contrast, ...]]:
    """Lay out a network's differences in similarity on one scale; return where zero lies, and a site each."""
    cells = [similarity.table.cell(row.network, "contrast") for row in similarity.table.rows]
    numbers = [bound for cell in cells for bound in (cell.low, cell.high) if bound is not None]
    numbers += [bound for bounds in similarity.chance if bounds for bound in bounds if math.isfinite(bound)]
    x = Scale(min((*numbers, 0.0)), max((*numbers, 0.0)), 4, 96)
    sites = []
    for row, cell, bounds, resembles in zip(
        similarity.table.rows, cells, similarity.chance, similarity.resembles, strict=True
    ):
        low, value, high = cell.low, cell.value, cell.high
        bar = None if low is None or value is None or high is None else Bar(x(value), x(low), x(high))
        places = None if bounds is None else (x(bounds[0]), x(bounds[1]))
        words = "" if bounds is None else f"{bounds[0]:.3f} to {bounds[1]:.3f}"
        sites.append(Contrast(row, bar, places, words, resembles))
    return x(0.0), tuple(sites)


def by_network(filters: Sequence[FilterMaps]) -> dict[str, list[tuple[int, FilterMaps]]]:
    """Group filter maps by their network, each with its number in the report."""
    numbered = list(enumerate(filters))
    return {
        name: [(number, maps) for number, maps in numbered if maps.network == name]
        for name in dict.fromkeys(maps.network for maps in filters)
    }


def precision(filters: Sequence[FilterMaps]) -> str:
    """Say how exact the weights are that the page holds, and of which positions."""
    held = [site for maps in filters for site in maps.sites if site.weights]
    off = max((100 * (site.high - site.low) / 510 for site in held), default=0.0)
    return (
        f"The page holds weights in one byte each: they are off by at most {off:.2g} points of a filter's hundred. "
        "Under a map stands what it ranges over."
    )


def interval_note(cells: Sequence[Cell]) -> str:
    """Say what the drawn intervals are."""
    scored = [cell for cell in cells if cell.low is not None]
    if not scored:
        return ""
    levels = " and ".join(f"{level:.0%}" for level in sorted({cell.level for cell in scored if cell.level}))
    counts = sorted({cell.images for cell in scored if cell.images})
    over = " to ".join(f"{count:,}" for count in dict.fromkeys((counts[0], counts[-1]))) if counts else "the"
    seeds = " Ticks under a bar are the seeds, one each." if any(len(cell.runs) > 1 for cell in scored) else ""
    return (
        f"Bars are {levels} intervals over {over} pictures: they say how far a number would move with other "
        f"pictures of the same kind, not with another training.{seeds}"
    )
