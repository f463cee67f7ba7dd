"""Composed scenes: deterministic, disjoint, the same at any resolution, with targets that agree."""

from __future__ import annotations

import time

import pytest
import torch
from torch.utils.data import DataLoader

from antialias.data import Scenes, in_memory
from antialias.data.scenes._atlas import SPLITS, _reflect
from antialias.data.scenes._draws import Draws
from antialias.data.scenes._scenes import Scene, _colours, _draw_objects, _object_frame, _owner
from antialias.data.scenes._shapes import KINDS


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    source = Scenes(size=96)
    return [source.scene(index) for index in range(24)]


def test_an_item_is_the_same_alone_in_a_batch_and_in_workers() -> None:
    source = Scenes(size=32, length=40, seed=5)
    images, labels = source.labelled(torch.arange(40))
    served = torch.cat([batch for batch, _ in DataLoader(source, batch_size=7, num_workers=2)])
    assert torch.equal((served * 255).round().to(torch.uint8), images)
    for index in (0, 13, 39):
        image, label = source[index]
        assert torch.equal((image * 255).round().to(torch.uint8), images[index])
        assert label == labels[index]


def test_seeds_and_splits_give_other_pictures() -> None:
    first = Scenes(size=32).scene(0).image
    assert not torch.equal(first, Scenes(size=32, seed=1).scene(0).image)
    assert not torch.equal(first, Scenes("test", size=32).scene(0).image)


def test_the_stream_has_no_end() -> None:
    source = Scenes(size=16, length=2)
    assert source.scene(10**9).image.shape == (3, 16, 16)
    with pytest.raises(IndexError, match=r"index=2 is outside of 0\.\.1. Use scene\(index\)"):
        source[2]


def test_splits_share_no_photograph_and_no_stereo_pair() -> None:
    train, test = set(SPLITS["train"]), set(SPLITS["test"])
    assert not train & test
    assert len({"motorcycle_left", "motorcycle_right"} & train) in (0, 2)


def test_twenty_kinds_all_appear_about_equally() -> None:
    labels = in_memory(Scenes(size=8, length=2000)).labels
    assert len(KINDS) == 20
    counts = labels.bincount(minlength=20)
    assert counts.min() > 60
    assert counts.max() < 150


def test_pixels_are_bytes_between_zero_and_one(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.image.min() >= 0
        assert scene.image.max() <= 1
        assert torch.equal(scene.image, (scene.image * 255).round() / 255)


def test_masks_agree_with_the_semantic_mask_and_do_not_overlap(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.masks.sum(dim=0).max() <= 1
        painted = (scene.masks.long() * (scene.labels + 1)[:, None, None]).sum(dim=0)
        assert torch.equal(painted, scene.semantic)


def test_the_label_is_the_largest_objects(scenes: list[Scene]) -> None:
    for scene in scenes:
        x1, y1, x2, y2 = scene.boxes.unbind(1)
        extent = (x2 - x1) * (y2 - y1)
        assert scene.label in scene.labels.tolist()
        assert scene.label == scene.labels[extent.argmax()]


def test_boxes_fit_their_masks_tightly(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert scene.masks.flatten(1).any(dim=1).all()
        for mask, (x1, y1, x2, y2) in zip(scene.masks, scene.boxes.int().tolist(), strict=True):
            assert mask.sum() == mask[y1:y2, x1:x2].sum()
            edges = (mask[y1, x1:x2], mask[y2 - 1, x1:x2], mask[y1:y2, x1], mask[y1:y2, x2 - 1])
            assert all(edge.any() for edge in edges)


def test_some_scenes_hold_several_objects_and_some_hide_a_part(scenes: list[Scene]) -> None:
    assert {len(scene.labels) for scene in scenes} >= {1, 2}


def test_a_scene_is_the_same_at_any_resolution() -> None:
    shrink = torch.nn.functional.interpolate
    for index in range(6):
        small, large = Scenes(size=64).scene(index), Scenes(size=256).scene(index)
        assert small.label == large.label
        reduced = shrink(large.image[None], (64, 64), mode="area")[0]
        assert (reduced - small.image).abs().mean() < 0.05
        coarse = large.semantic[2::4, 2::4]
        assert (coarse == small.semantic).float().mean() > 0.9


def test_edges_are_antialiased() -> None:
    # A one-sample rendering would only hold the two colours of a pattern; coverage mixes them at every edge.
    fine, size = Scenes(size=128).scene(0), 32
    coarse = Scenes(size=size).scene(0).image
    point_sampled = fine.image[:, 2::4, 2::4]
    averaged = torch.nn.functional.avg_pool2d(fine.image, 4)
    assert (coarse - averaged).abs().mean() < (coarse - point_sampled).abs().mean()


def test_targets_choose_what_an_item_is() -> None:
    image, semantic = Scenes(size=24, targets="semantic")[3]
    scene = Scenes(size=24, targets="all")[3]
    assert isinstance(scene, Scene)
    assert torch.equal(semantic, scene.semantic)
    assert torch.equal(image, scene.image)


def test_mirrored_coordinates_stay_inside() -> None:
    x = torch.tensor([-0.25, 0.0, 0.5, 1.0, 1.25, 2.5])
    assert torch.allclose(_reflect(x), torch.tensor([0.25, 0.0, 0.5, 1.0, 0.75, 0.5]))


def test_drawing_keeps_up_with_a_network() -> None:
    # A ratio, not a rate: one picture is drawn in less time than ten forward and backward passes of TinyResNet take.
    from antialias.models import TinyResNet

    network, images = TinyResNet(), torch.rand(32, 3, 64, 64)
    network(images).sum().backward()
    Scenes(size=80).labelled(torch.arange(32))
    start = time.process_time()
    for _ in range(3):
        network(images).sum().backward()
    learning = time.process_time() - start
    start = time.process_time()
    Scenes(size=80).labelled(torch.arange(96))
    assert time.process_time() - start < 10 * learning


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "val"}, "split='val' is unknown. Use one of: train, test."),
        ({"targets": "boxes"}, "targets='boxes' is unknown. Use one of: label, semantic, all."),
        ({"size": 4}, "size=4, length=8000: a picture needs 8 pixels"),
        ({"length": 0}, "size=80, length=0: a picture needs 8 pixels"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scenes(**arguments)


def test_the_front_most_object_owns_a_pixel_unless_the_strip_hides_it() -> None:
    body = torch.tensor([[1.0, 1.0, 1.0, 0.4], [0.0, 0.6, 1.0, 0.0], [0.0, 0.0, 0.7, 0.0]])[None, :, None]
    strip = torch.tensor([0.0, 0.0, 0.0, 0.0])[None, None]
    assert _owner(body, strip).tolist() == [[[0, 1, 2, -1]]]
    assert _owner(body, torch.tensor([0.6, 0.0, 1.0, 0.0])[None, None]).tolist() == [[[-1, 1, -1, -1]]]


def test_the_second_colour_stands_out() -> None:
    first, second = _colours(Draws.of_items(0, torch.arange(500)))
    assert (first.mean(-1) - second.mean(-1)).abs().mean() > 0.3


def test_distances_are_scaled_to_samples() -> None:
    objects = _draw_objects(Draws.of_items(0, torch.arange(4)))
    main = type(objects)(*(field[:, 1] for field in objects))
    u, v, scale = _object_frame(main, 48)
    step = torch.hypot(u.diff(dim=2), v.diff(dim=2) * main.squeeze[:, None, None])
    assert torch.allclose(step * scale, torch.ones_like(step), atol=1e-3)
