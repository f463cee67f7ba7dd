"""Old keywords go on working, with a warning that names the new one; the new one does not warn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import antialias as aa
from antialias import metrics
from antialias._renamed import renamed_keywords

IMAGES = torch.rand((4, 3, 32, 32), generator=torch.Generator().manual_seed(0))


def classifier(x: Tensor) -> Tensor:
    return x.mean((2, 3))


def detector(images: list[Tensor]) -> list[dict[str, Tensor]]:
    box = torch.tensor([[0.0, 0.0, 20.0, 20.0]])
    return [{"boxes": box, "labels": torch.tensor([1]), "scores": torch.ones(1)} for _ in images]


CALLS: list[tuple[Any, tuple[Any, ...], str]] = [
    (metrics.top1_change, (classifier, IMAGES), "pairs"),
    (metrics.mean_absolute_change, (classifier, IMAGES), "pairs"),
    (metrics.one_pixel_changes, (classifier, IMAGES), "pairs"),
    (metrics.segmentation_consistency, (lambda x: x, IMAGES), "repeats"),
    (metrics.consistency, (classifier, IMAGES), "pairs"),
    (metrics.circular_consistency, (classifier, IMAGES), "repeats"),
    (metrics.instance_consistency, (detector, IMAGES, "box"), "repeats"),
]


@pytest.mark.parametrize(("function", "arguments", "old"), CALLS)
def test_old_keywords_warn_and_mean_the_same(function: Any, arguments: tuple[Any, ...], old: str) -> None:
    expected = function(*arguments, passes=2)
    with pytest.warns(DeprecationWarning, match=rf"{function.__name__}\({old}=\) is deprecated\. Use passes=\."):
        assert function(*arguments, **{old: 2}) == expected


def test_old_keywords_of_generators_work() -> None:
    with pytest.warns(DeprecationWarning, match=r"one_pixel_frames\(pairs=\) is deprecated"):
        frames = metrics.one_pixel_frames(IMAGES, pairs=3)  # type: ignore[arg-type]
    assert frames.shape[1] == 4
    with pytest.warns(DeprecationWarning, match=r"random_crops\(pairs=\) is deprecated"):
        assert len(metrics.random_crops(IMAGES[0], pairs=3).frames) == 6  # type: ignore[arg-type]
    with pytest.warns(DeprecationWarning, match="Score.from_pictures is deprecated. Use Score.from_images."):
        assert metrics.Score.from_pictures("accuracy", torch.ones(12)).value == 1


def test_the_keyword_of_today_does_not_warn() -> None:
    assert aa.consistency(classifier, IMAGES, passes=2).protocol["passes"] == 2


def test_both_names_at_once_are_refused() -> None:
    @renamed_keywords(old="new")
    def function(*, new: int) -> int:
        return new

    with pytest.raises(TypeError, match=r"function\(\) got old= and new=, which are one\. Use new=\."):
        function(new=1, old=2)
