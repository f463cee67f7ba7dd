from __future__ import annotations

import json

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
    assert lines[2].split() == ["before", "after", "difference", "(95", "%", "interval)"]
    assert lines[3].startswith("consistency               60.0    70.0   +10.0 (")
    assert len(lines) == 7
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


def test_an_early_stop_is_said_first() -> None:
    assert retrofit(None, stopped="the loss was nan").verdict.startswith("Stopped early: the loss was nan. The network")


def test_it_is_plain_data() -> None:
    data = json.loads(json.dumps(retrofit(chosen=KEPT).to_dict()))
    assert data["chosen"]["step"] == 10
    assert data["history"] == [{"step": 10, "loss": 0.1, "consistency": 0.7, "agreement": 0.79, "share": 1.0}]
    assert data["recipe"]["steps"] == 20
    assert data["after"]["consistency"]["value"] == pytest.approx(0.7)
