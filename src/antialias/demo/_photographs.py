"""Crops of the embedded photographs: some to learn from and to choose by, others to report on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from antialias.data import imagenet_photographs, photographs

from ._config import FULL

# No photograph is on both sides, nor are the two of a stereo pair.
HELD_OUT = (
    *("brick", "chelsea", "china", "coins", "flower", "gravel", "rocket"),
    *(f"imagenet_{n:02}" for n in range(0, 20, 3)),
)
LEARN = (
    *("astronaut", "camera", "coffee", "grass", "motorcycle_left", "hubble_deep_field", "ihc", "moon", "retina"),
    *(f"imagenet_{n:02}" for n in range(20) if n % 3),
)


class Crops(Dataset[Tensor]):
    """Crops, each with the photograph that it was cut from.

    Attributes:
        images: Floats in [0, 1] `(N, 3, H, W)`.
        sources: Names of the photographs.
    """

    def __init__(self, images: Tensor, sources: Sequence[str]) -> None:
        self.images, self.sources = images, sources

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def crops(names: tuple[str, ...], count: int, *, side: int = FULL.side, seed: int = 0) -> Crops:
    """Cut square crops of varied scale from photographs, in turns.

    Args:
        names: Of the photographs.
        count: How many crops.
        side: Of the crops, in pixels.
        seed: Of places and scales.
    """
    pixels, generator = photographs(grey=True) | imagenet_photographs()[0], torch.Generator().manual_seed(seed)
    sources = [names[i % len(names)] for i in range(count)]
    resampled = []
    for name in sources:
        whole = pixels[name]
        scale, *place = torch.rand(3, generator=generator).tolist()
        cut = round(max(side, min(whole.shape[1:]) * (0.5 + 0.5 * scale)))
        top, left = (round(share * (extent - cut)) for share, extent in zip(place, whole.shape[1:], strict=True))
        crop = whole[None, :, top : top + cut, left : left + cut].float() / 255
        resampled.append(F.interpolate(crop, (side, side), mode="bilinear", antialias=True, align_corners=False)[0])
    return Crops(torch.stack(resampled).clamp(0, 1), sources)


def labelled_crops(side: int = 256) -> tuple[Tensor, Tensor]:
    """Return the central squares of the labelled photographs, `(20, 3, side, side)` in [0, 1], and their classes."""
    pictures, labels = imagenet_photographs()
    squares = []
    for picture in pictures.values():
        edge = min(picture.shape[1:])
        top, left = ((extent - edge) // 2 for extent in picture.shape[1:])
        square = picture[None, :, top : top + edge, left : left + edge].float() / 255
        squares.append(F.interpolate(square, (side, side), mode="bilinear", antialias=True)[0])
    return torch.stack(squares).clamp(0, 1), torch.tensor(list(labels.values()))
