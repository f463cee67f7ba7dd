"""A clip: its frames, how many of them a second shows, and where what is in one of them is in the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Clip:
    """Hold moving images, with their motion where it is known.

    Points are `(x, y)` in pixels, and the centre of the first pixel is `(0.5, 0.5)`: a pixel holds what lies between
    two whole numbers, so that no half of one is lost when positions are scaled.

    Attributes:
        frames: `(F, 3, H, W)`, `uint8` or floats in [0, 1].
        fps: Frames a second.
        name: What it is called in tables and file names.
        cameras: Where the points of each frame lie in the still that a camera pans over, `(F, 2, 3)`: the motion of all
            of it, exactly.
        flows: How far the pixels of each frame but the last move until the next, `(F - 1, 2, H, W)`, x before y; such
            as measured by others.

    Raises:
        ValueError: There are fewer than two frames, or something is of another shape.

    Example:
        >>> clip = Clip(torch.zeros(4, 3, 8, 8), fps=2, flows=torch.ones(3, 2, 8, 8))
        >>> len(clip), clip.seconds, clip.size, clip.follow(torch.tensor([[0.5, 0.5]]), 0)
        (4, 1.5, (8, 8), tensor([[1.5000, 1.5000]], dtype=torch.float64))
    """

    frames: Tensor = field(repr=False)
    fps: float
    name: str = "clip"
    cameras: Tensor | None = field(default=None, repr=False)
    flows: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        shape = tuple(self.frames.shape)
        if len(shape) != 4 or shape[1] != 3 or 0 in shape[2:]:
            raise ValueError(f"the frames of {self.name} have shape {shape}. Use (F, 3, H, W).")
        if shape[0] < 2:
            raise ValueError(f"{self.name} has {shape[0]} frames, and nothing changes in one. Use 2 or more.")
        if self.frames.dtype != torch.uint8 and not self.frames.is_floating_point():
            raise ValueError(f"the frames of {self.name} are {self.frames.dtype}. Use uint8, or floats in [0, 1].")
        if not 0 < self.fps < float("inf"):
            raise ValueError(f"fps={self.fps} of {self.name} is no number of frames a second. Use fps=30.")
        if self.cameras is not None and self.cameras.shape != (shape[0], 2, 3):
            raise ValueError(f"cameras of {self.name} have shape {tuple(self.cameras.shape)}. Use {(shape[0], 2, 3)}.")
        wanted = (shape[0] - 1, 2, *shape[2:])
        if self.flows is not None and self.flows.shape != wanted:
            raise ValueError(f"flows of {self.name} have shape {tuple(self.flows.shape)}. Use {wanted}.")
        if self.flows is not None and self.cameras is not None:
            raise ValueError(f"{self.name} has cameras and flows, which both say how it moves. Give one of them.")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return (len(self) - 1) / self.fps

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames."""
        return self.frames.shape[-2], self.frames.shape[-1]

    @property
    def motion(self) -> str:
        """How the motion is known, in a few words; empty where it is not."""
        return "exact motion" if self.cameras is not None else "given flow" if self.flows is not None else ""

    def pixels(self, start: int, stop: int) -> Tensor:
        """Return some of the frames as floats in [0, 1]."""
        frames = self.frames[start:stop]
        return frames.float() / 255 if frames.dtype == torch.uint8 else frames

    def follow(self, points: Tensor, frame: int) -> Tensor:
        """Return where points `(..., 2)` of a frame are in the next; where the motion is not known, they stay.

        A given flow is read between pixels linearly, and beyond the border as at it.
        """
        points = points.double()
        if self.cameras is not None:
            before, after = self.cameras[frame].double(), self.cameras[frame + 1].double()
            still = points @ before[:, :2].T + before[:, 2]
            return (still - after[:, 2]) @ torch.linalg.inv(after[:, :2]).T
        if self.flows is not None:
            moved = read_between(self.flows[frame].double(), points)
            return points + moved.movedim(0, -1)
        return points

    def centres(self) -> Tensor:
        """Return the centres of a frame's pixels, `(H, W, 2)`."""
        y, x = (torch.arange(side, dtype=torch.float64) + 0.5 for side in self.size)
        return torch.stack([x.expand(len(y), -1), y[:, None].expand(-1, len(x))], -1)

    def inside(self, points: Tensor) -> Tensor:
        """Say which points `(..., 2)` lie in the frame."""
        height, width = self.size
        return (points >= 0).all(-1) & (points < points.new_tensor([width, height])).all(-1)

    def resized(self, side: int) -> Clip:
        """Return the clip with frames resampled to a shorter side, and cut to the central square.

        Raises:
            ValueError: `side` is below 1, or the motion is known, which would have to be resampled as well.
        """
        if side < 1:
            raise ValueError(f"size={side} is no side of a frame. Use 224.")
        if self.motion:
            raise ValueError(
                f"{self.name} has {self.motion}, which is of its frames as they are. Make them of size {side}."
            )
        squares = []
        for start in range(0, len(self), 32):
            pixels = self.pixels(start, start + 32)
            scale = side / min(pixels.shape[-2:])
            height, width = (max(side, round(each * scale)) for each in pixels.shape[-2:])
            small = F.interpolate(pixels, (height, width), mode="bilinear", antialias=True, align_corners=False)
            top, left = (height - side) // 2, (width - side) // 2
            square = small[..., top : top + side, left : left + side].clamp(0, 1)
            squares.append((255 * square).round().to(torch.uint8) if self.frames.dtype == torch.uint8 else square)
        return replace(self, frames=torch.cat(squares))

    @property
    def rate(self) -> Fraction:
        """Frames a second as files hold it."""
        return Fraction(self.fps).limit_denominator(1001)


def read_between(maps: Tensor, points: Tensor) -> Tensor:
    """Return maps `(C, H, W)` at points `(..., 2)`, linearly between the centres of pixels: `(C, ...)`.

    Example:
        >>> read_between(torch.tensor([[[0.0, 1.0]]]), torch.tensor([[0.5, 0.5], [1.0, 0.5], [9.0, 0.5]]))
        tensor([[0.0000, 0.5000, 1.0000]])
    """
    height, width = maps.shape[-2:]
    # A row of pixels is from -1 to 1 from edge to edge. Divided by `width - 1` instead, half a pixel would be lost.
    grid = 2 * points.to(maps).reshape(1, 1, -1, 2) / maps.new_tensor([width, height]) - 1
    read = F.grid_sample(maps[None], grid, mode="bilinear", padding_mode="border", align_corners=False)
    return read[0, :, 0].unflatten(-1, points.shape[:-1])


def read_at(maps: Tensor, points: Tensor) -> Tensor:
    """Return maps `(..., H, W)` at the pixels in which points `(..., 2)` lie; beyond the border as at it."""
    height, width = maps.shape[-2:]
    x, y = points.floor().long().unbind(-1)
    return maps[..., y.clamp(0, height - 1), x.clamp(0, width - 1)]
