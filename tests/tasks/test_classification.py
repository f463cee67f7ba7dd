"""Batches of an epoch: every picture once, windows where they were drawn, the same in any order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import resize

from antialias.data import ImageFolder, LabelledImages
from antialias.models import TinyResNet
from antialias.tasks import Task, TrainConfig, register_task, task_named
from antialias.tasks.classification._batches import CentralBatches, WindowBatches, crop_windows
from antialias.tasks.classification._resized import DRAWS, random_crop

CONFIG = TrainConfig(size=8, window=5, batch_size=4)


@pytest.fixture
def pictures() -> LabelledImages:
    images = torch.randint(256, (10, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return LabelledImages(images, torch.arange(10), [str(i) for i in range(10)])


def test_windows_are_slices_mirrored_or_not(pictures: LabelledImages) -> None:
    top, left, mirrored = torch.tensor([0, 3]), torch.tensor([2, 1]), torch.tensor([False, True])
    cut = crop_windows(pictures.images[:2], top, left, 5, mirrored)
    assert torch.equal(cut[0], pictures.images[0, :, 0:5, 2:7].float() / 255)
    assert torch.equal(cut[1], pictures.images[1, :, 3:8, 1:6].flip(-1).float() / 255)
    assert cut.is_contiguous(memory_format=torch.channels_last)


def test_an_epoch_serves_pictures_once_and_leaves_out_the_rest(pictures: LabelledImages) -> None:
    batches = WindowBatches(pictures, CONFIG, epoch=0)
    labels = torch.cat([batches[i][1] for i in range(len(batches))])
    assert len(batches) == 2
    assert len(labels.unique()) == 8
    with pytest.raises(IndexError, match=r"batch 2 is outside of 0\.\.1"):
        batches[2]


def test_batches_are_repeatable_and_epochs_and_seeds_differ(pictures: LabelledImages) -> None:
    first = WindowBatches(pictures, CONFIG, epoch=0)
    again = WindowBatches(pictures, CONFIG, epoch=0)
    assert torch.equal(first[1][0], again[1][0])
    assert torch.equal(first[0][0], again[0][0])
    assert not torch.equal(first.order, WindowBatches(pictures, CONFIG, epoch=1).order)
    other = TrainConfig(size=8, window=5, batch_size=4, seed=1)
    assert not torch.equal(first.order, WindowBatches(pictures, other, epoch=0).order)


def test_every_corner_and_both_directions_occur() -> None:
    many = LabelledImages(torch.zeros(400, 3, 8, 8, dtype=torch.uint8), torch.zeros(400, dtype=torch.int64), ("a",))
    batches = WindowBatches(many, CONFIG, epoch=0)
    assert batches.corners.unique().tolist() == [0, 1, 2, 3]
    assert 0.4 < batches.hflip.float().mean() < 0.6


def test_views_are_windows_of_one_image_side_by_side(pictures: LabelledImages) -> None:
    numbered = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).expand(10, 3, 8, 8)
    batches = WindowBatches(
        LabelledImages(numbered, pictures.labels, pictures.classes), replace(CONFIG, views=3, batch_size=10), epoch=0
    )
    images, labels = batches[0]
    assert labels.view(10, 3).unique(dim=1).shape == (10, 1)
    views = (images[:, 0] * 255).round().long().view(10, 3, 5, 5)
    steps = views[..., 1] - views[..., 0]
    assert steps.flatten(1).unique(dim=1).shape == (10, 1)  # all of an image's are flipped, or none
    assert set(steps.unique().tolist()) == {-1, 1}
    corners = views.amin((2, 3))
    assert (corners[:, 0] != corners[:, 1]).sum() > 4
    assert (corners[:, 1] != corners[:, 2]).sum() > 4


def test_one_view_is_what_it_was(pictures: LabelledImages) -> None:
    generator = torch.Generator().manual_seed(2 * 1_000_003 + 3)
    order, corners = torch.randperm(10, generator=generator), torch.randint(4, (2, 10), generator=generator)
    flipped = torch.rand(10, generator=generator) < 0.5
    images, labels = WindowBatches(pictures, replace(CONFIG, seed=2), epoch=3)[1]
    chosen = order[4:8]
    assert torch.equal(labels, chosen)
    expected = crop_windows(pictures.images[chosen], *corners[:, chosen], 5, flipped[chosen])
    assert torch.equal(images, expected)


def test_views_of_resized_crops_have_one_size_and_lie_near_one_another(pictures: LabelledImages) -> None:
    task = task_named("classification")
    config = replace(CONFIG, crop="resized")
    (images, labels), (views, twice) = (task.training_batches(pictures, replace(config, views=n), 0)[0] for n in (1, 2))
    assert torch.equal(views[::2], images)
    assert torch.equal(twice, labels.repeat_interleave(2))
    draws = torch.rand(DRAWS, generator=torch.Generator().manual_seed(1))
    top, left, height, width = random_crop(300, 400, draws)
    assert random_crop(300, 400, draws, (0.1, -0.1)) == (
        top + round(height / 10),
        left - round(width / 10),
        height,
        width,
    )
    assert random_crop(300, 400, draws, (-9.0, 9.0)) == (0, 400 - width, height, width)


def test_the_loss_of_views_is_cross_entropy_and_weighted_divergence() -> None:
    model, images, labels = TinyResNet(5), torch.rand(6, 3, 32, 32), torch.tensor([0, 0, 3, 3, 1, 1])
    task, config = task_named("classification"), TrainConfig(views=2, agreement=5.0)
    logits = task.predict(model, images)
    p, q = logits.softmax(-1).view(3, 2, 5).unbind(1)
    entropy = torch.special.entr
    divergence = (entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2).sum(-1).mean()
    cross_entropy = -logits.log_softmax(-1)[torch.arange(6), labels].mean()
    torch.testing.assert_close(task.training_loss(model, images, labels, config), cross_entropy + 5 * divergence)
    alone = task.training_loss(model, images, labels, replace(config, agreement=0.0))
    torch.testing.assert_close(alone, cross_entropy)


def test_a_set_smaller_than_a_batch_is_one_batch(pictures: LabelledImages) -> None:
    assert len(WindowBatches(pictures, TrainConfig(size=8, window=5, batch_size=64), epoch=0)) == 1


def test_test_batches_are_central_and_in_order(pictures: LabelledImages) -> None:
    batches = CentralBatches(pictures, TrainConfig(size=8, window=4, batch_size=1))
    images, labels = zip(*(batches[i] for i in range(len(batches))), strict=True)
    assert torch.equal(torch.cat(labels), torch.arange(10))
    assert torch.equal(torch.cat(images), pictures.images[:, :, 2:6, 2:6].float() / 255)


def test_tasks_join_and_are_looked_up() -> None:
    task = task_named("classification")
    with pytest.raises(ValueError, match="task='classification' is taken. Use another name."):
        register_task(task)
    with pytest.raises(ValueError, match="task='semantics' is unknown. Use one of: classification"):
        task_named("semantics")
    assert isinstance(task, Task)


def _parts(height: int, width: int) -> list[tuple[int, int, int, int]]:
    draws = torch.rand(400, DRAWS, generator=torch.Generator().manual_seed(0))
    return [random_crop(height, width, row) for row in draws]


def test_random_crops_have_any_allowed_area_shape_and_place() -> None:
    parts = torch.tensor(_parts(300, 400)).double()
    top, left, height, width = parts.unbind(1)
    areas, shapes = height * width / (300 * 400), width / height
    assert (areas.min() > 0.075, areas.max() <= 1) == (True, True)
    assert (shapes.min() > 0.74, shapes.max() < 1.35) == (True, True)
    assert (areas.min() < 0.1, areas.max() > 0.9, shapes.min() < 0.78, shapes.max() > 1.3) == (True,) * 4
    assert ((top + height).max(), (left + width).max()) == (300, 400)
    assert (top.min(), left.min()) == (0, 0)
    room = height < 200
    assert 0.4 < float((top / (300 - height))[room].mean()) < 0.6


def test_a_picture_too_long_for_any_part_is_cut_in_the_middle() -> None:
    assert set(_parts(20, 400)) == {(0, 186, 20, 27)}
    assert set(_parts(400, 20)) == {(186, 0, 27, 20)}


def test_parts_of_pictures_in_memory_are_resized(pictures: LabelledImages) -> None:
    config = replace(CONFIG, crop="resized")
    batches, again = (task_named("classification").training_batches(pictures, config, 0) for _ in range(2))
    (images, labels), (same, _) = batches[0], again[0]
    assert images.shape == (4, 3, 5, 5)
    assert torch.equal(images, same)
    assert not torch.equal(images, batches[1][0])
    draws = torch.rand(4, DRAWS, generator=torch.Generator().manual_seed(0))
    top, left, height, width = random_crop(8, 8, draws[2])
    part = pictures.images[labels[2], :, top : top + height, left : left + width]
    expected = resize(part, [5, 5], antialias=True).float() / 255
    assert torch.equal(images[2], expected.flip(-1) if draws[2, 0] < 0.5 else expected)


def test_parts_of_files_are_cut_out_of_the_whole_picture(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split / "grey").mkdir(parents=True)
        Image.linear_gradient("L").rotate(90).resize((200, 40)).save(tmp_path / split / "grey" / "a.png")
    config = replace(CONFIG, data=f"images:{tmp_path}", crop="resized", batch_size=1)
    task = task_named("classification")
    data = task.open(config, "train")
    assert isinstance(data, ImageFolder)
    assert isinstance(task.open(config, "test"), LabelledImages)
    images = torch.cat([task.training_batches(data, config, epoch)[0][0] for epoch in range(20)])
    assert images.shape == (20, 3, 5, 5)
    assert images.min() < 0.3  # the central square has no grey below 0.4 and none above 0.6
    assert images.max() > 0.7
