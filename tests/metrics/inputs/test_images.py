from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from antialias.metrics import accuracy, consistency
from antialias.metrics._adapter import Model
from antialias.metrics.inputs._images import ImageStream


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (
            _zeros(3, 9, 9),
            ValueError,
            r"images have shape \(3, 9, 9\), not \(N, 3, H, W\)\. Use images\[None\] for one\.",
        ),
        (_zeros(0, 3, 9, 9), ValueError, r"there are 0 pictures\. Pass a tensor \(N, 3, H, W\) or a loader"),
        ([], ValueError, r"there are 0 pictures"),
        (_zeros(2, 3, 0, 9), ValueError, r"picture 0 has shape \(3, 0, 9\)\. Pass pictures with at least one pixel\."),
        (
            _zeros(2, 3, 9, 9).byte(),
            TypeError,
            r"picture 0 is torch\.uint8, not floating point\. Use .*float\(\) / 255\.",
        ),
        (_zeros(2, 3, 9, 9) - 2, ValueError, r"picture 0 holds values from -2 to -2, not in \[0, 1\]\. Undo its norm"),
        ([_zeros(3, 9, 9), _zeros(3, 9, 9) + 255], ValueError, r"picture 1 holds values from 255 to 255"),
        (_zeros(1, 3, 9, 9) / 0, ValueError, r"picture 0 holds NaN or infinite values\. Remove it or repair"),
        (_zeros(1, 3, 9, 9) + float("inf"), ValueError, r"picture 0 holds NaN or infinite values"),
        ({"a": _zeros(3, 9, 9)}, TypeError, r"images are a dict\. Pass a float tensor \(N, 3, H, W\) in \[0, 1\]"),
        ("pictures/", TypeError, r"images are a str\. Pass a float tensor"),
        (3, TypeError, r"images are a int\. Pass a float tensor"),
        ([_zeros(9, 9)], ValueError, r"the iterable gave \(9, 9\), not a tensor \(N, 3, H, W\)\. Yield images or"),
        (["a.png"], ValueError, r"the iterable gave str, not a tensor"),
        (_zeros(2, 3, 8, 40), ValueError, r"window=7 leaves 1 offsets in a picture of 8 pixels"),
    ],
)
def test_what_cannot_be_measured_is_refused(constant: Model, images: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        consistency(constant, images)


def test_rounding_errors_of_resampling_are_let_through(constant: Model) -> None:
    assert consistency(constant, torch.full((2, 3, 16, 16), 1.0005)).value == 1


def _generator(images: Tensor) -> Iterator[Tensor]:
    yield from images.split(2)


def test_every_container_of_the_same_pictures_gives_the_same_score(network: Model, noise: Tensor) -> None:
    expected = consistency(network, noise)
    labels = torch.zeros(len(noise))
    containers: list[Any] = [
        list(noise),
        list(noise.split(3)),
        _generator(noise),
        DataLoader(TensorDataset(noise), batch_size=2),
        DataLoader(TensorDataset(noise, labels), batch_size=4),
        TensorDataset(noise, labels),
        zip(noise, range(7), strict=True),
    ]
    for container in containers:
        score = consistency(network, container)
        assert score == expected
        assert torch.equal(score.per_image, expected.per_image)


def test_pictures_of_several_sizes_are_measured_each_by_its_own_window(network: Model, noise: Tensor) -> None:
    large = torch.rand((3, 48, 40), generator=torch.Generator().manual_seed(1))
    mixed = [noise[0], large, noise[2], noise[3]]
    score = consistency(network, mixed)
    same_sized = consistency(network, noise)
    assert score.per_image[[0, 2, 3]].tolist() == same_sized.per_image[[0, 2, 3]].tolist()
    assert score.protocol["pictures"] == {"count": 4, "shorter_side": [32, 40], "resize": None}
    assert "windows of 7/8 of the shorter side out of 32 to 40" in str(score)


def test_resizing_gives_central_squares_of_that_side() -> None:
    pictures = ImageStream(torch.rand(2, 3, 30, 61), resize=20)
    assert [picture.pixels.shape for picture in pictures] == [(3, 20, 20)] * 2
    assert pictures.protocol()["resize"] == {
        "shorter_side": 20,
        "interpolation": "bilinear, anti-aliased",
        "then": "central square",
    }


def test_labels_travel_with_their_pictures(noise: Tensor) -> None:
    labels = torch.arange(7)
    for source in (ImageStream(noise, labels), ImageStream(DataLoader(TensorDataset(noise, labels), batch_size=3))):
        assert [picture.label for picture in source] == list(range(7))
        assert source.count == 7


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, r"picture 0 has no label\. Pass labels= or an iterable of \(images, labels\)\."),
        (torch.zeros(5), r"there are 5 labels for 7 pictures\. Pass one for each\."),
        (torch.zeros(9), r"there are 9 labels for 7 pictures\. Pass one for each\."),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    constant: Model, noise: Tensor, labels: Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        accuracy(constant, noise, labels)


@pytest.mark.parametrize(
    "wrap", [lambda x: x, list, lambda x: list(x.split(3)), lambda x: DataLoader(TensorDataset(x))]
)
def test_the_number_of_pictures_is_known_beforehand_where_it_can_be(noise: Tensor, wrap: Any) -> None:
    assert ImageStream(wrap(noise)).total == 7


def test_the_number_of_pictures_of_a_generator_is_unknown(noise: Tensor) -> None:
    assert ImageStream(_generator(noise)).total == 0


def test_a_batch_with_one_label_for_all_is_refused(constant: Model, noise: Tensor) -> None:
    for label in (3, torch.tensor(3)):
        with pytest.raises(TypeError, match=r"the iterable gave 7 pictures and one .*3.*\. Yield as many of both\."):
            accuracy(constant, [(noise, label)])
    with pytest.raises(ValueError, match=r"the iterable gave 7 pictures and 6 labels\. Yield as many of both\."):
        accuracy(constant, [(noise, torch.zeros(6))])
