"""Annotated pictures: what scaling, cutting and mirroring do to objects, and scenes as such a set."""

from __future__ import annotations

import pytest
import torch

from antialias.data import AnnotatedImages, Annotation, DetectionDataset, Scenes, in_memory, open_data


@pytest.fixture
def item() -> Annotation:
    """A picture of 12 x 16 with a bright rectangle in rows 2..5 and columns 4..11, and a crowd of one pixel."""
    masks = torch.zeros(2, 12, 16, dtype=torch.bool)
    masks[0, 2:6, 4:12], masks[1, 11, 0] = True, True
    boxes = torch.tensor([[4.0, 2, 12, 6], [0, 11, 1, 12]])
    image = (200 * masks[:1].expand(3, -1, -1)).to(torch.uint8)
    return Annotation(image, boxes, torch.tensor([3, 1]), masks, torch.tensor([False, True]), 7)


def test_scaling_takes_masks_and_boxes_along(item: Annotation) -> None:
    half, twice = item.resize(0.5), item.resize(2)
    assert half.image.shape == (3, 6, 8)
    assert half.boxes[0].tolist() == [2, 1, 6, 3]
    assert torch.equal(half.masks[0], half.image[0] > 100)
    assert torch.equal(twice.masks, item.masks.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert twice.boxes[1].tolist() == [0, 22, 2, 24]


def test_a_window_leaves_out_what_it_does_not_show(item: Annotation) -> None:
    seen = item.crop((0.0, 0.99), 8)
    assert seen.image.shape == (3, 8, 8)
    assert seen.boxes.tolist() == [[0, 2, 4, 6]]
    assert (seen.labels.tolist(), seen.crowd.tolist(), seen.image_id) == ([3], [False], 7)
    assert len(item.crop((0.0, 0.99), 8, min_visibility=0.5).labels) == 1
    assert len(item.crop((0.0, 0.99), 8, min_visibility=0.51).labels) == 0
    assert torch.equal(item.crop((0.5, 0.5), 16).masks, item.masks)


def test_mirroring_twice_changes_nothing(item: Annotation) -> None:
    other = item.hflip()
    assert other.boxes[0].tolist() == [4, 2, 12, 6]
    assert other.boxes[1].tolist() == [15, 11, 16, 12]
    assert all(map(torch.equal, other.hflip()[:5], item[:5]))
    assert torch.equal(other.masks[0], other.image[0] > 0)


def test_scenes_have_instances_and_are_held_in_memory() -> None:
    scenes = open_data("scenes", "test", want="instances", size=32, length=40)
    assert isinstance(scenes, DetectionDataset)
    held = in_memory(scenes, "instances")
    assert isinstance(held, AnnotatedImages)
    assert in_memory(held, "instances") is held
    assert (len(held), held.classes, held.name(39)) == (40, scenes.classes, "scene 39 of test")
    for index in (0, 35):
        item, scene = held.annotated(index), Scenes("test", size=32).scene(index)
        assert torch.equal(item.image.float() / 255, scene.image)
        assert torch.equal(item.masks, scene.masks)
        assert torch.equal(item.boxes, scene.boxes)
        assert torch.equal(item.labels, scene.labels)
        assert (item.image_id, item.crowd.any().item()) == (index, False)


def test_names_are_one_a_picture(item: Annotation) -> None:
    with pytest.raises(ValueError, match="1 pictures have 2 names. Use one name a picture."):
        AnnotatedImages([item], ["a", "b"], ["cat"])
