"""What is measured of a classifier: the same numbers as the functions of `antialias.metrics`, by one name each."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from antialias.metrics import accuracy, agreement, consistency, mean_absolute_change, top1_change
from antialias.results import classifier_scores, cost_of_classifier, score_columns


def corner(x: Tensor) -> Tensor:
    """Ten classes by the upper left pixel."""
    return torch.stack([x[:, 0, 0, 0] * (i + 1) % 1 for i in range(10)], 1)


def brightness(x: Tensor) -> Tensor:
    return torch.stack([x.mean((1, 2, 3)) * (i + 1) % 1 for i in range(10)], 1)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(24, 3, 40, 40, generator=torch.Generator().manual_seed(0))


def test_scores_are_those_of_the_metrics_by_their_names(images: Tensor) -> None:
    labels = torch.arange(24) % 10
    names = ("accuracy", "top5_accuracy", "consistency", "top1_change", "mean_absolute_change")
    scores = classifier_scores(corner, images, labels, names=names, window=32, seed=3, reference=brightness)
    expected = {
        "accuracy": accuracy(corner, images, labels, window=32),
        "top5_accuracy": accuracy(corner, images, labels, window=32, top=5),
        "consistency": consistency(corner, images, window=32, seed=3),
        "top1_change": top1_change(corner, images, size=32, seed=3),
        "mean_absolute_change": mean_absolute_change(corner, images, size=32, seed=3),
        "agreement": agreement(corner, brightness, images),
    }
    assert list(scores) == list(expected)
    assert scores == expected
    assert all(torch.equal(scores[name].per_image, expected[name].per_image) for name in expected)


def test_only_what_is_named_is_measured(images: Tensor) -> None:
    assert list(classifier_scores(corner, images, names=["top1_change"])) == ["top1_change"]


def test_every_name_has_a_title_of_its_own(images: Tensor) -> None:
    names = ("accuracy", "top5_accuracy", "consistency", "top1_change", "mean_absolute_change")
    scores = classifier_scores(corner, images, torch.zeros(24).long(), names=names, reference=brightness)
    titles = [column.title for column in score_columns(scores)]
    assert titles == ["Accuracy", "Top-5 accuracy", "Consistency", "One-pixel flips", "Mean change", "Agreement"]
    assert [column.better for column in score_columns(["top1_change", "agreement", "mask_ap_masked"])] == [
        "lower",
        "",
        "higher",
    ]


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_anything_that_classifies_has_a_time(size: tuple[int, int]) -> None:
    model = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 5))
    cost = cost_of_classifier(model, torch.rand(1, 3, *size))
    assert cost.parameters == 20
    assert cost.milliseconds is not None
    assert cost.milliseconds > 0
    assert cost_of_classifier(brightness, torch.rand(1, 3, *size)).parameters is None
