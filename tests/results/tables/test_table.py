from __future__ import annotations

import pytest
import torch

from antialias.metrics import Curve, Score
from antialias.results import Cell, Column, Line, Row, Table

TOP1 = Column(key="top1", title="Accuracy")


def score(per_image: list[float], **protocol: object) -> Score:
    return Score.from_images("accuracy", torch.tensor(per_image), protocol)


def test_cell_of_a_score_keeps_value_interval_and_protocol() -> None:
    measured = score([1.0, 0.0] * 50, window=64)
    cell = Cell.of(measured)
    assert (cell.value, cell.low, cell.high) == (measured.value, *measured.interval)
    assert (cell.images, cell.level, cell.name, cell.protocol["window"]) == (100, 0.95, "accuracy", 64)


def test_seeds_average_picture_by_picture() -> None:
    cell = Cell.of([score([1.0] * 60 + [0.0] * 40), score([0.0] * 40 + [1.0] * 60)])
    assert cell.value == pytest.approx(0.6)
    assert cell.runs == pytest.approx((0.6, 0.6))
    assert cell.protocol["seeds_averaged"] == 2
    single = Cell.of(score([1.0] * 60 + [0.0] * 40))
    assert cell.high is not None
    assert cell.low is not None
    assert single.high is not None
    assert single.low is not None
    # Where the seeds err on different pictures their mean varies less from picture to picture.
    assert cell.high - cell.low < single.high - single.low


def test_seeds_of_different_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the scores come from 2 and 3 pictures. Measure both on the same"):
        Cell.of([score([1.0, 0.0]), score([1.0, 0.0, 1.0])])


def test_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no score to average. Give one score a seed."):
        Cell.of([])


def test_cell_of_not_a_number_is_empty() -> None:
    assert Cell.of(float("nan")).value is None


def test_table_fills_what_a_row_does_not_give() -> None:
    cost = Column(key="cost", title="Cost", unit="ms")
    table = Table.of([TOP1, cost], {"plain": {"cost": 3}}, notes={"plain": "as trained"})
    assert table.rows[0].cells == (Cell(), Cell(value=3.0))
    assert table.rows[0].note == "as trained"


def test_table_refuses_unknown_measures() -> None:
    with pytest.raises(ValueError, match=r"The row of 'plain' gives top5. The columns are top1."):
        Table.of([TOP1], {"plain": {"top5": 0.9}})


def test_table_refuses_a_short_row() -> None:
    with pytest.raises(ValueError, match="row of 'plain' has 0 cells, the table 1 columns. Give one cell for each"):
        Table(columns=(TOP1,), rows=(Row(network="plain", cells=()),))


def test_column_refuses_an_unknown_better() -> None:
    with pytest.raises(ValueError, match="better='more' is unknown. Use 'higher', 'lower'"):
        Column(key="a", title="A", better="more")


def test_line_of_a_curve_keeps_distances_in_order() -> None:
    curve = Curve("flip rate", "diagonal", {1: score([0.0] * 20), 3: score([1.0] * 20)})
    line = Line.of("plain", curve)
    assert (line.direction, line.distances, [cell.value for cell in line.cells]) == ("diagonal", (1.0, 3.0), [0.0, 1.0])


def test_line_refuses_uneven_lengths() -> None:
    with pytest.raises(ValueError, match="curve of 'plain' has 2 distances and 1 scores. Give as many"):
        Line(network="plain", direction="diagonal", distances=(1.0, 2.0), cells=(Cell(value=0.1),))
