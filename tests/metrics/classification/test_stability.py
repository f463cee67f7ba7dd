from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics import (
    Measurement,
    accuracy,
    agreement,
    consistency,
    flip_rate,
    measure_classifier,
    one_pixel_changes,
    shift_averaged_answers,
)
from antialias.metrics.classification import Direction

DIRECTIONS: tuple[Direction, ...] = ("horizontal", "vertical", "diagonal")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(40, 3, 40, 48, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Return a classifier that aliases: it looks at every fourth pixel."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        network.append(nn.Linear(8, 5))
        with torch.no_grad():
            features = network[:4](torch.rand(200, 3, 35, 35))
            network[4].weight.mul_(30)
            network[4].bias.sub_(network[4](features).mean(0))
    return network.eval()


@pytest.fixture(scope="module")
def measured(network: nn.Module, images: Tensor) -> dict[str, Measurement]:
    return measure_classifier(network, images, torch.arange(40) % 5, passes=3, seed=7)


def test_flips_are_the_mean_of_all_distances_and_directions(
    network: nn.Module, images: Tensor, measured: dict[str, Measurement]
) -> None:
    curves = [flip_rate(network, images, (1, 2, 3), direction, seed=7) for direction in DIRECTIONS]
    each = torch.stack([score.per_image for curve in curves for _, score in curve])
    assert 0.05 < each.mean() < 0.95
    torch.testing.assert_close(measured["flips"].rows, each.mean(0))


def test_answers_of_all_windows_are_kept(network: nn.Module, images: Tensor, measured: dict[str, Measurement]) -> None:
    classes = measured["window_answers"].rows
    assert classes.shape == (40, 11)
    assert torch.equal(classes[:, 0], measured["answers"].rows)
    torch.testing.assert_close((classes[:, 1:2] != classes[:, 2:]).float().mean(1), measured["flips"].rows)


def test_the_other_scores_are_those_of_their_functions(
    network: nn.Module, images: Tensor, measured: dict[str, Measurement]
) -> None:
    changes = one_pixel_changes(network, images, passes=3, seed=7)
    labels = torch.arange(40) % 5
    expected = {
        "top1_change": changes.top1_change,
        "mean_absolute_change": changes.mean_absolute_change,
        "consistency": consistency(network, images, passes=3, seed=7),
        "accuracy": accuracy(network, images, labels, window=35),
    }
    for name, score in expected.items():
        mine = measured[name].score()
        torch.testing.assert_close(mine.per_image, score.per_image, msg=name)
        assert (mine.name, mine.interval) == (score.name, pytest.approx(score.interval)), name


def test_answers_give_the_agreement_with_any_judge(
    network: nn.Module, images: Tensor, measured: dict[str, Measurement]
) -> None:
    judge = shift_averaged_answers(network, images, shifts=8)
    same = (measured["answers"].rows == judge.argmax(1)).float()
    torch.testing.assert_close(same, agreement(network, judge, images).per_image)
    assert 0 < same.mean() < 1


def test_confidence_is_the_probability_of_the_central_windows_best_class(
    network: nn.Module, images: Tensor, measured: dict[str, Measurement]
) -> None:
    best = network(images[..., 2:37, 6:41]).softmax(-1).amax(-1)
    torch.testing.assert_close(measured["confidence"].rows, best.detach())


def test_what_there_is_nothing_for_is_left_out(network: nn.Module, images: Tensor) -> None:
    assert measure_classifier(network, images[:2], passes=0).keys() == {
        *("flips", "top1_change", "mean_absolute_change", "confidence", "answers", "window_answers")
    }


def test_parts_measured_apart_join_to_the_whole(
    network: nn.Module, images: Tensor, measured: dict[str, Measurement]
) -> None:
    labels = torch.arange(40) % 5
    parts = [
        measure_classifier(network, images[some], labels[some], passes=3, seed=7, first=some.start)
        for some in (slice(0, 13), slice(13, 40))
    ]
    for name, whole in measured.items():
        joined = Measurement.join([part[name] for part in parts])
        torch.testing.assert_close(joined.rows, whole.rows, msg=name)


@pytest.mark.parametrize("passes", [0, 2])
def test_an_image_is_shown_as_often_as_is_said(images: Tensor, passes: int) -> None:
    shown: list[int] = []

    def count(x: Tensor) -> Tensor:
        shown.append(len(x))
        return x.mean((2, 3))

    measure_classifier(count, images[:4], passes=passes)
    assert sum(shown) == 4 * (10 + 2 * passes + 1)


def test_windows_that_do_not_fit_are_refused(network: Callable[[Tensor], Tensor], images: Tensor) -> None:
    with pytest.raises(ValueError, match="a shift of 3 pixels needs window"):
        measure_classifier(network, images, window=38)
