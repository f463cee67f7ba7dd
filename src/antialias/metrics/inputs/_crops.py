"""Random pairs of overlapping crops of one picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics.inputs import _shifts

OFFSETS = "per picture, uniform where the crop fits; both crops of a pair independently"
"""What protocols say of where `random_crops` cuts."""


class Crops(NamedTuple):
    """Crops of one picture.

    Attributes:
        frames: Pictures `(3, h, w)`, two after two a pair.
        corners: `(frames, 2)` where they were cut, y and x.
        size: `(h, w)`.
    """

    frames: list[Tensor]
    corners: Tensor
    size: tuple[int, int]


def words_of_pairs(passes: int, crop: float, seed: int, multiple: int = 1) -> str:
    """Say what pairs of crops a score is of.

    Args:
        passes: How many pairs of each picture.
        crop: Height and width of a crop, as a share of the picture's.
        seed: Chose the places.
        multiple: Of each crop the centre was shown whose sides are multiples of this.

    Example:
        >>> words_of_pairs(2, 0.875, 0)
        '2 pairs each of crops of 0.875 of the sides, seed 0'
    """
    cut = f", their centres of multiples of {multiple}" * (multiple > 1)
    return f"{passes} pair{'s' * (passes > 1)} each of crops of {crop:g} of the sides{cut}, seed {seed}"


@renamed_keywords(pairs="passes", repeats="passes")
def random_crops(
    image: Tensor, passes: int = 5, *, crop: float = 0.875, seed: int = 0, index: int = 0, multiple: int = 1
) -> Crops:
    """Cut the pairs of crops of `segmentation_consistency` and `instance_consistency` from a picture.

    Their places are independent and depend on `seed` and `index` alone; fewer pairs are the first of more.

    Args:
        image: `(3, H, W)`.
        passes: How many pairs.
        crop: Height and width of a crop, as a share of the picture's.
        seed: Chooses the places.
        index: Number of the picture within its data set.
        multiple: Of each crop the centre is left whose height and width are multiples of this, so that the places do
            not depend on it.

    Raises:
        ValueError: Fewer than two places fit along a side, or no multiple fits into the crop.

    Example:
        >>> crops = random_crops(torch.zeros(3, 64, 96), 2, multiple=32)
        >>> len(crops.frames), crops.size
        (4, (32, 64))
    """
    sides = torch.tensor(image.shape[-2:])
    whole = torch.tensor([int(crop * side) for side in sides.tolist()])
    room = torch.tensor([_shifts.offset_limit(*one) for one in zip(sides.tolist(), whole.tolist(), strict=True)])
    height, width = (whole // multiple * multiple).tolist()
    if min(height, width) < 1:
        shape = f"{whole[0]}x{whole[1]}"
        raise ValueError(f"crops of {shape} pixels hold no multiple of {multiple}. Use larger pictures.")
    offsets = (_shifts.random_fractions(1, 2 * passes, seed=seed, index=index) * room).long()
    corners = offsets + (whole - torch.tensor([height, width])) // 2
    frames = [image[:, y : y + height, x : x + width] for y, x in corners.tolist()]
    return Crops(frames, corners, (height, width))
