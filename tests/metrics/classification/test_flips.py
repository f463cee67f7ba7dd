from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from antialias.metrics import (
    flip_rate,
    mean_absolute_change,
    one_pixel_changes,
    one_pixel_frames,
    top1_change,
)
from antialias.metrics._adapter import Model
from antialias.metrics.inputs._shifts import random_offsets

STEPS = {"horizontal": (0, 1), "vertical": (1, 0), "diagonal": (1, 1)}
SHIFTS: list[Any] = ["crop", "embed", "inpaint", "scale"]


def _logits(network: Model, picture: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network(torch.from_numpy(np.ascontiguousarray(picture))[None])[0].double().numpy()


@pytest.mark.parametrize("direction", list(STEPS))
def test_flip_rates_agree_with_a_loop_over_single_pictures(network: Model, noise: Tensor, direction: Any) -> None:
    flipped = np.zeros((7, 2, 3))
    for i, picture in enumerate(noise.numpy()):
        for j, (y, x) in enumerate(random_offsets(2, 2, seed=1, index=i).tolist()):
            before = _logits(network, picture[:, y : y + 28, x : x + 28]).argmax()
            for k, distance in enumerate((1, 2, 3)):
                v, u = (y + distance * STEPS[direction][0], x + distance * STEPS[direction][1])
                flipped[i, j, k] = before != _logits(network, picture[:, v : v + 28, u : u + 28]).argmax()
    curve = flip_rate(network, noise, (1, 2, 3), direction, passes=2, window=28, seed=1)
    assert curve.values == pytest.approx(flipped.mean((0, 1)).tolist(), abs=1e-7)
    assert curve[2].per_image.tolist() == pytest.approx(flipped[:, :, 1].mean(1).tolist())
    assert len(set(curve.values)) > 1


def test_a_pixel_flips_at_odd_distances_across_stripes_and_never_along_them(
    pixel_threshold: Model, stripes: Tensor
) -> None:
    assert flip_rate(pixel_threshold, stripes).values == [1, 0] * 4
    assert flip_rate(pixel_threshold, stripes, direction="vertical").values == [0] * 8
    assert flip_rate(pixel_threshold, stripes, direction="diagonal").values == [1, 0] * 4


def test_a_curve_carries_its_protocol(constant: Model) -> None:
    curve = flip_rate(constant, torch.zeros(3, 3, 64, 64), (1, 4), "diagonal", seed=2)
    assert json.loads(json.dumps(curve.to_dict())) == curve.to_dict()
    assert curve.direction == "diagonal"
    protocol = curve[4].protocol
    assert (protocol["distance"], protocol["direction"], protocol["seed"]) == (4, "diagonal", 2)
    assert protocol["windows"]["size"] == "min(floor(7/8 * shorter side), shorter side - 4)"
    assert str(curve[4]).endswith("3 images, 4 pixels diagonal, seed 2)")
    assert str(curve[1]).endswith("3 images, 1 pixel diagonal, seed 2)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distances": ()}, r"distances=\[\] are not shifts\. Use one or more, each at least 1 pixel\."),
        ({"distances": (0, 1)}, r"distances=\[0, 1\] are not shifts"),
        ({"direction": "left"}, r'direction="left" is unknown\. Use "horizontal", "vertical" or "diagonal"\.'),
        (
            {"window": 30},
            r"8 pixels needs window \+ 8 pixels and the picture has 32\. Use window=24 or less\.",
        ),
        ({"distances": [40]}, r"a shift of 40 pixels .* has 32\. Use larger pictures or shorter shifts\."),
        ({"passes": 0}, r"passes=0 is not positive"),
    ],
)
def test_shifts_that_do_not_fit_are_refused(
    constant: Model, noise: Tensor, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        flip_rate(constant, noise, **arguments)


@pytest.mark.parametrize("shift", SHIFTS)
def test_one_pixel_scores_agree_with_a_loop_over_their_frames(network: Model, noise: Tensor, shift: Any) -> None:
    changed, moved = [], []
    for frames in one_pixel_frames(noise, shift=shift, passes=4, seed=3).numpy():
        answers = [_logits(network, frame) for frame in frames]
        for first, second in pairwise(answers):
            p1, p2 = (np.exp(z) / np.exp(z).sum() for z in (first, second))
            changed.append(first.argmax() != second.argmax())
            moved.append(abs(p1[first.argmax()] - p2[first.argmax()]))
    scores = one_pixel_changes(network, noise, shift=shift, passes=4, seed=3)
    assert scores.top1_change.value == pytest.approx(np.mean(changed), abs=1e-6)
    assert scores.mean_absolute_change.value == pytest.approx(np.mean(moved), abs=1e-6)
    assert scores.mean_absolute_change.value > 0
    assert top1_change(network, noise, shift=shift, passes=4, seed=3) == scores.top1_change
    assert mean_absolute_change(network, noise, shift=shift, passes=4, seed=3) == scores.mean_absolute_change


def test_the_confidence_of_a_pixel_changes_by_a_known_amount(pixel_threshold: Model, stripes: Tensor) -> None:
    scores = one_pixel_changes(pixel_threshold, stripes)
    assert scores.top1_change.value == 1
    e = float(np.e)
    assert scores.mean_absolute_change.value == pytest.approx(e / (1 + e) - 1 / (1 + e), abs=1e-6)


def test_nothing_changes_for_a_constant_classifier(constant: Model, noise: Tensor) -> None:
    for score in one_pixel_changes(constant, noise):
        assert (score.value, score.interval[0]) == (0, 0)


def test_crops_move_one_pixel_down_and_right_over_the_picture(noise: Tensor) -> None:
    frames = one_pixel_frames(noise, passes=8)
    assert frames.shape == (7, 9, 3, 24, 24)
    for picture in frames:
        for before, after in pairwise(picture):
            assert torch.equal(before[:, 1:, 1:], after[:, :-1, :-1])


@pytest.mark.parametrize("shift", ["embed", "inpaint"])
def test_the_embedded_picture_moves_one_pixel_down_and_right(noise: Tensor, shift: Any) -> None:
    frames = one_pixel_frames(noise, shift=shift)
    assert frames.shape == (7, 9, 3, 32, 32)
    for picture in frames:
        for before, after in pairwise(picture):
            assert torch.equal(before[:, :-1, :-1], after[:, 1:, 1:])


def test_embedded_on_black_the_whole_picture_stays_in_view(noise: Tensor) -> None:
    frames = one_pixel_frames(noise + 0.01, shift="embed")
    assert (frames > 0).sum((2, 3, 4)).unique().tolist() == [3 * 16 * 16]


def test_inpainted_surrounds_are_not_black(noise: Tensor) -> None:
    assert bool((one_pixel_frames(noise, shift="inpaint") > 0).all())


def test_black_is_black_before_normalisation(noise: Tensor) -> None:
    lowest = []

    def watch(images: Tensor) -> Tensor:
        lowest.append(float(images.min()))
        return torch.eye(2)[:1].expand(len(images), 2)

    top1_change(watch, noise, shift="embed", normalize=((0.5,), (0.25,)))
    assert lowest == [-2.0]


def test_scaling_grows_the_picture_by_one_pixel_a_step(noise: Tensor) -> None:
    frames = one_pixel_frames(noise[:1] + 0.01, shift="scale", passes=3, size=10)
    assert (frames[0, :, 0] > 0).sum((1, 2)).tolist() == [100, 121, 144, 169]


def test_places_depend_on_the_number_of_the_picture_alone(noise: Tensor) -> None:
    for shift in SHIFTS:
        whole = one_pixel_frames(noise, shift=shift, seed=5)
        assert torch.equal(whole[4:], one_pixel_frames(noise[4:], shift=shift, seed=5, first=4))


@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_batch_size_never_changes_a_curve(network: Model, noise: Tensor, batch_size: int) -> None:
    assert flip_rate(network, noise, batch_size=batch_size) == flip_rate(network, noise)
    assert one_pixel_changes(network, noise, batch_size=batch_size)[0] == one_pixel_changes(network, noise)[0]


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_protocol_says_how_the_step_was_made(constant: Model, noise: Tensor, shift: Any) -> None:
    protocol = top1_change(constant, noise, shift=shift).protocol
    assert protocol["shift"] == shift
    assert ("pixel space" in protocol["method"]) == (shift in {"embed", "scale"})
    assert json.loads(json.dumps(protocol)) == protocol
    assert f"{shift}, seed 0" in protocol["in_words"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shift": "roll"}, r'shift="roll" is unknown\. Use "crop", "embed", "inpaint" or "scale"\.'),
        ({"passes": 0}, r"passes=0 is not positive"),
        (
            {"size": 25},
            r"8 pixels needs window \+ 8 pixels and the picture has 32\. Use window=24 or less\.",
        ),
        (
            {"shift": "embed", "size": 25},
            r"size=25 and 8 steps do not fit a frame of 32 pixels\. Use size=24 or",
        ),
        ({"shift": "scale", "passes": 40}, r"size=16 and 40 steps do not fit .* Use larger pictures or fewer passes\."),
    ],
)
def test_steps_that_do_not_fit_are_refused(
    constant: Model, noise: Tensor, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        one_pixel_changes(constant, noise, **arguments)
