"""Crops of the embedded photographs: some to measure on, others to learn from."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from antialias.data import Scenes, photographs

# No photograph is on both sides; the scenes' training split is composed of those that teach.
MEASURED = ("chelsea", "china", "flower", "rocket")
TAUGHT = ("astronaut", "coffee", "motorcycle_left", "motorcycle_right", "hubble_deep_field", "ihc", "retina")
SIDE = 183


def crops(names: tuple[str, ...], count: int, *, side: int = SIDE, seed: int = 0) -> Tensor:
    """Cut square crops of varied scale from photographs, in turns, as floats in [0, 1] `(count, 3, side, side)`."""
    pictures, generator = photographs(), torch.Generator().manual_seed(seed)
    return torch.stack([_crop(pictures[names[i % len(names)]], side, generator) for i in range(count)])


def lessons(count: int, *, side: int = SIDE, seed: int = 0) -> Tensor:
    """Return pictures to learn from, `(count, 3, side, side)` in [0, 1]: scenes, and as many crops of photographs."""
    scenes = Scenes("train", size=side, seed=seed, length=count // 2).labelled(torch.arange(count // 2))[0]
    return torch.cat([scenes.float() / 255, crops(TAUGHT, count - len(scenes), side=side, seed=seed)])


def _crop(pixels: Tensor, side: int, generator: torch.Generator) -> Tensor:
    shorter = min(pixels.shape[1:])
    scale, *place = torch.rand(3, generator=generator).tolist()
    cut = round(max(side, shorter * (0.5 + 0.5 * scale)))
    top, left = (round(share * (extent - cut)) for share, extent in zip(place, pixels.shape[1:], strict=True))
    return _resample(pixels[:, top : top + cut, left : left + cut], (side, side))


def _resample(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    floats = pixels[None].float() / 255
    return F.interpolate(floats, size, mode="bilinear", antialias=True, align_corners=False)[0].clamp(0, 1)
