from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import (
    Score,
    accuracy,
    circular_consistency,
    consistency,
    fractional_consistency,
    on_correct,
    worst_of_grid,
)
from antialias.metrics._adapter import Model
from antialias.metrics.inputs._shifts import random_offsets


def _class(network: Model, picture: np.ndarray) -> int:
    with torch.no_grad():
        return int(network(torch.from_numpy(np.ascontiguousarray(picture))[None]).argmax())


def test_consistency_agrees_with_a_loop_over_single_pictures(network: Model, noise: Tensor) -> None:
    equal = []
    for i, picture in enumerate(noise.numpy()):
        offsets = random_offsets(4, 6, seed=3, index=i).tolist()
        classes = [_class(network, picture[:, y : y + 28, x : x + 28]) for y, x in offsets]
        equal.append([classes[2 * k] == classes[2 * k + 1] for k in range(3)])
    score = consistency(network, noise, passes=3, seed=3)
    assert 0 < score.value < 1
    assert score.value == pytest.approx(np.mean(equal), abs=1e-7)
    assert score.per_image.tolist() == pytest.approx(np.mean(equal, axis=1).tolist())


def test_consistency_of_a_pixel_is_the_parity_of_its_offsets(pixel_threshold: Model, stripes: Tensor) -> None:
    columns = torch.stack([random_offsets(8, 10, seed=0, index=i)[:, 1] for i in range(12)]).view(12, 5, 2)
    same_parity = (columns[..., 0] % 2 == columns[..., 1] % 2).float()
    assert consistency(pixel_threshold, stripes).value == pytest.approx(float(same_parity.mean()), abs=1e-7)


def test_a_constant_classifier_is_fully_consistent(constant: Model, noise: Tensor) -> None:
    for measure in (consistency, circular_consistency, fractional_consistency, worst_of_grid):
        score = measure(constant, noise)
        assert (score.value, score.interval[1]) == (1.0, 1.0)
        assert score.interval[0] == pytest.approx(7 / (7 + 1.959964**2), abs=1e-6)


def test_the_windows_and_the_sentence(constant: Model) -> None:
    shapes = set()

    def watched(images: Tensor) -> Tensor:
        shapes.add(tuple(images.shape[1:]))
        return constant(images)

    score = consistency(watched, torch.zeros(1, 3, 256, 300))
    assert shapes == {(3, 224, 224)}
    assert str(score) == (
        "classification consistency 100.0 % (95 % interval 20.7 to 100.0; 1 image, "
        "5 pairs each of 224-pixel windows out of 256, seed 0)"
    )
    assert "1 pair each of 200-pixel windows out of 256" in str(
        consistency(constant, torch.zeros(1, 3, 256, 300), window=200, passes=1)
    )


def test_the_protocol_holds_every_choice(network: Model, noise: Tensor) -> None:
    protocol = consistency(network, noise, passes=2, seed=4).protocol
    assert json.loads(json.dumps(protocol)) == protocol
    assert protocol["passes"] == 2
    assert protocol["seed"] == 4
    assert protocol["windows"] == {"size": "floor(7/8 * shorter side)", "cut_from": "central square"}
    assert protocol["normalisation"] == {"source": "none"}
    assert protocol["interval"]["unit"] == "pictures"


def test_seeds_draw_other_windows(network: Model, noise: Tensor) -> None:
    assert len({consistency(network, noise, seed=seed).value for seed in range(6)}) > 1


def test_a_picture_keeps_its_windows_when_others_leave(network: Model, noise: Tensor) -> None:
    assert torch.equal(consistency(network, noise[:4]).per_image, consistency(network, noise).per_image[:4])


def test_correct_pictures_alone_count_when_asked(network: Model, noise: Tensor) -> None:
    with torch.no_grad():
        answers = network(noise[..., 2:30, 2:30]).argmax(1)
    labels = torch.where(torch.arange(7) < 3, answers, (answers + 1) % 5)
    score = consistency(network, noise, labels=labels, only_correct=True)
    everything = consistency(network, noise)
    assert score.images == 3
    assert score.value == pytest.approx(float(everything.per_image[:3].mean()), abs=1e-7)
    assert score.name == "classification consistency on correctly classified pictures"
    assert consistency(network, noise, labels=labels) == everything
    assert consistency(network, [(noise, labels)], only_correct=True) == score


def test_only_correct_needs_labels_and_a_correct_picture(constant: Model, noise: Tensor) -> None:
    with pytest.raises(ValueError, match=r"picture 0 has no label"):
        consistency(constant, noise, only_correct=True)
    with pytest.raises(ValueError, match=r"none of 7 pictures counts"):
        consistency(constant, noise, labels=torch.zeros(7), only_correct=True)


def test_an_invariant_network_is_exactly_consistent_under_circular_shifts(
    invariant: Model, noise: Tensor, network: Model
) -> None:
    assert circular_consistency(invariant, noise).value == 1.0
    assert worst_of_grid(invariant, noise, shift="circular", radius=3).value == 1.0
    assert circular_consistency(network, noise).value < 1.0


def test_circular_consistency_agrees_with_a_loop(network: Model, noise: Tensor) -> None:
    equal = []
    for i, picture in enumerate(noise.numpy()):
        offsets = random_offsets(4, 4, seed=0, index=i).tolist()
        classes = [_class(network, np.roll(picture, shift, (1, 2))) for shift in offsets]
        equal += [classes[0] == classes[1], classes[2] == classes[3]]
    assert circular_consistency(network, noise, passes=2).value == pytest.approx(np.mean(equal), abs=1e-7)


def test_fractional_shifts_keep_the_mean_of_a_picture(noise: Tensor) -> None:
    def sum_of_pixels(images: Tensor) -> Tensor:
        mean = images.mean((1, 2, 3))
        return torch.stack([mean, 0.25 - mean], 1)

    assert fractional_consistency(sum_of_pixels, noise).value == 1.0


def test_fractional_shifts_see_what_whole_ones_cannot() -> None:
    def polyphase(images: Tensor) -> Tensor:
        phases = torch.stack([images[..., i::2].abs().amax((1, 2, 3)) for i in (0, 1)], 1).amax(1)
        return torch.stack([phases - 0.9, 0.9 - phases], 1)

    stripes = (torch.arange(16) % 2).float().expand(20, 3, 16, 16)
    assert circular_consistency(polyphase, stripes).value == 1.0
    assert fractional_consistency(polyphase, stripes, limit=2).value < 0.9


def test_the_limit_of_circular_shifts_bounds_them(pixel_threshold: Model) -> None:
    dark_then_bright = torch.zeros(8, 3, 16, 16)
    dark_then_bright[..., :13] = 1
    assert circular_consistency(pixel_threshold, dark_then_bright, limit=1).value == 1.0
    assert circular_consistency(pixel_threshold, dark_then_bright, limit=9).value < 1.0


def test_worst_of_grid_agrees_with_a_loop(noise: Tensor) -> None:
    def pixel(images: Tensor) -> Tensor:
        return torch.stack([images[:, 0, 5, 5], 1.86 - images[:, 0, 5, 5]], 1)

    stays = []
    for picture in noise.numpy():
        views = [picture[:, 2 + y : 30 + y, 2 + x : 30 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)]
        stays.append(len({_class(pixel, view) for view in views}) == 1)
    score = worst_of_grid(pixel, noise, radius=1)
    assert 0 < score.value < 1
    assert score.value == pytest.approx(np.mean(stays), abs=1e-7)


def test_worst_of_grid_is_never_above_any_pair(network: Model, noise: Tensor) -> None:
    assert worst_of_grid(network, noise, radius=1).value <= worst_of_grid(network, noise, radius=1, step=1).value
    assert worst_of_grid(network, noise, radius=2).value <= worst_of_grid(network, noise, radius=1).value


def test_worst_of_grid_takes_fractions_of_pixels(network: Model, noise: Tensor) -> None:
    score = worst_of_grid(network, noise, shift="fractional", radius=0.5, step=0.25)
    assert score.protocol["shifts"] == 25
    assert "the same answer at all 25 fractional shifts within 0.5 pixels, step 0.25" in str(score)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shift": "roll"}, r'shift="roll" is unknown\. Use "crop", "circular" or "fractional"\.'),
        ({"step": 0}, r"step=0 and radius=2 give no grid\. Use 0 < step <= radius\."),
        ({"step": 3}, r"step=3 and radius=2 give no grid"),
        ({"step": 0.5}, r'step=0\.5 is not whole and shift="crop" moves whole pixels\. Use shift="fractional"\.'),
        ({"radius": 3}, r"radius=3 does not fit 32 pixels\. Use radius=2 or larger pictures\."),
    ],
)
def test_grids_that_make_no_sense_are_refused(
    constant: Model, noise: Tensor, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        worst_of_grid(constant, noise, **options)


def test_a_limit_below_one_is_refused(constant: Model, noise: Tensor) -> None:
    with pytest.raises(ValueError, match=r"limit=0 is not positive\. Use limit=1 or more\."):
        circular_consistency(constant, noise, limit=0)


def test_every_score_is_a_score(network: Model, noise: Tensor) -> None:
    for measure in (consistency, circular_consistency, fractional_consistency, worst_of_grid):
        score = measure(network, noise[:1])
        assert isinstance(score, Score)
        assert 0 <= score.interval[0] <= score.value <= score.interval[1] <= 1


def test_consistency_on_correct_pictures_follows_from_accuracy(network: nn.Module, noise: Tensor) -> None:
    labels = network(noise[..., 2:-2, 2:-2]).argmax(1)  # of the central windows
    wrong = (labels + 1) % 5
    labels = torch.where(torch.arange(7) % 2 == 0, wrong, labels)  # one of two is wrong, whatever the network says
    window = noise.shape[-1] - 4
    same = consistency(network, noise, window=window)
    derived = on_correct(same, accuracy(network, noise, labels, window=window))
    measured = consistency(network, noise, window=window, labels=labels, only_correct=True)
    assert (derived, derived.protocol) == (measured, measured.protocol)
    assert torch.equal(derived.per_image.isnan(), measured.per_image.isnan())
    never = (network(noise[..., 2:-2, 2:-2]).argmax(1) + 1) % 5
    assert on_correct(same, accuracy(network, noise, never, window=window)) is None
    with pytest.raises(ValueError, match="the scores come from 7 and 6 pictures. Measure both on the same."):
        on_correct(same, accuracy(network, noise[1:], labels[1:]))
