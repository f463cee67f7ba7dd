from __future__ import annotations

import base64
import io

import pytest
import torch
from PIL import Image as Pillow

from antialias.report import Image, Prediction, ShiftViewer, SiteMap, Trace


def picture(height: int = 20, width: int = 30) -> Image:
    return Image.of(torch.zeros(3, height, width), "black")


def trace(*labels: str) -> Trace:
    return Trace(network="plain", predictions=tuple((Prediction(label=label, probability=0.5),) for label in labels))


def test_picture_is_a_jpeg_of_its_pixels() -> None:
    pixels = torch.zeros(3, 20, 30)
    pixels[0] = 1.0
    made = Image.of(pixels, "red")
    image = Pillow.open(io.BytesIO(base64.b64decode(made.data.split(",")[1])))
    assert (image.format, image.size, (made.width, made.height)) == ("JPEG", (30, 20), (30, 20))
    red, green, blue = image.convert("RGB").getpixel((15, 10))  # pyrefly: ignore
    assert red > 250
    assert green < 5
    assert blue < 5


def test_bytes_and_floats_give_the_same_picture() -> None:
    pixels = (torch.arange(3 * 8 * 8).reshape(3, 8, 8) % 256).byte()
    assert Image.of(pixels, "a") == Image.of(pixels.float() / 255, "a")


def test_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"pixels has shape \(1, 3, 4, 4\). Give one picture of shape \(3, H, W\)."):
        Image.of(torch.zeros(1, 3, 4, 4), "a")


def test_picture_from_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="The picture 'a' is 'https://example.org/a.jp', not a data:image/ URI"):
        Image(name="a", width=1, height=1, data="https://example.org/a.jpg")


def test_flips_are_changes_of_the_first_prediction() -> None:
    assert trace("cat", "cat", "dog", "cat", "cat").flips == (2, 3)
    assert trace("dog", "cat").flips == (1,)
    assert trace("cat").flips == ()


def test_viewer_refuses_a_missing_prediction() -> None:
    with pytest.raises(ValueError, match="'plain' has 1 predictions on 'black', the path 2 positions. Give one"):
        ShiftViewer(image=picture(), window=(10, 10), path=((0, 0), (1, 0)), traces=(trace("cat"),))


def test_viewer_refuses_a_window_that_leaves() -> None:
    with pytest.raises(ValueError, match="window 10x10 at left=21, top=0 leaves 'black', which is 20x30. Shorten"):
        ShiftViewer(image=picture(), window=(10, 10), path=((21, 0),), traces=(trace("cat"),))


def test_map_keeps_rows_and_four_digits() -> None:
    made = SiteMap.of("layer1", torch.tensor([[0.012345678, 0.2], [0.3, 0.4], [0.5, 0.6]]), taps=9)
    assert (made.height, made.width, made.values[:3]) == (3, 2, (0.01235, 0.2, 0.3))


def test_map_of_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"map of 'layer1' has shape \(1, 2, 2\). Give one picture's map, \(H, W\)."):
        SiteMap.of("layer1", torch.zeros(1, 2, 2), taps=9)
