"""What a verdict says of networks that differ measurably, and of those that do not."""

from __future__ import annotations

import pytest
import torch

from antialias.metrics import Score
from antialias.results import Comparison, Entry, Evaluation, terminal, verdict


def compared(key: str, **networks: tuple[float, float]) -> Comparison:
    """Networks with a share of a score and an accuracy, on 400 pictures."""

    def score(name: str, share: float) -> Score:
        return Score.from_images(name, torch.arange(400) < round(share * 400))

    return Comparison(
        tuple(
            Entry(
                name,
                (
                    Evaluation(
                        model=name,
                        config=None,
                        scores={"accuracy": score("accuracy", accuracy), key: score("stability", share)},
                    ),
                ),
            )
            for name, (share, accuracy) in networks.items()
        )
    )


def test_one_network_gets_its_number() -> None:
    alone = verdict(compared("top1_change", plain=(0.25, 0.8)))
    assert alone is not None
    assert alone.headline == "plain changes its answer on 25.0 % of one-pixel moves"
    assert (alone.points, alone.key_figures) == ((), ())


def test_steadier_network_is_named_with_both_numbers() -> None:
    said = verdict(compared("top1_change", plain=(0.3, 0.8), worse=(0.4, 0.8), better=(0.1, 0.7)))
    assert said is not None
    assert said.headline == "better changes its answer on 10.0 % of one-pixel moves, plain on 30.0 %"
    assert said.key_figures[0].names == ("plain", "better")
    assert [figure.title for figure in said.key_figures] == ["One-pixel flips", "Accuracy"]
    assert said.points[1].startswith(
        "better against plain: better in one-pixel flips, worse in accuracy; in points, with 95% intervals over paired "
        "pictures, accuracy −10.0 (−"
    )
    assert "and one-pixel flips −20.0 (−" in said.points[1]


def test_no_difference_is_said() -> None:
    said = verdict(compared("top1_change", plain=(0.3, 0.8), same=(0.2975, 0.8)))
    assert said is not None
    assert said.headline == "No network is measurably steadier than plain on these pictures"
    assert said.points[0].startswith("same against plain: no measurable difference; in points, with 95% intervals")


def test_worse_networks_are_said_to_be() -> None:
    said = verdict(compared("top1_change", plain=(0.1, 0.8), worse=(0.3, 0.8)))
    assert said is not None
    assert said.headline == "No network is as steady as plain, which changes its answer on 10.0 % of one-pixel moves"


def test_other_tasks_have_headlines_of_their_own() -> None:
    said = verdict(compared("segmentation_consistency", plain=(0.8, 0.8), adaptive=(0.95, 0.8)))
    assert said is not None
    assert said.headline == "adaptive gives one class to 95.0 % of the pixels of two crops, plain to 80.0 %"


def test_where_nothing_says_how_steady_networks_are_the_differences_are_the_headline() -> None:
    said = verdict(compared("my_score", plain=(0.8, 0.8), other=(0.8, 0.9)))
    assert said is not None
    assert said.headline == "other against plain: better in accuracy"
    assert verdict(compared("my_score", plain=(0.8, 0.8))) is None


def test_scores_that_are_no_shares_keep_their_unit() -> None:
    def measured(name: str, error: float) -> Entry:
        values = error + 0.01 * (torch.arange(50) % 5)
        scores = {"dense_error": Score.from_images("error", values, unit="pixels")}
        return Entry(name, (Evaluation(model=name, config=None, scores=scores),))

    comparison = Comparison((measured("plain", 2.0), measured("adaptive", 1.5)))
    said = verdict(comparison)
    assert said is not None
    assert said.headline == "adaptive against plain: better in dense error"
    assert "dense error −0.50 (−0.50 to −0.50) pixels" in said.points[0]
    assert (said.key_figures[0].unit, said.key_figures[0].before.value) == ("pixels", pytest.approx(2.02))
    assert "2.02" in terminal(comparison.table(caption=""))
    assert "Dense error, pixels" in terminal(comparison.table(caption=""))
