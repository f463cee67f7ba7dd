from __future__ import annotations

import pytest
import torch

from antialias.clips._tally import Tally, ratio, score_of

GENERATOR = torch.Generator().manual_seed(0)


def test_the_value_is_all_that_was_counted_of_all_that_counts():
    counted, of = torch.randint(3, (31,), generator=GENERATOR), torch.randint(3, 6, (31,), generator=GENERATOR)
    tally = Tally("share", counted, of, "things")
    score = score_of([tally], [3.0], {})
    assert score.value == pytest.approx(int(counted.sum()) / int(of.sum()))
    assert score.interval[0] < score.value < score.interval[1]
    assert (score.images, score.protocol["unit"]) == (10, "window")
    assert score_of([tally], [20.0], {}).images == 20
    assert "things" in str(score)


def test_the_mean_over_classes_is_of_those_that_there_is_something_of():
    both, either = torch.tensor([[2, 0, 0], [1, 1, 0]]), torch.tensor([[4, 0, 0], [2, 1, 0]])
    assert Tally("mean IoU", both, either, "").value == pytest.approx((3 / 6 + 1) / 2)
    assert bool(ratio(torch.zeros(2), torch.zeros(2)).isnan())


def test_several_clips_are_averaged():
    tallies = [Tally("share", torch.ones(n) * (n == 5), torch.ones(n), "") for n in (5, 20, 20, 20)]
    score = score_of(tallies, [1.0] * 4, {})
    assert score.value == pytest.approx(1 / 4)
    assert (score.images, score.protocol["unit"]) == (4, "clip")
    assert score.per_image.tolist() == [1, 0, 0, 0]
    nothing = Tally("share", torch.zeros(3), torch.zeros(3), "")
    fewer = score_of([*tallies, nothing], [1.0] * 5, {})
    assert fewer.value == pytest.approx(1 / 4)
    assert fewer.images == 4
    assert fewer.per_image.isnan().tolist() == [False] * 4 + [True]


def test_few_clips_have_students_interval():
    tallies = [Tally("rate", torch.full((60,), float(n)), torch.ones(60), "", "changes", True) for n in (1, 3)]
    score = score_of(tallies, [1.0] * 2, {})
    assert score.interval == (0, pytest.approx(2 + 12.706))
    assert "Student's" in score.protocol["interval"]["method"]
    many = score_of(tallies * 3, [1.0] * 6, {})
    assert many.interval[0] > 1
    assert many.protocol["interval"]["method"] == "percentile bootstrap"


def test_what_never_happened_could_have():
    """Three events in two seconds, and none: the exact bounds of a Poisson count are 0.62 to 8.77 and 0 to 3.69."""
    for events, bounds in ((3, (0.62, 8.77)), (0, (0, 3.69))):
        steps = torch.zeros(60)
        steps[10 : 10 + 20 * events : 20] = 1
        score = score_of([Tally("rate", steps, torch.full((60,), 1 / 30), "", "changes", True)], [2.0], {})
        assert score.value == pytest.approx(events / 2)
        assert score.interval[1] == pytest.approx(bounds[1] / 2, abs=0.02)
        assert score.interval[0] <= bounds[0] / 2 + 0.01
        assert "Byar" in score.protocol["interval"]["method"]
    many = torch.ones(60)
    many[::7] = 0
    score = score_of([Tally("rate", many, torch.full((60,), 1 / 30), "", "changes", True)], [2.0], {})
    assert score.protocol["interval"]["method"] == "percentile bootstrap"
    share = score_of([Tally("share", torch.zeros(60), torch.ones(60), "")], [2.0], {})
    assert 0.2 < share.interval[1] < 0.4
    assert share.protocol["interval"]["method"] == "Wilson"


def test_steps_of_one_window_are_drawn_together():
    """A burst in one window is one event: the interval is wider than that of steps drawn each by itself."""
    steps = torch.zeros(300)
    steps[:120] = 1
    width = [b - a for a, b in (score_of([Tally("s", s, torch.ones(300), "")], [30.0], {}).interval
             for s in (steps, steps[torch.randperm(300, generator=GENERATOR)]))]  # fmt: skip
    assert width[0] > 2 * width[1]


def test_trajectories_are_drawn_by_themselves():
    tally = Tally("error", torch.rand(12, generator=GENERATOR), torch.ones(12), "", "sizes", part="trajectory")
    score = score_of([tally], [1.0], {})
    assert (score.images, score.protocol["unit"], score.unit) == (12, "trajectory", "sizes")


def test_nothing_to_measure_is_said():
    with pytest.raises(ValueError, match="share: nothing of 2 windows counts"):
        score_of([Tally("share", torch.zeros(2), torch.zeros(2), "")], [1.0], {})
    with pytest.raises(ValueError, match="jitter: one trajectory alone gives no interval of what nothing bounds"):
        score_of([Tally("jitter", torch.ones(1), torch.ones(1), "", "sizes", part="trajectory")], [1.0], {})
