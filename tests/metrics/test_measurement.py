"""Parts of a measurement, joined, are the measurement of the whole, whatever the parts."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antialias.metrics import Measurement, Score, difference, measure_segmenter
from antialias.metrics.detection._average_precision import of_rows


def _rows(statistic: str, images: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(images)
    if statistic == "mean":
        rows = torch.rand((images, 4), generator=generator)
        rows[rows < 0.2] = torch.nan
        return rows
    if statistic == "average precision":
        tables = []
        for number in range(images):
            table = torch.rand((4, 14), generator=generator, dtype=torch.float64)
            table[:, 0], table[:, 2] = number, 1
            table[:, 1] = torch.tensor([0, 1, 2, 2])
            table[:, 4:] = table[:, 4:].round()
            tables.append(table)
        return torch.cat(tables)
    return torch.randint(1, 50, (images, 2, 3), generator=generator).cumsum(1)


@settings(max_examples=25, deadline=None)
@given(
    statistic=st.sampled_from(["mean", "mean IoU", "pixel accuracy", "average precision"]),
    images=st.integers(2, 20),
    cuts=st.lists(st.integers(0, 19), max_size=4),
)
def test_parts_joined_are_the_whole(statistic: str, images: int, cuts: list[int]) -> None:
    rows = _rows(statistic, images)
    whole = Measurement(statistic, rows, {"seed": 0}, statistic=statistic)
    per_image = len(rows) // images
    bounds = sorted({0, images, *(cut for cut in cuts if cut < images)})
    parts = [
        Measurement(statistic, rows[per_image * a : per_image * b], {"seed": 0}, statistic=statistic)
        for a, b in itertools.pairwise(bounds)
    ]
    stored = [Measurement.from_dict(json.loads(json.dumps(part.to_dict()))) for part in parts]
    joined = Measurement.join(stored)
    assert torch.equal(joined.rows.nan_to_num(-1), whole.rows.nan_to_num(-1))
    assert joined.score().to_dict(per_image=True) == whole.score().to_dict(per_image=True)
    assert joined.value() == pytest.approx(whole.score().value, abs=1e-6)


def test_the_images_of_parts_are_counted_together() -> None:
    def part(count: int, sides: list[int]) -> Measurement:
        pictures = {"count": count, "shorter_side": sides, "resize": None}
        return Measurement("accuracy", torch.ones(count), {"pictures": pictures})

    joined = Measurement.join([part(3, [20, 40]), part(4, [30, 50])])
    assert joined.protocol["pictures"] == {"count": 7, "shorter_side": [20, 50], "resize": None}


def test_a_mean_can_be_taken_apart_again() -> None:
    score = Score.from_images("flip rate", torch.arange(12) / 12, {"in_words": "1 pixel"})
    assert Measurement.of(score).score() == score
    with pytest.raises(ValueError, match="'mean IoU' is no mean over pictures that are known. Measure the whole set"):
        Measurement.of(Measurement("mean IoU", _rows("mean IoU", 3), {}, statistic="mean IoU").score())


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"name": "agreement"}, "'accuracy' and 'agreement' differ. Join parts of one score."),
        ({"unit": "pixels"}, "Join parts of one score"),
        ({"rows": torch.ones(2, 3)}, r"accuracy: \(\) and \(3,\) values a picture differ\. Join parts of one network"),
    ],
)
def test_parts_of_different_kinds_are_refused(other: dict[str, Any], message: str) -> None:
    part: dict[str, Any] = {"name": "accuracy", "rows": torch.ones(2), "protocol": {}}
    with pytest.raises(ValueError, match=message):
        Measurement.join([Measurement(**part), Measurement(**{**part, **other})])


def test_nothing_to_join_or_to_score_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no part to join. Give one measurement a part."):
        Measurement.join([])
    nothing = Measurement("accuracy", torch.full((3,), torch.nan), {})
    assert nothing.empty
    with pytest.raises(ValueError, match="accuracy: none of 3 pictures counts. Add pictures that do."):
        nothing.score()
    no_object = of_rows("box AP", [torch.zeros(1, 14, dtype=torch.float64)], None)
    with pytest.raises(ValueError, match="box AP: none of 1 pictures has an object. Add some."):
        no_object.score()


def test_what_an_earlier_version_stored_is_refused() -> None:
    old = {"name": "accuracy", "value": 1.0, "interval": [1.0, 1.0], "level": 0.95, "images": 3, "protocol": {}}
    with pytest.raises(ValueError, match="'accuracy' was measured by an earlier version of antialias. Measure"):
        Measurement.from_dict(old)


def test_a_score_in_pixels_says_so_and_is_compared_with_its_like() -> None:
    rows = torch.arange(20) / 4
    score = Measurement("end-point error", rows, {"in_words": "of flow"}, unit="pixels").score()
    assert str(score) == "end-point error 2.375 pixels (95 % interval 1.712 to 3.038; 20 images, of flow)"
    assert Score.from_dict(score.to_dict(per_image=True)) == score
    assert "unit" not in Score.from_images("accuracy", rows / 5).to_dict()
    more = Measurement("end-point error", rows + 1, {"in_words": "of flow"}, unit="pixels").score()
    assert str(difference(more, score)).startswith("difference in end-point error +1 pixels (95 % interval 1 to 1; 20")
    with pytest.raises(ValueError, match="'end-point error' is in pixels and .* in percent. Compare scores"):
        difference(score, Score.from_images("end-point error", rows / 5, {"in_words": "of flow"}))
    with pytest.raises(ValueError, match="1 picture that counts gives no interval of a score that is no share"):
        Score.from_images("end-point error", rows[:1], unit="pixels")


def test_a_segmenters_parts_are_its_whole() -> None:
    def threshold(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([0.6 - x[:, 0], x[:, 1]], 1)

    images = torch.rand((6, 3, 24, 32), generator=torch.Generator().manual_seed(0))
    pictures = [(image, (image[2] > 0.5).long()) for image in images]
    whole = measure_segmenter(threshold, pictures)
    parts = [measure_segmenter(threshold, pictures[a:b], first=a) for a, b in ((0, 1), (1, 4), (4, 6))]
    for name, one in whole.items():
        assert Measurement.join([part[name] for part in parts]).score() == one.score()
