"""mAISC against a count of pixels, on detectors whose consistency is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import (
    InstanceConsistency,
    NothingDetected,
    SameInstance,
    instance_consistency,
    instance_crops,
    measure_detector,
)
from antialias.metrics.detection._consistency import consistent_share
from antialias.metrics.detection._instances import of_classes

Found = dict[str, Tensor]


def find_colours(pictures: list[Tensor]) -> list[Found]:
    """Find each patch of one value: an equivariant detector."""
    return [_patches(picture) for picture in pictures]


def _patches(picture: Tensor) -> Found:
    values = [value for value in picture[0].unique() if value > 0]
    masks = torch.stack([picture[0] == value for value in values] or [torch.zeros(picture.shape[1:])]).bool()
    masks = masks[: len(values)]
    sides = [torch.stack([mask.nonzero().amin(0), mask.nonzero().amax(0) + 1]).flip(1).flatten() for mask in masks]
    return {
        "boxes": torch.stack(sides).float() if sides else torch.empty(0, 4),
        "labels": torch.ones(len(masks), dtype=torch.int64),
        "scores": torch.ones(len(masks)),
        "masks": masks[:, None].float(),
    }


class FindsByPosition(nn.Module):
    """Finds what lies on the left half of what it is shown."""

    def forward(self, pictures: list[Tensor]) -> list[Found]:
        found = find_colours(pictures)
        kept = [one["boxes"][:, 0] < picture.shape[-1] / 2 for one, picture in zip(found, pictures, strict=True)]
        return [{name: v[keep] for name, v in one.items()} for one, keep in zip(found, kept, strict=True)]


@pytest.fixture
def patches() -> list[Tensor]:
    """Pictures of three sizes with rectangles, of which none overlap."""
    pictures = []
    for number, (height, width) in enumerate([(48, 48), (40, 64), (64, 40)] * 4):
        picture = torch.zeros(3, height, width)
        for place in range(4):
            y, x = divmod(place, 2)
            top, left = y * height // 2 + 2 + number % 5, x * width // 2 + 1 + number % 3
            picture[:, top : top + 12, left : left + 9 + place] = (place + 1) / 10
        pictures.append(picture)
    return pictures


def test_an_equivariant_detector_is_wholly_consistent(patches: list[Tensor]) -> None:
    masks, boxes = (instance_consistency(find_colours, patches, kind) for kind in ("mask", "box"))
    assert (masks.value, boxes.value, masks.images) == (1, 1, 12)
    assert (masks.name, boxes.name) == ("instance consistency of masks", "instance consistency of boxes")


def test_one_that_goes_by_position_is_not(patches: list[Tensor]) -> None:
    model = FindsByPosition().train()
    score = instance_consistency(model, patches)
    assert 0.5 < score.value < 0.95
    assert model.training
    assert instance_consistency(model, patches, batch_size=3) == score
    assert instance_consistency(model, patches, seed=1).value != score.value
    later = instance_consistency(model, patches[5:], first=5)
    assert torch.equal(later.per_image, score.per_image[5:])


def _in_classes(pictures: list[Tensor]) -> list[Found]:
    """Find by position, and call what lies in the right column another class, by its value."""
    found = FindsByPosition()(pictures)
    values = [(picture[0] * one["masks"][:, 0]).amax((1, 2)) for one, picture in zip(found, pictures, strict=True)]
    return [{**one, "labels": 2 - (10 * of).round().long() % 2} for one, of in zip(found, values, strict=True)]


def test_sets_of_classes_are_scored_as_if_nothing_else_were_found(patches: list[Tensor]) -> None:
    sets = {"dark": (1,), "bright": (2,), "all": (1, 2), "none": (3,)}
    targets = [{**one, "image_id": torch.tensor(i)} for i, one in enumerate(find_colours(patches))]
    ends = {f"_{name}": labels for name, labels in sets.items()}
    measured = measure_detector(_in_classes, list(zip(patches, targets, strict=True)), ends)
    assert [name for name, one in measured.items() if "consistency" in name and one.empty] == [
        "mask_consistency_none",
        "box_consistency_none",
    ]
    for name in ("dark", "bright", "all"):

        def only(pictures: list[Tensor], name: str = name) -> list[Found]:
            return [of_classes(one, sets[name]) for one in _in_classes(pictures)]  # type: ignore[misc]

        for kind in ("mask", "box"):
            score = measured[f"{kind}_consistency_{name}"].score()
            assert score.value == instance_consistency(only, patches, kind).value
            assert score.protocol["labels"] == list(sets[name])
    assert len({measured[f"mask_consistency_{name}"].value() for name in ("dark", "bright", "all")}) == 3


def test_crops_lie_everywhere_and_a_prefix_stays_a_prefix() -> None:
    image = torch.arange(24 * 32.0).view(1, 24, 32).expand(3, -1, -1)
    crops = instance_crops(image, passes=200, index=3)
    assert crops.size == (21, 28)
    assert crops.corners.amax(0).tolist() == [2, 3]
    assert crops.corners.amin(0).tolist() == [0, 0]
    assert [frame[0, 0, 0].item() for frame in crops.frames] == [float(32 * y + x) for y, x in crops.corners]
    assert torch.equal(instance_crops(image, passes=2, index=3).corners, crops.corners[:4])
    with pytest.raises(ValueError, match="window=9 leaves 1 offsets in a picture of 10 pixels and 2 are needed"):
        instance_crops(image[:, :10], crop=0.9)


def _counted_by_pixel(a: Found, b: Found, corners: Tensor, size: int, same: SameInstance) -> float:
    """Return the share of consistent instances, every pixel by hand; pairs in the order of falling IoU."""
    (ya, xa), (yb, xb) = corners.tolist()

    def pixels(mask: Tensor, y0: int, x0: int) -> set[tuple[int, int]]:
        everywhere = {(y + y0, x + x0) for y, x in mask.nonzero().tolist()}
        return {
            (y, x)
            for y, x in everywhere
            if max(ya, yb) <= y < min(ya, yb) + size and max(xa, xb) <= x < min(xa, xb) + size
        }

    first = [(pixels(m, ya, xa), int(c)) for m, c in zip(a["masks"], a["labels"], strict=True)]
    second = [(pixels(m, yb, xb), int(c)) for m, c in zip(b["masks"], b["labels"], strict=True)]
    first = [one for one in first if len(one[0]) >= same.min_area]
    ious = [
        (len(p & q) / max(len(p | q), 1), i, j)
        for i, (p, c) in enumerate(first)
        for j, (q, d) in enumerate(second)
        if c == d
    ]
    used_a, used_b = set(), set()
    for iou, i, j in sorted(ious, key=lambda one: -one[0]):
        if iou > same.iou and i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
    return len(used_a) / len(first) if first else float("nan")


def test_shares_are_those_counted_pixel_by_pixel() -> None:
    generator = torch.Generator().manual_seed(0)
    same = SameInstance(iou=0.64, min_area=5)
    compared = []
    for _ in range(40):
        corners = torch.randint(0, 4, (2, 2), generator=generator)
        base = torch.rand((5, 14, 14), generator=generator) < 0.4
        found = []
        for y, x in corners.tolist():
            masks = base[:, y : y + 10, x : x + 10] & (torch.rand((5, 10, 10), generator=generator) < 0.8)
            kept = torch.randperm(5, generator=generator)[:4]
            labels = torch.tensor([1, 1, 2, 2, 2])[kept]
            found.append({"masks": masks[kept], "labels": labels, "scores": torch.ones(4)})
        share = consistent_share(found[:1], found[1:], corners[None], (10, 10), "mask", same)
        compared.append(float(share))
        assert share.item() == pytest.approx(_counted_by_pixel(*found, corners, 10, same))
    assert len(set(compared)) > 3


def _box(x1: float, y1: float, x2: float, y2: float, label: int = 1) -> Found:
    return {"boxes": torch.tensor([[x1, y1, x2, y2]]), "labels": torch.tensor([label]), "scores": torch.tensor([0.6])}


def test_boxes_are_cut_to_the_overlap() -> None:
    corners = torch.tensor([[[0, 0], [2, 4]]])
    seen, again = _box(2, 0, 10, 8), _box(0, 0, 6, 6)  # the overlap begins at y=2, x=4, where both are 6 x 6
    assert consistent_share([seen], [again], corners, (10, 10), "box", SameInstance()) == 1
    other = {**again, "labels": torch.tensor([2])}
    assert consistent_share([seen], [other], corners, (10, 10), "box", SameInstance()) == 0
    outside = _box(0, 0, 4, 8)
    assert consistent_share([outside], [again], corners, (10, 10), "box", SameInstance()).isnan()


def test_each_counterpart_is_used_once() -> None:
    corners = torch.zeros(1, 2, 2, dtype=torch.int64)
    one = _box(0, 0, 8, 8)
    twice = {name: value.repeat(2, *[1] * (value.ndim - 1)) for name, value in one.items()}
    assert consistent_share([twice], [one], corners, (10, 10), "box", SameInstance()) == 0.5
    assert consistent_share([one], [twice], corners, (10, 10), "box", SameInstance()) == 1
    assert consistent_share([one], [one], corners, (10, 10), "box", SameInstance(min_area=65)).isnan()
    assert consistent_share([one], [one], corners, (10, 10), "box", SameInstance(min_area=64)) == 1


def test_pictures_without_instances_do_not_count(patches: list[Tensor]) -> None:
    black = torch.zeros(3, 48, 48)
    assert instance_consistency(find_colours, [*patches, black]).images == 12
    with pytest.raises(
        NothingDetected, match=r"nothing was detected in 1 pictures with a score of 0.5 or more\. Train"
    ):
        instance_consistency(find_colours, [black])

    def dimmed(shown: list[Tensor]) -> list[Found]:
        return [{**one, "scores": 0.49 * one["scores"]} for one in find_colours(shown)]

    with pytest.raises(NothingDetected, match="nothing was detected in 12 pictures"):
        instance_consistency(dimmed, patches)


def test_the_object_gives_the_functions_score(patches: list[Tensor]) -> None:
    model, metric = FindsByPosition(), InstanceConsistency("box", protocol={"in_words": "own loop"})
    for number, picture in enumerate(patches):
        crops = instance_crops(picture, seed=2, index=number)
        metric.update(model(crops.frames), crops.corners, crops.size)
    score, expected = metric.compute(), instance_consistency(model, patches, "box", seed=2)
    assert torch.equal(score.per_image, expected.per_image)
    assert (score.name, score.value, score.interval) == (expected.name, expected.value, expected.interval)
    with pytest.raises(ValueError, match="3 outputs and 3 corners make no pairs. Use two a pair of each."):
        metric.update([_box(0, 0, 1, 1)] * 3, torch.zeros(3, 2), (8, 8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"iou": 1.5}, r"iou=1.5 is not between 0 and 1\. Use iou=0.5\."),
        ({"score": -1}, "score=-1 is not between 0 and 1"),
        ({"min_area": -1}, r"min_area=-1 is below 0\. Use a number of pixels\."),
        ({"matching": "best"}, "matching='best' is unknown. Use one of: greedy, one-to-one."),
    ],
)
def test_a_rule_that_cannot_be_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SameInstance(**arguments)


def test_answers_that_are_no_detections_are_refused(patches: list[Tensor]) -> None:
    with pytest.raises(TypeError, match=r"the model returned a Tensor\. Wrap it to return a list of dictionaries"):
        instance_consistency(lambda shown: torch.zeros(len(shown)), patches)
    with pytest.raises(ValueError, match="the model returned 1 dictionaries for 8 pictures. Return one a picture."):
        instance_consistency(lambda shown: find_colours(shown)[:1], patches)
    with pytest.raises(ValueError, match="passes=0 is not positive"):
        instance_consistency(find_colours, patches, passes=0)
