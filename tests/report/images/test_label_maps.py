"""Label maps of segmenters, and the pixels that change their class while the picture moves."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image as Pictures
from torch import Tensor

from antialias.report import Image, segmentation_view
from antialias.report.images._label_maps import changes_along, share_of_changes


def noise(side: int = 40) -> Tensor:
    return torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))


def by_value(x: Tensor) -> Tensor:
    """Class 1 where the first channel is above one half: moves with the image, exactly."""
    return torch.stack([x[:, 0] * 0 + 0.5, x[:, 0]], 1)


def by_place(x: Tensor) -> Tensor:
    """Class 1 at even columns of the window: changes at every pixel with every move."""
    columns = torch.arange(x.shape[-1]).expand(x.shape[0], *x.shape[-2:]) % 2
    return torch.stack([columns.float(), 1 - columns.float()], 1)


def pixels_of(image: Image) -> np.ndarray:
    return np.asarray(Pictures.open(io.BytesIO(base64.b64decode(image.data.partition(",")[2]))))


def test_changes_are_counted_in_the_pictures_own_coordinates() -> None:
    labels = torch.randint(0, 3, (5, 8, 7), generator=torch.Generator().manual_seed(0))
    expected = torch.zeros(8, 7, dtype=torch.long)
    changed, pairs = 0, 0
    for move in range(4):
        for y in range(move + 1, 8 + move):
            for x in range(move + 1, 7 + move):
                before, after = labels[move, y - move, x - move], labels[move + 1, y - move - 1, x - move - 1]
                changed, pairs = changed + int(before != after), pairs + 1
                if y < 8 and x < 7:
                    expected[y, x] += before != after
    assert torch.equal(changes_along(labels), expected)
    assert share_of_changes(labels) == pytest.approx(changed / pairs)


def test_a_segmenter_that_moves_with_the_image_never_flips_and_one_by_place_always() -> None:
    view = segmentation_view({"value": by_value, "place": by_place}, noise(), "noise", moves=5, normalize=None)
    assert [one.share for one in view.maps] == [0, 1]
    assert view.moves == view.most == 5
    assert [one.ever for one in view.maps] == [0, pytest.approx((34 / 35) ** 2, abs=1e-5)]
    dark, bright = (pixels_of(one.flips) for one in view.maps)
    assert len(np.unique(dark.reshape(-1, 3), axis=0)) == 1
    assert bright.max() > dark.max()


def test_the_label_map_has_the_colours_of_the_legend() -> None:
    image = noise()
    view = segmentation_view({"value": by_value}, image, "noise", class_names=("low", "high"), normalize=None)
    colours = {name: tuple(bytes.fromhex(colour[1:])) for name, colour in view.legend}
    shown = pixels_of(view.maps[0].labels)
    assert (view.image.height, view.image.width) == shown.shape[:2] == (35, 35)
    high = image[0, :35, :35].numpy() > 0.5
    assert (shown[high] == colours["high"]).all()
    assert (shown[~high] == colours["low"]).all()


def test_windows_are_multiples_and_too_small_pictures_are_refused() -> None:
    view = segmentation_view({"value": by_value}, noise(70), "noise", multiple=32, normalize=None)
    assert (view.image.height, view.moves) == (32, 16)
    with pytest.raises(ValueError, match="'noise' of 20x20 leaves a window of multiples of 32 no room to move"):
        segmentation_view({"value": by_value}, noise(20), "noise", multiple=32, normalize=None)
