"""A camera that pans over a still: every frame's motion is known exactly, and nothing else moves."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from ._clip import Clip

Motion = Literal["whole", "fractional", "zoom", "rotation"]
MOTIONS: tuple[Motion, ...] = get_args(Motion)

_TAPS = 4  # points a pixel and side: its light is their mean
_STEP = {"whole": 1.0, "fractional": 0.37}
_ZOOM, _DEGREES = 0.1, 3.0


def pan(
    image: Tensor,
    *,
    frames: int = 121,
    size: int = 224,
    fps: float = 30,
    motions: tuple[Motion, ...] = MOTIONS,
    seed: int = 0,
    name: str = "pan",
) -> Clip:
    """Render what a camera sees that moves over an image: by whole pixels, by parts of one, closer, and turning.

    The motions follow each other and take equally long. A pixel of a frame is the mean over the pixel's area, as in a
    camera, of the image read linearly between its own pixels; so it must be larger than the frames. As much of it is
    shown as fits on the way. Moves by whole pixels show the very same pixels at other places.

    Args:
        image: `(3, H, W)`, `uint8` or floats in [0, 1].
        frames: How many.
        size: Height and width of the frames.
        fps: Frames a second.
        motions: `"whole"` (a pixel a frame along a side or a diagonal), `"fractional"` (0.37 pixels a frame in any
            direction), `"zoom"` (a tenth closer and back) and `"rotation"` (three degrees and back).
        seed: Chooses the directions.
        name: Of the clip.

    Raises:
        ValueError: The image is too small, or a motion is not known.

    Example:
        >>> clip = pan(torch.rand(3, 96, 96), frames=5, size=32, motions=("whole",), seed=2)
        >>> clip.follow(torch.tensor([10.5, 10.5]), 0)
        tensor([11.5000, 11.5000], dtype=torch.float64)
    """
    if image.ndim != 3 or len(image) != 3:
        raise ValueError(f"the still has shape {tuple(image.shape)}. Use (3, H, W).")
    if frames < 2 or size < 1:
        raise ValueError(f"frames={frames} of size={size} show no motion. Use 2 frames or more.")
    cameras = camera_path(frames, motions, seed)
    half = size / 2
    corners = torch.tensor([[x, y] for x in (-half, half) for y in (-half, half)], dtype=torch.float64)
    reached = torch.einsum("fij,cj->fci", cameras[:, :, :2], corners) + cameras[:, None, :, 2]
    low, high = reached.amin((0, 1)), reached.amax((0, 1))
    width, height = (high - low).tolist()
    scale = min(image.shape[1] / height, image.shape[2] / width)
    least = (1 - _ZOOM if "zoom" in motions else 1) * scale
    if least < 1:
        needed = math.ceil(max(height, width) / (least / scale))
        raise ValueError(
            f"the still of {image.shape[1]}x{image.shape[2]} is too small for {frames} frames of {size}x{size} that "
            f"move. Use one of {needed} pixels a side or more, or smaller or fewer frames."
        )
    pixels = image.float() / 255 if image.dtype == torch.uint8 else image.float()
    if scale > _TAPS / 2:  # points of a pixel may lie no farther apart than pixels of the image
        smaller = [round(side * _TAPS / 2 / scale) for side in image.shape[1:]]
        pixels = F.interpolate(pixels[None], smaller, mode="bilinear", antialias=True, align_corners=False)[0]
    # From frames' pixels to the still's, with the middle of the way in its middle.
    zoom = (
        torch.tensor([pixels.shape[2] / image.shape[2], pixels.shape[1] / image.shape[1]], dtype=torch.float64) * scale
    )
    middle = torch.tensor([pixels.shape[2], pixels.shape[1]], dtype=torch.float64) / 2
    offsets = (torch.arange(size * _TAPS, dtype=torch.float64) + 0.5) / _TAPS - half
    points = torch.stack(torch.meshgrid(offsets, offsets, indexing="xy"), -1)
    shown = []
    for camera in cameras:
        place = (points @ camera[:, :2].T + camera[:, 2] - (low + high) / 2) * zoom + middle
        grid = 2 * place / place.new_tensor([pixels.shape[2], pixels.shape[1]]) - 1
        seen = F.grid_sample(pixels[None], grid[None].float(), padding_mode="border", align_corners=False)
        shown.append(F.avg_pool2d(seen, _TAPS)[0].clamp(0, 1))
    # Points of frames count from their corner, not from the middle.
    from_corner = cameras.clone()
    from_corner[:, :, 2] -= cameras[:, :, :2] @ torch.full((2,), half, dtype=torch.float64)
    return Clip(torch.stack(shown), fps, name, cameras=from_corner)


def camera_path(frames: int, motions: tuple[Motion, ...], seed: int) -> Tensor:
    """Return where points of each frame, counted from its middle, lie in the still, in frames' pixels: `(F, 2, 3)`.

    Args:
        frames: How many.
        motions: What happens, one after the other.
        seed: Chooses the directions.

    Raises:
        ValueError: A motion is not known.
    """
    if not motions or (unknown := [motion for motion in motions if motion not in MOTIONS]):
        raise ValueError(f"motion {unknown[0] if motions else ''!r} is unknown. Use some of: {', '.join(MOTIONS)}.")
    generator = torch.Generator().manual_seed(seed)
    place, zoom, angle = torch.zeros(2, dtype=torch.float64), 1.0, 0.0
    cameras = []
    for motion, steps in zip(motions, torch.arange(frames - 1).tensor_split(len(motions)), strict=True):
        turn = 2 * math.pi * float(torch.rand((), generator=generator))
        direction = torch.tensor([math.cos(turn), math.sin(turn)], dtype=torch.float64)
        if motion == "whole":
            direction = direction.round()  # one of eight: along a side or a diagonal
        for step in range(len(steps) + 1):
            if step or not cameras:
                there_and_back = math.sin(math.pi * step / max(1, len(steps)))
                if motion in _STEP and step:
                    place = place + _STEP[motion] * direction
                zoom = 1 - _ZOOM * there_and_back if motion == "zoom" else 1.0
                angle = math.radians(_DEGREES) * there_and_back * direction[0].sign() if motion == "rotation" else 0.0
                turned = [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
                linear = zoom * torch.tensor(turned, dtype=torch.float64)
                cameras.append(torch.cat([linear, place[:, None]], 1))
    return torch.stack(cameras)
