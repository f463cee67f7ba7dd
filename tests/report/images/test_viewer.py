from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from antialias.report import shift_viewer


def corner(x: Tensor) -> Tensor:
    """Answers by the upper left pixel: class 1 if it is bright."""
    return torch.stack([-x[:, 0, 0, 0], x[:, 0, 0, 0]], 1) * 20


def stripes(height: int = 40, width: int = 48) -> Tensor:
    return (torch.arange(width) % 2).float().expand(3, height, width).clone()


def test_answers_follow_the_window() -> None:
    made = shift_viewer({"corner": corner}, stripes(), "stripes", class_names=["dark", "bright"], window=32, steps=8)
    assert made.path == tuple((4 + i, 4) for i in range(9))
    assert made.traces[0].labels == ("dark", "bright") * 4 + ("dark",)
    assert made.traces[0].flips == tuple(range(1, 9))
    assert made.traces[0].predictions[1][0].probability == pytest.approx(1.0)


def test_vertical_and_diagonal_paths() -> None:
    down = shift_viewer({"corner": corner}, stripes(), "stripes", window=32, steps=8, direction="vertical")
    assert down.path == tuple((8, i) for i in range(9))
    assert down.traces[0].flips == ()
    both = shift_viewer({"corner": corner}, stripes(), "stripes", window=32, steps=4, direction="diagonal")
    assert both.path == tuple((6 + i, 2 + i) for i in range(5))
    assert both.traces[0].labels == ("class 0", "class 1", "class 0", "class 1", "class 0")


def test_path_is_as_long_as_there_is_room() -> None:
    made = shift_viewer({"corner": corner}, stripes(32, 32), "small")
    assert (made.window, len(made.path)) == ((28, 28), 5)


def test_bytes_answer_like_floats() -> None:
    pixels = (stripes() * 255).byte()
    assert shift_viewer({"c": corner}, pixels, "a").traces == shift_viewer({"c": corner}, stripes(), "a").traces


def test_module_keeps_its_mode() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    first, again = (shift_viewer({"m": model}, stripes(), "a", normalize=None) for _ in range(2))
    assert first == again
    assert model.training


def test_window_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="A window of 40 pixels has no room to move in 'a', which is 40x40. Use"):
        shift_viewer({"corner": corner}, stripes(40, 40), "a", window=40)


def test_unknown_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="direction='up' is unknown. Use one of horizontal, vertical, diagonal."):
        shift_viewer({"corner": corner}, stripes(), "a", direction="up")  # pyrefly: ignore


def test_wrong_number_of_class_names_is_refused() -> None:
    with pytest.raises(ValueError, match="There are 3 class names for 2 classes. Give one a class."):
        shift_viewer({"corner": corner}, stripes(), "a", class_names=["a", "b", "c"])
