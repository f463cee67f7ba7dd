"""Detections followed along the windows of one image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from antialias.metrics import SameInstance, track_instances

SIZE = (32, 32)


def found(*objects: tuple[float, float, int, float]) -> dict[str, Tensor]:
    """Squares of 8 pixels: left, top, class and score."""
    boxes = torch.tensor([[x, y, x + 8, y + 8] for x, y, _, _ in objects]).reshape(-1, 4)
    masks = torch.zeros(len(objects), 1, *SIZE)
    for mask, (x, y, _, _) in zip(masks, objects, strict=True):
        mask[0, max(int(y), 0) : max(int(y) + 8, 0), max(int(x), 0) : max(int(x) + 8, 0)] = 1
    labels, scores = torch.tensor([o[2] for o in objects]).long(), torch.tensor([o[3] for o in objects])
    return {"boxes": boxes, "labels": labels, "scores": scores.float(), "masks": masks}


def scores(track) -> dict[int, float]:
    return {number: round(float(seen["score"]), 2) for number, seen in track.sightings.items()}


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_objects_keep_their_names_when_their_order_changes(kind) -> None:
    answers = [
        found((4, 4, 1, 0.9), (20, 4, 1, 0.8)),
        found((19, 4, 1, 0.95), (3, 4, 1, 0.85)),  # the other one is surer now
        found((2, 4, 1, 0.9)),
        found((1, 4, 1, 0.9), (17, 4, 1, 0.7)),  # and is back after a gap
    ]
    corners = [(0, x) for x in range(4)]
    right, left = track_instances(answers, corners, SIZE, kind)
    assert scores(right) == {0: 0.8, 1: 0.95, 3: 0.7}
    assert scores(left) == {0: 0.9, 1: 0.85, 2: 0.9, 3: 0.9}
    assert left.sightings[0]["mask"].sum() == 64


def test_another_class_is_another_object() -> None:
    answers = [found((4, 4, 1, 0.9)), found((4, 4, 2, 0.9))]
    tracks = track_instances(answers, [(0, 0), (0, 0)], SIZE)
    assert [(track.label, list(track.sightings)) for track in tracks] == [(1, [0]), (2, [1])]


def test_what_never_counts_is_left_out_and_what_falls_is_followed() -> None:
    answers = [found((4, 4, 1, 0.6), (20, 20, 1, 0.3)), found((4, 4, 1, 0.2), (20, 20, 1, 0.45))]
    (track,) = track_instances(answers, [(0, 0), (0, 0)], SIZE)
    assert scores(track) == {0: 0.6, 1: 0.2}
    assert track.peak == pytest.approx(0.6)
    assert len(track_instances(answers, [(0, 0), (0, 0)], SIZE, same=SameInstance(iou=0.5, score=0.4))) == 2


def test_only_what_both_windows_show_is_compared() -> None:
    """An object that the second window cuts to a quarter is the same one all the same."""
    answers = [found((24, 4, 1, 0.9)), found((-6, 4, 1, 0.9))]
    answers[1]["boxes"] = answers[1]["boxes"].clamp(min=0)
    (track,) = track_instances(answers, [(0, 0), (0, 30)], SIZE)
    assert list(track.sightings) == [0, 1]


def test_nothing_is_found_without_error_and_answers_fit_windows() -> None:
    assert track_instances([found(), found()], [(0, 0), (0, 1)], SIZE) == []
    with pytest.raises(ValueError, match="there are 1 answers to 2 windows. Pass one a window"):
        track_instances([found()], [(0, 0), (0, 1)], SIZE)
