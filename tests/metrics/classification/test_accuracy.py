from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import accuracy, agreement, shift_averaged_answers
from antialias.metrics._adapter import Model
from antialias.metrics.inputs._shifts import random_offsets


def test_accuracy_counts_right_answers(network: nn.Module, noise: Tensor) -> None:
    with torch.no_grad():
        answers = network(noise).argmax(1)
    wrong = (answers + 1) % 5
    assert accuracy(network, noise, answers).value == 1
    assert accuracy(network, noise, wrong).value == 0
    labels = torch.where(torch.arange(7) < 4, answers, wrong)
    score = accuracy(network, [(noise[:3], labels[:3]), (noise[3:], labels[3:])])
    assert score.per_image.tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert str(score).endswith("7 images, whole pictures)")


def test_accuracy_of_the_central_window(network: nn.Module, noise: Tensor) -> None:
    with torch.no_grad():
        labels = network(noise[..., 4:28, 4:28]).argmax(1)
    score = accuracy(network, noise, labels, window=24)
    assert score.value == 1
    assert "central windows of 24 pixels" in str(score)
    assert accuracy(network, noise, labels).value < 1


@pytest.mark.parametrize("window", [0, 33])
def test_windows_larger_than_the_picture_are_refused(constant: Model, noise: Tensor, window: int) -> None:
    message = rf"window={window} does not fit a picture of 32 pixels\. Use 1 <= window <= 32\."
    with pytest.raises(ValueError, match=message):
        accuracy(constant, noise, torch.zeros(7), window=window)


def test_a_network_agrees_with_itself_and_not_with_its_contrary(network: nn.Module, noise: Tensor) -> None:
    assert agreement(network, network, noise).value == 1
    assert agreement(network, lambda images: -network(images), noise).value == 0


def test_agreement_with_shift_averaged_answers_agrees_with_a_loop(network: nn.Module, noise: Tensor) -> None:
    same = []
    for i, picture in enumerate(noise):
        windows = [picture[:, y : y + 28, x : x + 28] for y, x in random_offsets(4, 3, seed=9, index=i).tolist()]
        with torch.no_grad():
            averaged = torch.stack([network(window[None]).softmax(1)[0] for window in windows]).mean(0)
            same.append(bool(network(picture[None, :, 2:30, 2:30]).argmax() == averaged.argmax()))
    score = agreement(network, network, noise, shifts=3, seed=9)
    assert 0 < score.value < 1
    assert score.value == pytest.approx(np.mean(same), abs=1e-7)
    assert "with the reference averaged over 3 random windows, seed 9" in str(score)
    assert "averaged over 1 random window, seed 0" in str(agreement(network, network, noise, shifts=1))


def test_answers_given_once_serve_many_comparisons(network: nn.Module, noise: Tensor) -> None:
    answers = shift_averaged_answers(network, noise, shifts=3, seed=2)
    assert answers.shape == (7, 5)
    torch.testing.assert_close(answers.sum(1), torch.ones(7))
    given = agreement(network, answers, noise)
    assert str(given).endswith("7 images, with given answers)")
    assert torch.equal(given.per_image, agreement(network, network, noise, shifts=3, seed=2).per_image)


def test_without_shifts_the_answer_is_that_of_the_central_window(network: nn.Module, noise: Tensor) -> None:
    with torch.no_grad():
        expected = network(noise[..., 2:30, 2:30]).softmax(1)
    torch.testing.assert_close(shift_averaged_answers(network, noise, shifts=0), expected)


def test_each_network_gets_its_own_normalisation(noise: Tensor) -> None:
    seen: dict[str, float] = {}

    class Recorder(nn.Module):
        def __init__(self, name: str, mean: float) -> None:
            super().__init__()
            self.name, self.normalization = name, ((mean,), (1.0,))

        def forward(self, images: Tensor) -> Tensor:
            seen[self.name] = float(images.mean())
            return torch.eye(2)[:1].expand(len(images), 2)

    half = torch.full_like(noise, 0.5)
    agreement(Recorder("model", 0.5), Recorder("reference", 1.5), half)
    assert seen == pytest.approx({"model": 0.0, "reference": -1.0})
    agreement(Recorder("model", 0.5), Recorder("reference", 1.5), half, normalize=None)
    assert seen == pytest.approx({"model": 0.5, "reference": -1.0})
    score = agreement(Recorder("model", 0.5), Recorder("reference", 1.5), half, reference_normalize=None)
    assert seen == pytest.approx({"model": 0.0, "reference": 0.5})
    assert score.protocol["reference_normalisation"] == [{"source": "none"}]
    assert str(score).endswith("7 images, with the reference on the central window)")


def test_both_networks_are_given_back_in_their_mode(network: nn.Module, noise: Tensor) -> None:
    reference = nn.Sequential(nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 5)).train()
    agreement(network.train(), reference, noise)
    assert network.training
    assert all(module.training for module in reference.modules())


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (torch.zeros(6, 5), r"reference answers have shape \(6, 5\) for 7 pictures\. Pass \(pictures, classes\)\."),
        (torch.zeros(8, 5), r"reference answers have shape \(8, 5\) for 7 pictures"),
        (torch.zeros(7), r"reference answers have shape \(7,\) for 7 pictures"),
    ],
)
def test_answers_that_do_not_fit_are_refused(network: nn.Module, noise: Tensor, answers: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        agreement(network, answers, noise)


def test_a_negative_number_of_shifts_is_refused(network: nn.Module, noise: Tensor) -> None:
    with pytest.raises(ValueError, match=r"shifts=-1 is not positive"):
        agreement(network, network, noise, shifts=-1)


def test_accuracy_among_the_first_guesses(network: nn.Module, noise: Tensor) -> None:
    order = network(noise).argsort(dim=1, descending=True)
    third = order[:, 2]
    assert [accuracy(network, noise, third, top=top).value for top in (1, 2, 3)] == [0, 0, 1]
    assert accuracy(network, noise, third, top=3).name == "top-3 accuracy"
    classes = order.shape[1]
    with pytest.raises(ValueError, match=f"top={classes} is no choice among {classes} classes. Use 1 to {classes - 1}"):
        accuracy(network, noise, third, top=classes)
