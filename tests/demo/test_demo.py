from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from antialias.data import imagenet_photographs, photographs
from antialias.demo import FULL, QUICK, DemoConfig, run
from antialias.demo._photographs import HELD_OUT, LEARN, crops, labelled_crops
from antialias.demo._pretrained import NETWORKS, headline
from antialias.report import Report

TINY = DemoConfig(
    seeds=(0, 1), epochs=1, train_length=256, test_length=60, held_out_crops=1, side=96, remedies=1, reported=1
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return run(folder, TINY, figures=folder / "figures")


def test_the_page_and_its_data_hold_both_parts(made):
    report, page = made
    assert page.stat().st_size < 5e6
    assert Report.from_dict(json.loads(page.with_suffix(".json").read_text())) == report
    assert [row.network for row in report.training.rows] == ["plain", "fixed 3x3", "adaptive k3 G8"]
    assert {column.key for column in report.training.columns} >= {"accuracy", "consistency", "top1_change", "macs"}
    assert all(len(row.cells[0].runs) == 2 for row in report.training.rows)
    assert any("trained on scenes" in maps.network for maps in report.filters)


def test_every_figure_is_a_drawing_with_its_numbers(made):
    files = sorted((made[1].parent / "figures").iterdir())
    drawn = {file.stem for file in files if file.suffix == ".svg"}
    assert drawn >= {"training", "mended-1", "mended-2", "move-1", "filters-1", "filter-groups-1"}
    assert {file.name for file in files} >= {f"{name}.{ending}" for name in drawn for ending in ("png", "csv")}


def test_both_real_networks_are_mended_and_shown_at_their_worst(made):
    report, _ = made
    assert [mended.network for mended in report.mended] == list(NETWORKS)
    assert {viewer.image.name for viewer in report.viewers} <= {name.replace("_", " ") for name in HELD_OUT}
    for mended, viewer in zip(report.mended, report.viewers, strict=True):
        rows = [row.network for row in mended.table.rows]
        assert rows[0] == "as it is"
        assert "2 shifted copies averaged" in rows
        flips = mended.table.cell("as it is", "flips")
        assert 0.02 < flips.value < 0.5
        assert flips.images == len(HELD_OUT)  # intervals are over photographs, not over their crops
        assert mended.chosen in ("", *rows)
        assert [trace.network for trace in viewer.traces] == ["as it is"] + ["mended"] * bool(mended.chosen)


def test_filters_cost_what_the_plan_says_and_rank_as_expected(made):
    macs = [row.cells[-1].value for row in made[0].training.rows]
    assert macs[0] < macs[1] < macs[2]


def test_conversion_changes_no_answer_and_almost_no_logit(made):
    sentences = [point for point in made[0].verdict.points if point.startswith("Converting it alone")]
    assert len(sentences) == len(NETWORKS)
    assert all("kept its answer on 100% of the crops" in sentence for sentence in sentences)


def test_real_networks_know_what_they_see(made):
    named = [point for point in made[0].verdict.points if "labelled photographs of ImageNet before" in point]
    assert len(named) == len(NETWORKS)
    assert all(int(point.split(" names ")[1].split(" of ")[0]) >= 14 for point in named)


def test_crops_are_seeded_and_no_photograph_is_on_both_sides():
    assert torch.equal(crops(HELD_OUT, 3).images, crops(HELD_OUT, 3).images)
    assert not torch.equal(crops(HELD_OUT, 3).images, crops(HELD_OUT, 3, seed=1).images)
    assert not set(HELD_OUT) & set(LEARN)
    assert {*HELD_OUT, *LEARN} <= photographs(grey=True).keys() | imagenet_photographs()[0].keys()
    assert crops(HELD_OUT, 2).images.shape == (2, 3, 183, 183)
    assert crops(HELD_OUT, 2).sources == list(HELD_OUT[:2])
    assert labelled_crops()[0].shape == (20, 3, 256, 256)


def test_two_sizes():
    assert len(FULL.seeds) == 2
    assert QUICK.train_length < FULL.train_length


@pytest.mark.parametrize(
    ("chosen", "gained", "words"),
    [
        (
            None,
            False,
            "Net changes its answer on 14% of moves by 1 to 3 pixels; nothing within 2 times its cost proved",
        ),
        (0.07, False, "on 14% of moves by 1 to 3 pixels, mended on 7%, which 5 photographs are too few to prove"),
        (0.07, True, "Net changed its answer on 14% of moves by 1 to 3 pixels, mended on 7%, at 1.90 times the cost"),
    ],
)
def test_the_headline_says_what_is_proven(chosen: float | None, gained: bool, words: str) -> None:
    def trial(flips: float) -> SimpleNamespace:
        return SimpleNamespace(flips=flips, cost=1.9, scores={"flips": SimpleNamespace(per_image=[flips] * 5)})

    mending = SimpleNamespace(table=[trial(0.14)], chosen=chosen and trial(chosen), gained=gained)
    assert words in headline([SimpleNamespace(name="Net", mending=mending)])
