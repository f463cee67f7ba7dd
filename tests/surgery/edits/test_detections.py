"""Detections of moved images: moved back, and fused by the published rule, written out by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import antialias as aa
from antialias.surgery import convert_, phase_groups
from antialias.surgery.edits._detections import fused, intersection_over_union, moved_back


def found(boxes: list[list[float]], labels: list[int], scores: list[float]) -> dict[str, Tensor]:
    return {
        "boxes": torch.tensor(boxes, dtype=torch.float32).view(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "scores": torch.tensor(scores),
    }


def test_boxes_of_one_object_are_averaged_by_their_scores() -> None:
    first = found([[0, 0, 10, 10], [50, 50, 60, 60]], [1, 2], [0.9, 0.6])
    second = found([[1, 0, 11, 10]], [1], [0.3])
    together = fused([first, second])
    torch.testing.assert_close(together["boxes"], torch.tensor([[0.25, 0, 10.25, 10], [50, 50, 60, 60]]))
    torch.testing.assert_close(together["scores"], torch.tensor([0.6, 0.3]))  # the second by one run of two
    assert together["labels"].tolist() == [1, 2]


def test_labels_are_never_mixed_and_the_richest_run_bounds_the_number() -> None:
    first, second = found([[0, 0, 10, 10]], [1], [0.9]), found([[0, 0, 10, 10]], [2], [0.8])
    together = fused([first, second])
    assert together["labels"].tolist() == [1]
    assert together["scores"].tolist() == [pytest.approx(0.45)]


def test_masks_are_averaged_and_other_things_are_those_of_the_most_certain_box() -> None:
    runs = [found([[0, 0, 10, 10]], [1], [score]) for score in (0.2, 0.6)]
    for value, run in enumerate(runs):
        run["masks"], run["name"] = torch.full((1, 1, 4, 4), float(value)), torch.tensor([value])
    together = fused(runs)
    torch.testing.assert_close(together["masks"], torch.full((1, 1, 4, 4), 0.75))
    assert together["name"].tolist() == [1]
    assert list(together) == list(runs[0])


def test_nothing_found_stays_nothing() -> None:
    together = fused([found([], [], []), found([], [], [])])
    assert together["boxes"].shape == (0, 4)
    assert together["labels"].dtype == torch.int64


def test_overlap_is_that_of_torchvision() -> None:
    from torchvision.ops import box_iou

    boxes = torch.rand(20, 4).cumsum(1)
    ours = torch.stack([intersection_over_union(box, boxes) for box in boxes])
    torch.testing.assert_close(ours, box_iou(boxes, boxes))


def test_boxes_masks_and_keypoints_move_back() -> None:
    item = found([[1, 2, 30, 40]], [1], [0.5])
    item |= {"masks": torch.zeros(1, 1, 41, 32), "keypoints": torch.tensor([[[1.0, 2.0, 1.0]]])}
    item["masks"][..., 2, 1] = 1
    back = moved_back(item, (3, 4), (41, 32))
    assert back["boxes"].tolist() == [[5, 5, 32, 41]]
    assert back["masks"].nonzero().tolist() == [[0, 0, 5, 5]]
    assert back["keypoints"].tolist() == [[[5, 5, 1]]]


class Brightest(nn.Module):
    """Finds a box at the brightest pixel of a map at half resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1, 2, bias=False)
        nn.init.ones_(self.conv.weight)

    def forward(self, images: list[Tensor], targets: Any = None) -> list[dict[str, Tensor]]:
        items = []
        for y in self.conv(torch.stack(images)):
            row, column = divmod(int(y[0].detach().flatten().argmax()), y.shape[-1])
            items.append(found([[2 * column, 2 * row, 2 * column + 8, 2 * row + 8]], [1], [float(y.detach().max())]))
        return items


def test_a_detector_runs_on_moved_images() -> None:
    model = Brightest().eval()
    images = [torch.zeros(1, 16, 16), torch.zeros(1, 16, 16)]
    images[0][0, 5, 7], images[1][0, 4, 4] = 1, 1  # the first is seen by the phase (1, 1) alone
    assert phase_groups(model, images) == (("conv",),)
    conversion = convert_(model, aa.PhaseAverage(phases=2), example=images)
    first, second = model(images)
    torch.testing.assert_close(first["boxes"][0], torch.tensor([7.0, 5, 15, 13]))
    torch.testing.assert_close(second["boxes"][0], torch.tensor([4.0, 4, 12, 12]))
    conversion.revert_()
    assert model(images)[0]["scores"].tolist() == [0]


def test_detectors_take_it_at_the_input_only() -> None:
    with pytest.raises(
        ValueError, match="takes a list of images, as detectors do: its phases are averaged at the input"
    ):
        convert_(Brightest().eval(), aa.PhaseAverage(), where="layer4*", example=[torch.rand(1, 16, 16)])


def test_a_detector_has_its_runs_counted_and_ends_no_phases() -> None:
    images, model = [torch.rand(1, 20, 20)], Brightest().eval()
    model.conv.stride = (5, 5)
    with pytest.raises(ValueError, match="25 = 25 runs of the network behind 1 groups of sites; 16 are the most"):
        convert_(model, aa.PhaseAverage(phases="all"), example=images)
    with pytest.raises(ValueError, match="averages its detections. Leave until='conv' out"):
        convert_(model, aa.PhaseAverage(until="conv"), example=images)
