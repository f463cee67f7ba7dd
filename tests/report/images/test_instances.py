"""What detectors find while a window moves, in the picture's coordinates."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

from antialias.metrics import SameInstance
from antialias.report import instance_view
from antialias.report.images._instances import outline


def filled(path: str, height: int, width: int) -> Tensor:
    """Fill a path of horizontal and vertical lines, even-odd, as a browser does."""
    mask = torch.zeros(height, width, dtype=torch.bool)
    for part in path.split("M")[1:]:
        numbers = re.match(r"(\d+) (\d+)", part)
        assert numbers is not None
        points = [(int(numbers[1]), int(numbers[2]))]
        for letter, number in re.findall(r"([HV])(\d+)", part):
            x, y = points[-1]
            points.append((int(number), y) if letter == "H" else (x, int(number)))
        for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
            assert (x1 == x2) != (y1 == y2)
            if x1 == x2:
                mask[min(y1, y2) : max(y1, y2), x1:] ^= True
    return mask


def test_outlines_hold_every_pixel_of_any_mask() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        mask = torch.rand(9, 11, generator=generator) > 0.5
        assert torch.equal(filled(outline(mask), 9, 11), mask)
    assert outline(torch.zeros(3, 3, dtype=torch.bool)) == ""


def test_outlines_of_large_masks_are_coarse_and_in_place() -> None:
    mask = torch.zeros(400, 500, dtype=torch.bool)
    mask[30:60, 90:150] = True
    assert outline(mask, (7, 9)) == "M97 39H157V69H97Z"
    noise = torch.rand(400, 500, generator=torch.Generator().manual_seed(0)) > 0.5
    assert len(outline(noise)) < 200_000


class Blinking:
    """Finds the bright square where it is, surely on windows that start at even columns, hardly at odd ones."""

    def __init__(self, *, masks: bool = True, cold: float = 0.2) -> None:
        self.masks, self.cold = masks, cold

    def __call__(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        return [self.found(image) for image in images]

    def found(self, image: Tensor) -> dict[str, Any]:
        rows, columns = (image[0] > 0.9).nonzero().T
        left, top = int(columns.min()), int(rows.min())
        box = torch.tensor([[left, top, int(columns.max()) + 1, int(rows.max()) + 1]]).float()
        score = torch.tensor([0.9 if left % 2 else self.cold])
        values = {"boxes": box, "labels": torch.tensor([2]), "scores": score}
        return values | ({"masks": (image[:1] > 0.9)[None].float()} if self.masks else {})


@pytest.fixture
def square() -> Tensor:
    pixels = torch.zeros(3, 48, 64)
    pixels[:, 20:30, 25:40] = 1
    return pixels


def test_an_object_is_followed_in_the_pictures_own_coordinates(square: Tensor) -> None:
    view = instance_view({"blinking": Blinking()}, square, "square", class_names=("disk", "square"), normalize=None)
    assert (view.window, len(view.path), view.least) == ((42, 56), 7, 0.5)
    (moving,) = view.traces[0].objects
    assert moving.label == "square"
    assert set(moving.boxes) == {(25.0, 20.0, 40.0, 30.0)}
    assert set(moving.outlines) == {"M25 20H40V30H25Z"}
    assert moving.scores == tuple(0.9 if (25 - left) % 2 else 0.2 for left, _ in view.path)
    assert moving.counts(view.least) == tuple(score == 0.9 for score in moving.scores)


def test_who_appears_and_vanishes_is_counted(square: Tensor) -> None:
    view = instance_view({"blinking": Blinking()}, square, "square", normalize=None)
    first = view.traces[0].objects[0].counts(0.5)[0]
    changes = view.traces[0].changes(view.least)
    assert changes[0] == (0, 0)
    assert changes[1:] == tuple((0, 1) if (step % 2 == 1) == first else (1, 0) for step in range(1, 7))
    assert view.traces[0].objects[0].label == "class 2"
    steady = instance_view({"blinking": Blinking()}, square, "square", same=SameInstance(score=0.1), normalize=None)
    assert set(steady.traces[0].changes(0.1)) == {(0, 0)}


def test_what_a_detector_does_not_return_is_a_gap_and_boxes_alone_will_do(square: Tensor) -> None:
    blinking = Blinking(masks=False, cold=0.01)
    view = instance_view({"blinking": blinking}, square, "square", steps=3, direction="horizontal", normalize=None)
    (moving,) = view.traces[0].objects
    assert None in moving.scores
    assert [box is None for box in moving.boxes] == [score is None for score in moving.scores]
    assert set(moving.outlines) == {""}


def test_a_window_without_room_is_refused(square: Tensor) -> None:
    with pytest.raises(ValueError, match="A window of 60 pixels has no room to move in 'square', which is 48x64"):
        instance_view({"blinking": Blinking()}, square, "square", window=60)
