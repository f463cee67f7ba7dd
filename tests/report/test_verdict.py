from __future__ import annotations

import torch

from antialias.metrics import Score
from antialias.report._verdict import verdict


def scores(flips: float, accuracy: float = 0.8, count: int = 400) -> dict[str, Score]:
    def score(name: str, share: float) -> Score:
        return Score.from_images(name, torch.arange(count) < round(share * count))

    return {"flips": score("flip rate", flips), "accuracy": score("accuracy", accuracy)}


def test_one_network_gets_its_number() -> None:
    assert verdict({"plain": scores(0.25)}).headline == "plain changes its answer on 25.0 % of one-pixel moves"


def test_steadier_network_is_named_with_both_numbers() -> None:
    made = verdict({"plain": scores(0.3), "worse": scores(0.4), "better": scores(0.1, 0.7)})
    assert made.headline == "better changes its answer on 10.0 % of one-pixel moves, plain on 30.0 %"
    assert made.changes[0].names == ("plain", "better")
    assert made.points[1].startswith("better against plain, in points, with 95% intervals over paired pictures: ")
    assert "one-pixel flips −20.0 (−" in made.points[1]
    assert "accuracy −10.0 (" in made.points[1]


def test_no_difference_is_said() -> None:
    made = verdict({"plain": scores(0.30), "same": scores(0.2975)})
    assert made.headline == "No network is measurably steadier than plain on these pictures"


def test_worse_networks_are_said_to_be() -> None:
    made = verdict({"plain": scores(0.1), "worse": scores(0.3)})
    assert made.headline == "No network is as steady as plain: 10.0 % of one-pixel moves change its answer"
