"""Crops of the embedded photographs: some to measure on, others to learn from."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from antialias.data import Scenes, photographs

# No photograph is on both sides; the scenes' training split is composed of those that teach.
TEST_PHOTOGRAPHS = ("chelsea", "china", "flower", "rocket")
TRAINING_PHOTOGRAPHS = (
    "astronaut",
    "coffee",
    "motorcycle_left",
    "motorcycle_right",
    "hubble_deep_field",
    "ihc",
    "retina",
)
SIDE = 183


def crops(names: tuple[str, ...], count: int, *, side: int = SIDE, seed: int = 0) -> Tensor:
    """Cut square crops of varied scale from photographs, in turns.

    Args:
        names: Of the photographs.
        count: How many crops.
        side: Of the crops, in pixels.
        seed: Of places and scales.

    Returns:
        Floats in [0, 1] `(count, 3, side, side)`.
    """
    pixels, generator = photographs(), torch.Generator().manual_seed(seed)
    resampled = []
    for i in range(count):
        whole = pixels[names[i % len(names)]]
        scale, *place = torch.rand(3, generator=generator).tolist()
        cut = round(max(side, min(whole.shape[1:]) * (0.5 + 0.5 * scale)))
        top, left = (round(share * (extent - cut)) for share, extent in zip(place, whole.shape[1:], strict=True))
        crop = whole[None, :, top : top + cut, left : left + cut].float() / 255
        resampled.append(F.interpolate(crop, (side, side), mode="bilinear", antialias=True, align_corners=False)[0])
    return torch.stack(resampled).clamp(0, 1)


def training_images(count: int, *, side: int = SIDE, seed: int = 0) -> Tensor:
    """Return pictures to learn from, `(count, 3, side, side)` in [0, 1]: scenes, and as many crops of photographs."""
    scenes = Scenes("train", size=side, seed=seed, length=count // 2).labelled(torch.arange(count // 2))[0]
    return torch.cat([scenes.float() / 255, crops(TRAINING_PHOTOGRAPHS, count - len(scenes), side=side, seed=seed)])
