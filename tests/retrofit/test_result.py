from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from antialias.metrics import Score
from antialias.retrofit import Retrofit, RetrofitConfig, Scores, ValidationStep
from antialias.retrofit._result import choose

START = ValidationStep(0, float("nan"), consistency=0.60, agreement=0.80)


def step_of(step: int, consistency: float, agreement: float) -> ValidationStep:
    return ValidationStep(step, 0.1, consistency, agreement)


@pytest.mark.parametrize(
    ("history", "margin", "chosen"),
    [
        ([], 0.02, None),
        ([step_of(1, 0.70, 0.79)], 0.02, 1),
        ([step_of(1, 0.70, 0.78)], 0.02, 1),
        ([step_of(1, 0.70, 0.77)], 0.02, None),
        ([step_of(1, 0.70, 0.77)], 0.03, 1),
        ([step_of(1, 0.60, 0.95)], 0.02, None),
        ([step_of(1, 0.59, 0.95)], 0.02, None),
        ([step_of(1, 0.65, 0.80), step_of(2, 0.70, 0.79), step_of(3, 0.90, 0.10)], 0.02, 2),
        ([step_of(1, 0.70, 0.79), step_of(2, 0.70, 0.81)], 0.02, 2),
        ([step_of(1, 0.70, 0.79), step_of(2, 0.70, 0.79)], 0.02, 1),
        ([step_of(1, 0.70, 0.80)], 0.0, 1),
        ([step_of(1, 0.70, 0.79)], 0.0, None),
    ],
)
def test_the_most_consistent_within_the_margin_is_chosen(
    history: list[ValidationStep], margin: float, chosen: int | None
) -> None:
    found = choose(START, tuple(history), margin)
    assert (None if found is None else found.step) == chosen


def test_where_flips_are_measured_the_fewest_win() -> None:
    start = START._replace(flips=0.2)
    steady, consistent, astray = (
        step_of(1, 0.6, 0.79)._replace(flips=0.10),
        step_of(2, 0.9, 0.80)._replace(flips=0.15),
        step_of(3, 0.9, 0.50)._replace(flips=0.05),
    )
    assert choose(start, (steady, consistent, astray), 0.02) is steady
    assert choose(start, (consistent._replace(flips=0.2),), 0.02) is None


KEPT = step_of(10, 0.7, 0.79)


def scores(consistency: float, agreement: float) -> Scores:
    def score(name: str, value: float) -> Score:
        return Score.from_images(name, torch.arange(100) < 100 * value, {"in_words": ""})

    return Scores(
        score("consistency", consistency), score("agreement", agreement), score("change", 0.2), score("mac", 0.1)
    )


def retrofit(chosen: ValidationStep | None, stopped: str = "") -> Retrofit:
    before = scores(0.60, 0.80)
    after = before if chosen is None else scores(0.70, 0.79)
    return Retrofit(RetrofitConfig(steps=20), START, (KEPT,), chosen, before, after, 64, stopped)


def test_a_kept_state_prints_as_sentence_and_table() -> None:
    lines = str(retrofit(chosen=KEPT)).splitlines()
    assert lines[0] == "Kept step 10 of 20: consistency +10.0 points, agreement -1.0 points (margin 2)."
    assert lines[2].split() == ["score,", "%", "before", "after", "difference", "(95", "%", "interval)"]
    assert lines[4].split()[:4] == ["consistency", "60.0", "70.0", "+10.0"]
    assert len(lines) == 8
    assert retrofit(chosen=KEPT).changed


def test_a_state_on_the_way_says_how_far() -> None:
    assert str(KEPT._replace(share=0.25)) == "25 % of the way to step 10"


def test_an_unchanged_network_says_so() -> None:
    done = retrofit(chosen=None)
    assert not done.changed
    assert done.verdict == (
        "The network is unchanged: none of 1 states was more consistent than it (60.0 %) with an agreement within "
        "2 points of its 80.0 %."
    )


def test_the_verdict_is_about_flips_where_they_chose() -> None:
    start, kept = START._replace(flips=0.2), KEPT._replace(flips=0.15)
    done = replace(retrofit(chosen=kept), start=start)
    assert done.verdict.startswith("Kept step 10 of 20: flips -5.0 points, consistency +10.0 points, agreement")
    unchanged = replace(retrofit(chosen=None), start=start)
    assert "none of 1 states flipped less often than it (20.0 %) with an agreement" in unchanged.verdict


def test_an_early_stop_is_said_first() -> None:
    assert retrofit(None, stopped="the loss was nan").verdict.startswith("Stopped early: the loss was nan. The network")


def test_it_is_plain_data() -> None:
    data = json.loads(json.dumps(retrofit(chosen=KEPT).to_dict()))
    assert data["chosen"]["step"] == 10
    step = {"step": 10, "loss": 0.1, "consistency": 0.7, "agreement": 0.79, "share": 1.0, "flips": None}
    assert data["history"] == [step]
    assert data["recipe"]["steps"] == 20
    assert data["after"]["consistency"]["value"] == pytest.approx(0.7)


def test_a_notebook_shows_each_score_before_and_after_as_bars_on_one_scale() -> None:
    (table,) = retrofit(KEPT).display().tables
    assert retrofit(KEPT)._repr_html_().count('<svg class="bar') == 2 * len(table.rows)
    before, after, none = table.bars[0]
    assert none is None
    assert before is not None
    assert after is not None
    assert (before.low, after.high, before.colour, after.colour) == (4.0, 96.0, 0, 1)
    assert before.value < after.value
