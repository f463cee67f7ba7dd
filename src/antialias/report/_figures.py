"""Geometry of the page's figures; the template draws what these say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from antialias.results import Cell, Change, Column, Line, Table

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


@dataclass(frozen=True)
class Scale:
    """Map [low, high] of the data to [start, stop] of the drawing."""

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
    """Place one score."""

    x: float
    y: float
    distance: float
    cell: Cell


@dataclass(frozen=True)
class Path:
    """Place one network's line and, where there are intervals, the band behind it."""

    network: str
    dots: tuple[Dot, ...]
    points: str
    band: str


@dataclass(frozen=True)
class Panel:
    """Place everything of one direction: lines and ticks, as `(coordinate, text)`."""

    direction: str
    paths: tuple[Path, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Bar:
    """Place a score in its column, in percent of the column's width; `runs` are the seeds."""

    value: float
    low: float
    high: float
    runs: tuple[float, ...]


def panels(lines: Sequence[Line]) -> tuple[Panel, ...]:
    """Lay out one panel a direction, with the same axes in all."""
    shares = round_ticks(max(bound(cell) for line in lines for cell in line.cells))
    distances = sorted({distance for line in lines for distance in line.distances})
    x = Scale(min(0.0, distances[0]), distances[-1], LEFT, WIDTH - RIGHT)
    y = Scale(0.0, shares[-1], HEIGHT - BOTTOM, TOP)
    x_ticks = tuple((x(distance), f"{distance:g}") for distance in distances)
    y_ticks = tuple((y(share), f"{100 * share:g}") for share in shares)
    directions = dict.fromkeys(line.direction for line in lines)
    return tuple(
        Panel(direction, tuple(_path(line, x, y) for line in lines if line.direction == direction), x_ticks, y_ticks)
        for direction in directions
    )


def _path(line: Line, x: Scale, y: Scale) -> Path:
    pairs = [(d, cell) for d, cell in zip(line.distances, line.cells, strict=True) if cell.value is not None]
    dots = tuple(Dot(x(d), y(cell.value), d, cell) for d, cell in pairs if cell.value is not None)
    upper = [(x(d), y(cell.high)) for d, cell in pairs if cell.high is not None]
    lower = [(x(d), y(cell.low)) for d, cell in pairs if cell.low is not None]
    return Path(line.network, dots, _points((dot.x, dot.y) for dot in dots), _points([*upper, *reversed(lower)]))


def _points(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)


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


def bars(table: Table) -> tuple[tuple[Bar | None, ...], ...]:
    """Lay out the intervals of every row; a number without an interval gets none."""
    columns = [_column_bars([row.cells[i] for row in table.rows]) for i in range(len(table.columns))]
    return tuple(zip(*columns, strict=True))


def _column_bars(cells: Sequence[Cell]) -> list[Bar | None]:
    known = [v for cell in cells for v in (cell.value, cell.low, cell.high, *cell.runs) if v is not None]
    if not known:
        return [None] * len(cells)
    place = Scale(min(known), max(known), 4, 96)
    return [_bar(cell, place) for cell in cells]


def _bar(cell: Cell, place: Scale) -> Bar | None:
    if cell.value is None or cell.low is None or cell.high is None:
        return None
    return Bar(place(cell.value), place(cell.low), place(cell.high), tuple(place(run) for run in cell.runs))


def number(value: float | None, column: Column | Change) -> str:
    """Write a number in its column's unit, without the unit.

    >>> number(0.8483, Column(key="top1", title="Accuracy"))
    '84.8'
    """
    return "–" if value is None else f"{value * (100 if column.unit == '%' else 1):,.{column.digits}f}"


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
