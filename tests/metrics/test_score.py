from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from antialias.metrics import Curve, Score, average, difference


def test_a_score_reads_as_one_sentence() -> None:
    score = Score("classification consistency", 0.916, (0.908, 0.923), 1000, {"in_words": "5 pairs each, seed 0"})
    assert str(score) == (
        "classification consistency 91.6 % (95 % interval 90.8 to 92.3; 1,000 images, 5 pairs each, seed 0)"
    )
    assert str(Score("accuracy", 1.0, (0.2, 1.0), 1, {}, 0.9)) == (
        "accuracy 100.0 % (90 % interval 20.0 to 100.0; 1 image)"
    )


def test_a_score_is_the_mean_of_the_pictures_that_count() -> None:
    score = Score.from_images("share", torch.tensor([0.2, float("nan"), 1.0]))
    assert (score.value, score.images) == (0.6, 2)
    assert len(score.per_image) == 3
    assert float(score) == 0.6


def test_one_picture_says_what_little_it_can() -> None:
    score = Score.from_images("share", torch.ones(1))
    assert score.interval == pytest.approx((0.2065, 1.0), abs=1e-4)
    assert score.protocol["interval"]["method"] == "Wilson"


def test_a_score_is_frozen_and_compares_without_its_pictures() -> None:
    score = Score.from_images("share", torch.ones(3))
    with pytest.raises(dataclasses.FrozenInstanceError):
        score.value = 0.0  # type: ignore[misc]
    assert score == dataclasses.replace(score, per_image=torch.zeros(0))
    assert "per_image" not in repr(score)


@pytest.mark.parametrize("per_image", [True, False])
def test_a_score_survives_json(per_image: bool) -> None:
    score = Score.from_images("share", torch.tensor([0.25, float("nan"), 1.0]), {"passes": 2}, 0.9)
    read = Score.from_dict(json.loads(json.dumps(score.to_dict(per_image=per_image), allow_nan=False)))
    assert read == score
    if per_image:
        assert torch.equal(read.per_image.nan_to_num(-1), score.per_image.nan_to_num(-1))


def test_no_picture_that_counts_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"share: none of 2 pictures counts\. Add pictures that do\."):
        Score.from_images("share", torch.full((2,), float("nan")))


def test_levels_are_checked() -> None:
    with pytest.raises(ValueError, match=r"level=95 is not between 0 and 1\. Use level=0\.95\."):
        Score.from_images("share", torch.ones(2), level=95)


def test_the_paired_difference_is_sharper_than_the_two_intervals() -> None:
    generator = torch.Generator().manual_seed(0)
    easy = (torch.rand(500, generator=generator) < 0.5).float()
    better = torch.where(torch.rand(500, generator=generator) < 0.1, torch.ones(500), easy)
    a, b = Score.from_images("accuracy", better), Score.from_images("accuracy", easy)
    gain = difference(a, b)
    assert gain.value == pytest.approx(a.value - b.value)
    assert gain.interval[0] > 0
    assert gain.interval[1] - gain.interval[0] < (a.interval[1] - a.interval[0]) / 1.5
    assert str(gain).startswith(f"difference in accuracy +{100 * gain.value:.1f} points (95 % interval ")


def test_the_difference_counts_pictures_that_count_in_both() -> None:
    nan = float("nan")
    a = Score.from_images("share", torch.tensor([1.0, 1.0, nan, 0.0]))
    b = Score.from_images("share", torch.tensor([0.0, nan, 1.0, 0.0]))
    assert (difference(a, b).value, difference(a, b).images) == (0.5, 2)


def _score(value: float = 0.5, name: str = "share", count: int = 4, **protocol: object) -> Score:
    return Score.from_images(name, torch.full((count,), value), protocol)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (_score(name="flips"), r"'share' at 0\.95 and 'flips' at 0\.95 differ\. Compare like with like\."),
        (_score(count=5), r"the scores come from 4 and 5 pictures\. Measure both on the same ones\."),
        (_score(seed=1, passes=2), r"the protocols differ in passes, seed\. Measure both with the same settings\."),
        (
            Score("share", 0.5, (0.0, 1.0), 4),
            r"'share' carries no per-picture values\. Save it with to_dict\(per_image=True\)\.",
        ),
        (
            Score("share", 0.5, (0.0, 1.0), 4, {}, 0.95, torch.full((4,), float("nan"))),
            r"share: no picture counts in both scores\. Compare scores that share pictures\.",
        ),
    ],
)
def test_only_like_is_compared_with_like(other: Score, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        difference(_score(), other)


def test_normalisation_is_the_networks_own_and_may_differ() -> None:
    a, b = _score(normalisation={"source": "none"}), _score(normalisation={"source": "argument"})
    assert difference(a, b).value == 0


def _curve() -> Curve:
    scores = {d: _score(0.25 * d, "flip rate", distance=d, seed=0, in_words=f"{d} px") for d in (1, 2)}
    return Curve("flip rate", "diagonal", scores)


def test_a_curve_maps_distances_to_scores() -> None:
    curve = _curve()
    assert curve.distances == [1, 2]
    assert curve.values == [0.25, 0.5]
    assert [distance for distance, _ in curve] == [1, 2]
    assert len(curve) == 2
    assert curve[2].value == 0.5
    assert str(curve).splitlines()[1].startswith("2 px diagonal: flip rate 50.0 % (95 % interval ")


def test_the_mean_of_a_curve_averages_picture_by_picture() -> None:
    mean = _curve().mean()
    assert (mean.name, mean.value, mean.images) == ("mean flip rate", 0.375, 4)
    assert mean.protocol["distances"] == [1, 2]
    assert "distance" not in mean.protocol
    assert "4 images, diagonal shifts of 1, 2 pixels)" in str(mean)


def test_a_curve_survives_json() -> None:
    curve = _curve()
    read = Curve.from_dict(json.loads(json.dumps(curve.to_dict(per_image=True))))
    assert read == curve
    assert read.mean() == curve.mean()


def test_the_mean_of_a_curve_needs_its_pictures() -> None:
    read = Curve.from_dict(_curve().to_dict())
    with pytest.raises(ValueError, match=r"'flip rate' carries no per-picture values"):
        read.mean()


def test_networks_are_averaged_picture_by_picture() -> None:
    nan = float("nan")
    a = Score.from_images("share", torch.tensor([1.0, 0.0, nan, 1.0]), {"in_words": "seed 0"})
    b = Score.from_images("share", torch.tensor([1.0, 1.0, 1.0, nan]), {"in_words": "seed 0"})
    mean = average([a, b])
    assert mean.per_image[:2].tolist() == [1.0, 0.5]
    assert (mean.value, mean.images, mean.protocol["seeds_averaged"]) == (0.75, 2, 2)
    assert str(mean).endswith("2 images, seed 0, mean of 2 networks)")
    assert difference(mean, average([b, b])).value == -0.25


def test_averages_need_scores_that_are_alike() -> None:
    with pytest.raises(ValueError, match=r"there is no score to average\. Give one score a seed\."):
        average([])
    with pytest.raises(ValueError, match=r"the protocols differ in passes"):
        average([_score(passes=1), _score(passes=2)])


def _ratio(hits: torch.Tensor, tries: torch.Tensor) -> Score:
    return Score.from_statistic("hit rate", lambda n: (n @ hits) / (n @ tries), len(hits), {"in_words": "a ratio"})


def test_a_statistic_of_the_whole_set_is_bounded_by_resampling_pictures() -> None:
    generator = torch.Generator().manual_seed(0)
    tries = torch.randint(1, 9, (400,), generator=generator)
    hits = torch.binomial(tries.double(), torch.full((400,), 0.3, dtype=torch.float64), generator=generator).long()
    score = _ratio(hits, tries)
    assert score.value == pytest.approx(float(hits.sum() / tries.sum()))
    rates = hits - score.value * tries  # the delta method's linearisation of a ratio
    half = 1.96 * float(rates.double().std()) / 400**0.5 / float(tries.double().mean())
    assert score.interval == pytest.approx((score.value - half, score.value + half), abs=half / 8)


def test_a_mean_is_bounded_alike_as_a_statistic() -> None:
    values = (torch.arange(200) % 5).double() / 4
    mean = Score.from_images("share", values)
    statistic = Score.from_statistic("share", lambda n: n.double() @ values / n.sum(1), 200)
    assert statistic.value == pytest.approx(mean.value)
    assert statistic.interval == pytest.approx(mean.interval, abs=0.01)


def test_statistics_of_the_same_pictures_are_paired() -> None:
    tries = torch.full((300,), 4)
    hits = torch.randint(0, 4, (300,), generator=torch.Generator().manual_seed(0))
    better, worse = _ratio(hits + 1, tries), _ratio(hits, tries)
    gain = difference(better, worse)
    assert (gain.value, *gain.interval) == pytest.approx((0.25, 0.25, 0.25))
    assert average([better, worse]).value == pytest.approx(worse.value + 0.125)
    assert average([better, better]).interval == pytest.approx(better.interval)


def test_a_statistic_survives_json_and_can_still_be_compared() -> None:
    score = _ratio(torch.arange(20) % 3, torch.full((20,), 2))
    read = Score.from_dict(json.loads(json.dumps(score.to_dict(per_image=True), allow_nan=False)))
    assert read == score
    assert difference(read, score).interval == (0.0, 0.0)
    bare = Score.from_dict(score.to_dict())
    with pytest.raises(ValueError, match="'hit rate' carries no per-picture values"):
        difference(bare, score)


def test_statistics_need_pictures_and_the_same_number_of_them() -> None:
    with pytest.raises(ValueError, match=r"hit rate: there is no picture to measure\. Add pictures\."):
        _ratio(torch.ones(0), torch.ones(0))
    with pytest.raises(ValueError, match="the scores come from 3 and 4 pictures"):
        difference(
            _ratio(torch.ones(3).long(), torch.ones(3).long()), _ratio(torch.ones(4).long(), torch.ones(4).long())
        )


def test_a_resample_without_a_value_does_not_count() -> None:
    score = Score.from_statistic("rate of the rare", lambda n: torch.where(n[:, 0] > 0, 0.5, float("nan")), 5)
    assert score.interval == (0.5, 0.5)
