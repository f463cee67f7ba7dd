"""Cut turned and scaled pieces out of the photographs, for a whole batch at once."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from ._photographs import stack_squares

# No name is on both sides: a network is tested on backgrounds that it has never seen.
SPLITS: dict[str, tuple[str, ...]] = {
    "train": (
        "astronaut", "coffee", "hubble_deep_field", "ihc", "motorcycle_left", "motorcycle_right", "retina",
        "brick", "camera", "coins", "gravel", "text",
    ),
    "test": ("chelsea", "china", "flower", "rocket", "cell", "grass", "moon", "page"),
}  # fmt: skip


class Piece(NamedTuple):
    """Where pieces are cut: index, angle in radians, edge and centre as shares of the photograph, `(N,)` each."""

    photograph: Tensor
    angle: Tensor
    edge: Tensor
    centre_x: Tensor
    centre_y: Tensor


@functools.lru_cache(maxsize=8)
def _column(split: str, side: int) -> Tensor:
    """Stack a split's photographs into one tall image `(1, 3, P*side, side)`: one `grid_sample` serves all."""
    squares = stack_squares(SPLITS[split], side)
    return squares.permute(1, 0, 2, 3).reshape(1, 3, -1, side).contiguous()


def _reflect(x: Tensor) -> Tensor:
    """Fold coordinates into [0, 1] as a mirror does at both ends."""
    return 1 - (x.remainder(2) - 1).abs()


def cut_pieces(split: str, where: Piece, size: int) -> Tensor:
    """Return `(N, 3, size, size)` pieces of the split's photographs, bilinear, mirrored at the photographs' borders."""
    side = math.ceil(1.6 * size)
    atlas = _column(split, side)
    steps = (torch.arange(size) + 0.5) / size - 0.5
    cos, sin = (f(where.angle)[:, None, None] * where.edge[:, None, None] for f in (torch.cos, torch.sin))
    y = where.centre_y[:, None, None] + cos * steps[:, None] + sin * steps
    x = where.centre_x[:, None, None] - sin * steps[:, None] + cos * steps
    rows = where.photograph[:, None, None] * side + 0.5 + _reflect(y) * (side - 1)
    columns = 0.5 + _reflect(x) * (side - 1)
    grid = torch.stack((columns * (2 / side) - 1, rows * (2 / atlas.shape[2]) - 1), dim=-1)
    pieces = torch.nn.functional.grid_sample(atlas, grid.reshape(1, -1, size, 2), align_corners=False)
    return pieces.reshape(3, -1, size, size).transpose(0, 1)
