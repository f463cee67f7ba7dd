"""Objects that are followed, on tracks made by hand."""

from __future__ import annotations

import math

import pytest
import torch

from antialias.clips import Clip
from antialias.clips._smoothing import averaged, smoothed_tracks
from antialias.clips._tracks import detection_stability, link, track_counts
from antialias.metrics.detection import greedy_pairs

FPS = 10


def objects(*each: tuple[float, float, float, float], labels=None, scores=None, ids=None):
    count = len(each)
    return {
        "boxes": torch.tensor(each, dtype=torch.float32).reshape(count, 4),
        "labels": torch.tensor(labels or [1] * count, dtype=torch.int64),
        "scores": torch.tensor(scores or [0.9] * count),
        "ids": torch.tensor(ids or list(range(count)), dtype=torch.int64),
    }


def square(x: float, y: float = 20, side: float = 10) -> tuple[float, float, float, float]:
    return (x, y, x + side, y + side)


def clip_of(frames: int, dx: float | None = None) -> Clip:
    cameras = None
    if dx is not None:
        cameras = torch.eye(2, 3, dtype=torch.float64).repeat(frames, 1, 1)
        cameras[:, 0, 2] = -dx * torch.arange(frames)
    return Clip(torch.zeros(frames, 3, 64, 64), FPS, cameras=cameras)


def values(counts) -> dict[str, float]:
    return {name: float(counted.sum() / of.sum()) for name, (counted, of) in counts.items()}


def test_pairs_are_taken_in_the_order_of_falling_overlap():
    ious = torch.tensor([[0.6, 0.9, 0.4], [0.5, 0.8, 0.55], [0.0, 0.0, 0.49]])
    assert greedy_pairs(ious, 0.5, inclusive=True) == [(0, 1), (1, 2)]
    assert greedy_pairs(torch.zeros(0, 3), 0.5, inclusive=True) == []
    assert greedy_pairs(torch.full((2, 2), 0.5), 0.5, inclusive=True) == [(0, 0), (1, 1)]
    assert greedy_pairs(torch.full((2, 2), 0.5), 0.5) == []


def test_tracks_keep_classes_apart_and_outlast_a_gap():
    frames = [
        objects(square(0), square(0), labels=[1, 2]),
        objects(square(1), labels=[2]),
        objects(square(2), square(2), labels=[2, 1]),
    ]
    lost, bridged = (link(frames, clip_of(3), gap) for gap in (0, 1))
    assert [(track.label, track.frames, track.indices) for track in bridged] == [
        (1, [0, 2], [0, 1]),
        (2, [0, 1, 2], [1, 0, 0]),
    ]
    assert [track.frames for track in lost] == [[0], [0, 1, 2], [2]]


def test_known_motion_finds_what_moves_by_more_than_half_its_size():
    frames = [objects(square(8 * t)) for t in range(4)]
    assert len(link(frames, clip_of(4), 2)) == 4
    assert len(link(frames, clip_of(4, dx=8), 2)) == 1


def test_a_steady_object_neither_jitters_nor_flickers():
    frames = [objects(square(2.0 * t)) for t in range(6)]
    for clip in (clip_of(6), clip_of(6, dx=2)):
        found = values(track_counts(frames, clip, 5))
        assert found["track continuity"] == 1
        assert found["presence flicker"] == found["confidence jitter"] == 0
        assert found["position jitter"] == pytest.approx(0, abs=1e-9)
    # Where motion is known, an object that stays in the frame while the scene moves is not where it should be.
    assert values(track_counts(frames, clip_of(6, dx=0), 5))["position jitter"] == pytest.approx(0.2)


def test_counts_of_a_track_made_by_hand():
    """Found, found, lost, found, found, found; the fifth box is 1 pixel beside; scores 0.9, 0.8, -, 0.7, 0.7, 0.9."""
    frames = [
        objects(square(0), scores=[0.9]),
        objects(square(0), scores=[0.8]),
        objects(),
        objects(square(0), scores=[0.7]),
        objects(square(1), scores=[0.7]),
        objects(square(0), scores=[0.9]),
    ]
    counts = track_counts(frames, clip_of(6), gap=5)
    found = values(counts)
    assert found["track continuity"] == pytest.approx(3 / 4)  # of those in frames 0, 1, 3, 4
    assert found["presence flicker"] == pytest.approx(1 / 0.5)  # once in half a second
    assert found["confidence jitter"] == pytest.approx((0.1 + 0 + 0.2) / 3)
    assert found["position jitter"] == pytest.approx(2 / 10)  # 3, 4, 5 only: |0 - (2 * 1 - 0)| of a side of 10
    assert counts["presence flicker"][0].tolist() == [0, 1, 0, 0, 0]


def test_what_leaves_the_frame_is_not_lost():
    frames = [objects(square(54 + 3.0 * t)) for t in range(2)] + [objects()]
    moving, still = (values(track_counts(frames, clip_of(3, dx=dx), 2)) for dx in (3, 0))
    assert moving["track continuity"] == 1  # its centre would be at 65 of 64
    assert still["track continuity"] == 0.5


def test_detection_stability_of_hand_made_trajectories():
    """The paper's errors: the first object is found, lost, found, found; the second, never."""
    truth = [objects((0, 0, 10, 20), (40, 40, 60, 60), ids=[7, 9]) for _ in range(4)]
    found = [objects((0, 0, 10, 20)), objects((30, 30, 35, 35)), objects((1, 2, 11, 22)), objects((0, 0, 10, 25))]
    errors = detection_stability(found, truth)
    assert {name: of.tolist() for name, (_, of) in errors.items()} == {
        "fragment error": [1, 0],
        "centre error": [1, 0],
        "ratio error": [1, 0],
        "recall": [4, 4],
    }
    assert errors["fragment error"][0].tolist() == [pytest.approx(2 / 3), 0]

    def std(*numbers: float) -> float:
        mean = sum(numbers) / len(numbers)
        return math.sqrt(sum((one - mean) ** 2 for one in numbers) / len(numbers))

    dx, dy = (0, 1 / 10, 0), (0, 2 / 20, 2.5 / 20)
    assert float(errors["centre error"][0][0]) == pytest.approx(std(*dx) + std(*dy), rel=1e-6)
    scale, aspect = (1, 1, math.sqrt(25 / 20)), (1, 1, 20 / 25)
    assert float(errors["ratio error"][0][0]) == pytest.approx(std(*scale) + std(*aspect), rel=1e-6)
    assert errors["recall"][0].tolist() == [3, 0]


def test_perfect_detections_are_stable():
    frames = [objects(square(t), square(40 - t), labels=[1, 2], ids=[3, 4]) for t in range(5)]
    errors = values(detection_stability(frames, frames))
    assert errors == pytest.approx({"fragment error": 0, "centre error": 0, "ratio error": 0, "recall": 1})
    wrong = [{**each, "labels": each["labels"].flip(0)} for each in frames]
    assert float(detection_stability(wrong, frames)["recall"][0].sum()) == 0


@pytest.mark.parametrize("lag", [1, 3])
def test_averages_are_as_old_as_they_say(lag: int):
    """The response to an impulse is weighed by its age: its mean is the lag."""
    impulse = torch.zeros(400)
    impulse[1] = 1
    response = [float(each[1]) for each in averaged(iter(impulse), (lag,))]
    assert sum(response) == pytest.approx(1)
    assert sum(weight * (age - 1) for age, weight in enumerate(response)) == pytest.approx(lag, rel=1e-4)


def test_tracks_are_averaged_and_held():
    frames = [objects(square(0), scores=[0.9]), objects(square(2), scores=[0.5]), objects(), objects(), objects()]
    smooth = smoothed_tracks(frames, clip_of(5), lag=2)
    assert [len(each["boxes"]) for each in smooth] == [1, 1, 1, 1, 0]
    assert smooth[1]["boxes"].tolist() == [[pytest.approx(x) for x in (2 / 3, 20, 10 + 2 / 3, 30)]]
    assert float(smooth[1]["scores"]) == pytest.approx(0.9 - 0.4 / 3)
    assert torch.equal(smooth[3]["boxes"], smooth[1]["boxes"])
    gap = [objects(square(0)), objects(), objects(square(0))]
    assert values(track_counts(gap, clip_of(3), 5))["presence flicker"] > 0
    assert values(track_counts(smoothed_tracks(gap, clip_of(3), 2), clip_of(3), 5))["presence flicker"] == 0


def test_jitter_becomes_smaller_by_averaging():
    frames = [objects(square(10 + (t % 2))) for t in range(20)]
    before, after = (
        values(track_counts(each, clip_of(20), 5))["position jitter"]
        for each in (frames, smoothed_tracks(frames, clip_of(20), 3))
    )
    assert after < before / 3


def test_masks_go_along():
    frames = [{**objects(square(0)), "masks": torch.full((1, 4, 4), t % 2 == 0)} for t in range(3)]
    smooth = smoothed_tracks(frames, clip_of(3), 1)
    assert [bool(each["masks"].all()) for each in smooth] == [True, False, True]
