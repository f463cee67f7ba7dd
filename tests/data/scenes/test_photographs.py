"""Photographs come out of installed wheels."""

from __future__ import annotations

import importlib.metadata

import torch

from antialias.data import imagenet_photographs, photographs
from antialias.data.scenes._photographs import _COLOUR, _GREY, stack_squares


def test_every_photograph_lies_in_a_wheel() -> None:
    listed = {str(file) for name in ("scikit-image", "scikit-learn") for file in importlib.metadata.files(name) or ()}
    for package, file in (*_COLOUR.values(), *_GREY.values()):
        assert f"{package.replace('.', '/')}/{file}" in listed


def test_photographs_are_colour_bytes() -> None:
    pictures = photographs()
    assert len(pictures) == 11
    for picture in pictures.values():
        assert picture.dtype == torch.uint8
        assert picture.shape[0] == 3
        assert not torch.equal(picture[0], picture[2])


def test_grey_photographs_have_three_equal_channels() -> None:
    squares = stack_squares(tuple(_GREY), 16)
    assert torch.equal(squares[:, 0], squares[:, 2])


def test_grey_photographs_come_with_the_others_if_asked_for() -> None:
    both = photographs(grey=True)
    assert both.keys() - photographs().keys() == _GREY.keys()
    assert torch.equal(both["camera"][0], both["camera"][2])


def test_callers_may_write_into_what_they_get() -> None:
    photographs()["coffee"].zero_()
    assert photographs()["coffee"].any()


def test_squares_are_cut_from_the_middle() -> None:
    square = stack_squares(("coffee",), 400)[0]
    assert torch.allclose(square, photographs()["coffee"][:, :, 100:500].float() / 255, atol=1e-6)


def test_photographs_of_imagenet_have_labels() -> None:
    pictures, labels = imagenet_photographs()
    assert pictures.keys() == labels.keys()
    assert len(pictures) == 20
    assert all(0 <= label < 1000 for label in labels.values())
    assert all(picture.shape[0] == 3 and min(picture.shape[1:]) >= 224 for picture in pictures.values())
