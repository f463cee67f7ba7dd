from __future__ import annotations

import json

import pytest
import torch

from antialias.data import photographs
from antialias.demo import FULL, QUICK, DemoConfig, run
from antialias.demo._photographs import TEST_PHOTOGRAPHS, crops
from antialias.report import Report

TINY = DemoConfig(seeds=(0, 1), epochs=1, train_length=256, test_length=60, crops=5, retrofit_steps=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return run(tmp_path_factory.mktemp("demo"), TINY)


def test_the_page_and_its_data_hold_both_parts(made):
    report, page = made
    assert page.stat().st_size < 5e6
    assert Report.from_dict(json.loads(page.with_suffix(".json").read_text())) == report
    assert [row.network for row in report.training.rows] == ["plain", "fixed 3x3", "adaptive k3 G8"]
    assert {column.key for column in report.training.columns} >= {"accuracy", "consistency", "top1_change", "macs"}
    assert all(len(row.cells[0].runs) == 2 for row in report.training.rows)
    assert [viewer.image.name for viewer in report.viewers] == list(TEST_PHOTOGRAPHS)
    assert {trace.network for viewer in report.viewers for trace in viewer.traces} >= {"original", "converted"}
    assert any("trained on scenes" in maps.network for maps in report.filters)


def test_filters_cost_what_the_plan_says_and_rank_as_expected(made):
    macs = [row.cells[-1].value for row in made[0].training.rows]
    assert macs[0] < macs[1] < macs[2]


def test_conversion_changes_no_answer_and_almost_no_logit(made):
    (sentence,) = [point for point in made[0].verdict.points if point.startswith("Converting EfficientNet-Lite0")]
    assert "kept its answer on 100%" in sentence
    original, converted = made[0].table.rows[:2]
    flips = [made[0].table.cell(row.network, "top1_change").value for row in (original, converted)]
    assert flips[0] == flips[1]


def test_crops_are_seeded_and_of_the_right_photographs():
    assert torch.equal(crops(TEST_PHOTOGRAPHS, 3), crops(TEST_PHOTOGRAPHS, 3))
    assert not torch.equal(crops(TEST_PHOTOGRAPHS, 3), crops(TEST_PHOTOGRAPHS, 3, seed=1))
    assert set(TEST_PHOTOGRAPHS) <= set(photographs())
    assert crops(TEST_PHOTOGRAPHS, 2).shape == (2, 3, 183, 183)


def test_two_sizes():
    assert len(FULL.seeds) == 2
    assert QUICK.train_length < FULL.train_length
