from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from antialias.retrofit import RetrofitConfig
from antialias.retrofit._batches import Batches, check_enough, digest, hold_out, stack_images

PICTURES = torch.rand(10, 3, 16, 16)


def batches(**arguments: int) -> Batches:
    return Batches(PICTURES, torch.arange(10.0)[:, None], RetrofitConfig(**arguments))  # type: ignore[arg-type]


def test_a_loader_and_a_tensor_hold_the_same_pictures_and_labels_are_dropped() -> None:
    loader = DataLoader(TensorDataset(PICTURES, torch.arange(10)), batch_size=4)
    assert stack_images(loader).equal(PICTURES)
    assert stack_images(PICTURES).equal(PICTURES)


def test_pictures_of_two_sizes_are_refused() -> None:
    batches = [torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 18)]
    with pytest.raises(ValueError, match="held_out have sizes 3x16x16 and 3x16x18. Resize them to one size."):
        stack_images(batches, "held_out")


def test_a_quarter_is_held_out_and_nothing_is_lost() -> None:
    learn, held = hold_out(PICTURES, seed=0)
    assert (len(learn), len(held)) == (8, 2)
    rows = {tuple(row) for row in torch.cat([learn, held]).flatten(1).tolist()}
    assert rows == {tuple(row) for row in PICTURES.flatten(1).tolist()}
    assert not hold_out(PICTURES, seed=1)[1].equal(held)


def test_an_epoch_shows_each_picture_once_and_the_next_in_another_order() -> None:
    course = batches(batch_size=4)
    shown = torch.cat([course.batch(step)[1] for step in range(5)]).flatten().tolist()
    assert sorted(shown[:10]) == sorted(shown[10:]) == list(range(10))
    assert shown[:10] != shown[10:]


def test_a_batch_depends_on_its_number_and_the_seed_alone() -> None:
    first = batches(batch_size=4).batch(3)
    again = batches(batch_size=4).batch(3)
    other = batches(batch_size=4, seed=1).batch(3)
    assert all(a.equal(b) for a, b in zip(first, again, strict=True))
    assert not first[0].equal(other[0])


def test_every_step_moves_the_pictures_anew() -> None:
    alike = PICTURES[:1].expand(10, -1, -1, -1)
    course = Batches(alike, torch.zeros(10, 1), RetrofitConfig(batch_size=10))
    assert not course.batch(0)[0].equal(course.batch(1)[0])


def test_windows_are_cut_from_the_picture_of_the_answer() -> None:
    images, answers = batches(batch_size=10, window=12).batch(0)
    assert images.shape == (10, 3, 12, 12)
    for image, answer in zip(images, answers, strict=True):
        patches = PICTURES[int(answer)].unfold(1, 12, 1).unfold(2, 12, 1).flatten(1, 2).transpose(0, 1)
        assert any(patch.equal(image) for patch in patches)


def contains(picture: Tensor, window: Tensor) -> bool:
    side = window.shape[-1]
    patches = picture.unfold(1, side, 1).unfold(2, side, 1)
    return bool(patches.eq(window[:, None, None]).flatten(3).all(3).all(0).any())


def place_of(window: Tensor, picture: Tensor) -> tuple[int, int]:
    side = window.shape[-1]
    room = [range(length - side + 1) for length in picture.shape[-2:]]
    places = [(y, x) for y in room[0] for x in room[1] if picture[:, y : y + side, x : x + side].equal(window)]
    assert len(places) == 1
    return places[0]


def test_views_of_a_picture_stand_together_and_are_taught_its_answer() -> None:
    images, answers = batches(batch_size=5, views=3, window=12).batch(0)
    assert images.shape == (15, 3, 12, 12)
    assert answers.view(5, 3).eq(answers.view(5, 3)[:, :1]).all()
    places = [place_of(image, PICTURES[int(answer)]) for image, answer in zip(images, answers, strict=True)]
    assert len({*places}) > 5


def test_local_views_lie_within_the_radius_and_are_taught_the_mean_answer_to_the_others() -> None:
    shown: list[Tensor] = []

    def teacher(pixels: Tensor) -> Tensor:
        shown.append(pixels)
        return torch.stack([pixels.mean((1, 2, 3)), pixels.amax((1, 2, 3))], 1)

    config = RetrofitConfig(batch_size=10, views=4, radius=2, window=8, steps=3)
    course = Batches(PICTURES, torch.empty(10, 0), config, teacher)
    images, targets = course.batch(0)
    assert shown[0].equal(images)
    others = [[view for view in range(4) if view != own] for own in range(4)]
    expected = teacher(images).softmax(1).view(10, 4, 2)[:, others].mean(2).flatten(0, 1)
    torch.testing.assert_close(targets, expected)
    corners = []
    order = [next(i for i, p in enumerate(PICTURES) if contains(p, views[0])) for views in images.unflatten(0, (10, 4))]
    for number, views in zip(order, images.unflatten(0, (10, 4)), strict=True):
        picture = PICTURES[number]
        places = torch.tensor([place_of(view, picture) for view in views])
        assert (places.amax(0) - places.amin(0)).max() < 2
        corners.append(places.amin(0))
    assert torch.stack(corners).unique(dim=0).shape[0] > 3


def test_pictures_are_mirrored_at_random_and_alike_each_time() -> None:
    config = RetrofitConfig(batch_size=10, hflip=True)
    ramp = torch.arange(16.0).expand(10, 3, 16, 16) / 16
    course = Batches(ramp, torch.zeros(10, 1), config)
    images, _ = course.batch(0)
    falling = images[:, 0, 0, 0] > images[:, 0, 0, -1]
    assert falling.any()
    assert not falling.all()
    assert images.equal(course.batch(0)[0])
    assert not falling.equal((lambda moved: moved[:, 0, 0, 0] > moved[:, 0, 0, -1])(course.batch(1)[0]))


@pytest.mark.parametrize(
    ("learn", "held_out", "margin", "message"),
    [
        (17, 100, 0.02, "17 pictures are too few to learn from.*Pass at least 64"),
        (
            64,
            30,
            0.02,
            "margin=0.02 of 30 held-out pictures is less.*Hold out at least 50, or use margin=0.033",
        ),
    ],
)
def test_too_few_pictures_are_refused(learn: int, held_out: int, margin: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_enough(torch.empty(learn, 1), torch.empty(held_out, 1), margin)


def test_just_enough_pictures_are_taken() -> None:
    check_enough(torch.empty(64, 1), torch.empty(50, 1), 0.02)
    check_enough(torch.empty(64, 1), torch.empty(1, 1), 0.0)


def test_a_fingerprint_changes_with_one_value_and_with_the_shape() -> None:
    changed: Tensor = PICTURES.clone()
    changed[3, 1, 2, 2] += 1e-6
    assert digest(PICTURES) == digest(PICTURES.clone())
    assert len({digest(PICTURES), digest(changed), digest(PICTURES.flatten(1))}) == 3
