from __future__ import annotations

import matplotlib
import pytest

from antialias.report import Report
from antialias.report.page._layout import (
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    front_plot,
    interval_note,
    panels,
    ramp,
    round_ticks,
)
from antialias.report.page._render import shown
from antialias.results import Cell, Column, Line, Row, Table


def line(network: str, direction: str, *shares: float) -> Line:
    cells = tuple(Cell(value=share, low=share - 0.01, high=share + 0.01) for share in shares)
    return Line(network=network, direction=direction, distances=tuple(range(1, len(shares) + 1)), cells=cells)


def test_panels_share_their_axes() -> None:
    horizontal, diagonal = panels([line("a", "horizontal", 0.1, 0.2), line("a", "diagonal", 0.3, 0.39)])
    assert horizontal.y_ticks == diagonal.y_ticks
    assert [text for _, text in horizontal.y_ticks] == ["0", "10", "20", "30", "40"]
    assert [text for _, text in horizontal.x_ticks] == ["1", "2"]


def test_dots_lie_where_the_axes_say() -> None:
    (panel,) = panels([line("a", "diagonal", 0.1, 0.19)])
    first, last = panel.paths[0].dots
    assert last.x == WIDTH - RIGHT
    assert first.x == pytest.approx((LEFT + WIDTH - RIGHT) / 2)
    ticks = {text: y for y, text in panel.y_ticks}
    assert first.y == ticks["10"]
    assert ticks["20"] == TOP
    assert TOP < last.y < first.y < HEIGHT


def test_band_runs_along_the_top_and_back_along_the_bottom() -> None:
    (panel,) = panels([line("a", "diagonal", 0.1, 0.19)])
    corners = [tuple(map(float, corner.split(","))) for corner in panel.paths[0].band.split()]
    assert [x for x, _ in corners] == [corners[0][0], corners[1][0], corners[1][0], corners[0][0]]
    assert corners[0][1] < panel.paths[0].dots[0].y < corners[3][1]


@pytest.mark.parametrize("top", [0.003, 0.011, 0.05, 0.2, 0.435, 1.0])
def test_ticks_are_few_round_and_reach_the_top(top: float) -> None:
    ticks = round_ticks(top)
    assert ticks[0] == 0
    assert ticks[-1] >= top > ticks[-2]
    assert 3 <= len(ticks) <= 6


def test_bars_share_their_column_and_skip_bare_numbers() -> None:
    low, high = Cell(value=0.1, low=0.0, high=0.2), Cell(value=0.9, low=0.8, high=1.0)
    rows = (Row(network="a", cells=(low, Cell(value=3.0))), Row(network="b", cells=(high, Cell(value=4.0))))
    table = Table(columns=(Column(key="x", title="X"), Column(key="y", title="Y", unit="ms")), rows=rows)
    (first, bare), (second, _) = table.bars()
    assert first is not None
    assert second is not None
    assert (first.low, second.high, bare) == (4.0, 96.0, None)
    assert first.high < second.low


def test_numbers_follow_their_columns_unit() -> None:
    assert shown(0.1234, Column(key="a", title="A")) == "12.3"
    assert shown(1234.5, Column(key="a", title="A", unit="ms", digits=0)) == "1,234"
    assert shown(None, Column(key="a", title="A")) == "–"


def test_note_without_intervals_is_empty() -> None:
    assert interval_note([Cell(value=1.0)]) == ""


def test_note_names_the_range_of_counts() -> None:
    cells = [Cell(value=0.5, low=0.4, high=0.6, level=0.95, images=n) for n in (100, 2000)]
    assert interval_note(cells).startswith("Bars are 95% intervals over 100 to 2,000 pictures")


def test_colours_of_maps_are_cividis() -> None:
    cividis = matplotlib.colormaps["cividis"]
    assert ramp() == [[round(255 * channel) for channel in cividis(i / 32)[:3]] for i in range(33)]


def test_remedies_lie_where_cost_and_flips_say(sample: Report) -> None:
    (mended,) = sample.mended
    plot = front_plot(mended)
    ticks = {text: x for x, text in plot.x_ticks}
    assert [remedy.name for remedy in plot.remedies] == [row.network for row in mended.table.rows]
    places = {remedy.name: remedy for remedy in plot.remedies}
    assert places["as it is"].x == places["learnt without filters"].x < places["2 phases at features.14"].x
    assert places["4 shifted copies averaged"].x == ticks["4"]
    assert places["4 shifted copies averaged"].y > places["as it is"].y  # fewer flips lie lower
    assert all(remedy.high < remedy.y < remedy.low for remedy in plot.remedies)
    assert [remedy.label for remedy in plot.remedies] == ["as it is", "", "", "applied", ""]
    assert plot.steps.count("H") == 2
    assert plot.budget == ticks["2"]
