"""Average precision at the worst shift, on detectors whose worst shift is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from antialias.metrics import (
    WorstShiftAveragePrecision,
    average_precision,
    worst_shift_average_precision,
    worst_shift_windows,
)
from antialias.metrics.detection._worst_shift import shifted, shifts_of

Found = dict[str, Tensor]


def _picture(top: int, left: int) -> tuple[Tensor, Found]:
    picture, mask = torch.zeros(3, 48, 64), torch.zeros(1, 48, 64, dtype=torch.bool)
    picture[:, top : top + 10, left : left + 14] = 1
    mask[:, top : top + 10, left : left + 14] = True
    box = torch.tensor([[left, top, left + 14, top + 10]]).float()
    return picture, {"boxes": box, "labels": torch.tensor([1]), "masks": mask}


def find(pictures: list[Tensor], wrong_at: int = -1) -> list[Found]:
    """Find what is bright; give it another class where its left side is at `wrong_at`."""
    found = []
    for picture in pictures:
        mask = picture[0] > 0.5
        at = mask.nonzero()
        (y1, x1), (y2, x2) = at.amin(0).tolist(), (at.amax(0) + 1).tolist()
        box, label = torch.tensor([[x1, y1, x2, y2]]).float(), torch.tensor([2 if x1 == wrong_at else 1])
        found.append({"boxes": box, "labels": label, "scores": torch.tensor([0.9]), "masks": mask[None, None].float()})
    return found


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_an_equivariant_detector_loses_nothing(kind: Any) -> None:
    pictures = [_picture(10 + i, 12 + 2 * i) for i in range(12)]
    score = worst_shift_average_precision(find, pictures, kind)
    assert (score.value, score.name, score.images) == (1, f"worst-case-shift {kind} AP", 12)


def test_one_bad_shift_is_the_worst() -> None:
    pictures = [_picture(10 + i, 12 + 2 * i) for i in range(12)]
    seen = []

    def fails_once(shown: list[Tensor]) -> list[Found]:
        seen.extend(shown)
        return find(shown, wrong_at=20)

    # Of the windows that leave 3 pixels free, one shows the object of the picture whose left is 20 + 3 + x at 20.
    unlucky = [left for left in range(12, 36, 2) if left - 23 in (0, 1, -1, 2, -2, 3, -3)]
    score = worst_shift_average_precision(fails_once, pictures, "box", distances=(1, 2, 3))
    assert {frame.shape for frame in seen} == {(3, 42, 58)}
    assert len(seen) == 12 * 12
    assert score.value == pytest.approx(_interpolated(12 - len(unlucky), 12), abs=1e-9)
    usual = average_precision(find([image for image, _ in pictures]), [target for _, target in pictures], "box")
    assert score.value < usual.value == 1


def _interpolated(found: int, objects: int) -> float:
    """Average precision of one class whose only detections are right, at one score, with `found` objects found."""
    return sum(recall / 100 <= found / objects for recall in range(101)) / 101


def test_shifts_suit_the_picture() -> None:
    assert {abs(y) + abs(x) for y, x in shifts_of(80, None)} == {1, 2, 5}
    assert len(shifts_of(480, None)) == 20
    assert shifts_of(10, None) == [(0, 1), (0, -1), (1, 0), (-1, 0)]
    with pytest.raises(ValueError, match="distances up to 20 leave no window in a picture of 40 pixels. Use .* 19"):
        shifts_of(40, (1, 20))
    with pytest.raises(ValueError, match=r"distances\[1\]=0 is not positive"):
        worst_shift_average_precision(find, [_picture(0, 0)], distances=(1, 0))


def test_objects_move_with_the_window_and_leave_with_it() -> None:
    image, target = _picture(10, 4)
    target["iscrowd"] = torch.tensor([1])
    frame, seen = shifted(image, target, 0, 5, 5)
    assert frame.shape == (3, 38, 54)
    assert seen["boxes"].tolist() == [[0, 5, 8, 15]]
    assert torch.equal(seen["masks"][0], frame[0] > 0)
    assert seen["iscrowd"].tolist() == [1]
    gone = shifted(image, target, 0, 20, 20)[1]
    assert [len(values) for values in gone.values()] == [0, 0, 0, 0]
    boxes_alone = {name: target[name] for name in ("boxes", "labels")}
    assert shifted(image, boxes_alone, 0, 5, 5)[1]["boxes"].tolist() == [[0, 5, 8, 15]]


def test_a_picture_without_objects_counts_its_false_alarms() -> None:
    image, target = _picture(10, 20)
    pictures = [(image, target), (image, {name: values[:0] for name, values in target.items()})]
    assert worst_shift_average_precision(find, pictures, distances=(1,)).value == 1
    # Of equal scores the earlier picture's come first, so here the false alarm outranks the object.
    assert worst_shift_average_precision(find, pictures[::-1], distances=(1,)).value == 0.5


def test_the_object_is_the_function() -> None:
    pictures = [_picture(10 + i, 12 + 2 * i) for i in range(12)]

    def fails_once(shown: list[Tensor]) -> list[Found]:
        return find(shown, wrong_at=20)

    metric, halves = WorstShiftAveragePrecision("box"), [WorstShiftAveragePrecision("box") for _ in range(2)]
    for number, (image, target) in reversed(list(enumerate(pictures))):
        windows, targets = worst_shift_windows(image, target, (1, 2))
        for each in (metric, halves[number % 2]):
            each.update(fails_once(windows), targets, number)
    score = worst_shift_average_precision(fails_once, pictures, "box", distances=(1, 2))
    found = metric.compute()
    assert 0 < found.value < 1
    assert (found.name, found.value, found.interval) == (score.name, score.value, score.interval)
    for mine, others in zip(halves[0].metric_state.values(), halves[1].metric_state.values(), strict=True):
        mine.extend(others)
    assert halves[0].compute() == found
    with pytest.raises(ValueError, match="1 outputs and 0 targets. Use one of each a window."):
        metric.update(find([pictures[0][0]]), [])
