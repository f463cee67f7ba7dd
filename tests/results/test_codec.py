from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch

from antialias.results import from_dict, plain, to_dict


@dataclass(frozen=True)
class Point:
    at: tuple[int, int]
    label: str | None = None


@dataclass(frozen=True)
class Shape:
    points: tuple[Point, ...]
    centre: Point | None = None


def test_round_trip_keeps_nesting_and_none() -> None:
    shape = Shape(points=(Point((1, 2), "a"), Point((3, 4))))
    assert from_dict(Shape, to_dict(shape)) == shape
    assert to_dict(shape)["points"][0] == {"at": [1, 2], "label": "a"}


def test_unknown_field_is_named() -> None:
    with pytest.raises(ValueError, match=r"Point has no field colour. Its fields are at, label."):
        from_dict(Point, {"at": [1, 2], "colour": "red"})


def test_fixed_tuple_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        from_dict(Point, {"at": [1, 2, 3]})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (math.inf, None),
        (torch.tensor([1.0, 2.0]), [1.0, 2.0]),
        ((1, {"a": torch.tensor(3)}), [1, {"a": 3}]),
        (torch.float32, "torch.float32"),
        ({1: True}, {"1": True}),
    ],
)
def test_plain_leaves_only_what_json_holds(value: object, expected: object) -> None:
    assert plain(value) == expected
