"""Moved pictures: every shift that the scores use, as pure functions on batches of pixels in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from antialias._renamed import renamed_keywords

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def generator_for(seed: int, index: int) -> torch.Generator:
    """Return the random numbers of picture `index`, whatever batch it travels in.

    Seed and index are mixed by SplitMix64's finaliser (Steele et al. 2014), for torch's generator reads 32 bits only.
    """
    z = (seed * _GOLDEN + index + 1) * _GOLDEN & _MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return torch.Generator().manual_seed(z >> 32)


def random_offsets(limit: int, count: int, *, seed: int, index: int) -> Tensor:
    """Return `(count, 2)` integer offsets (y, x) from {0..limit-1}^2 for an image; a prefix stays a prefix.

    Args:
        limit: Bound of the offsets.
        count: How many.
        seed: Chooses them.
        index: Number of the image within its data set.
    """
    return torch.randint(limit, (count, 2), generator=generator_for(seed, index))


def random_fractions(limit: int, count: int, *, seed: int, index: int) -> Tensor:
    """Return `(count, 2)` real offsets (y, x) from [0, limit)^2 for an image; a prefix stays a prefix.

    Args:
        limit: Bound of the offsets.
        count: How many.
        seed: Chooses them.
        index: Number of the image within its data set.
    """
    return limit * torch.rand((count, 2), generator=generator_for(seed, index), dtype=torch.float64)


def default_window(side: int) -> int:
    """Return 7/8 of a picture's side, rounded down: 224 of 256, as in Zhang (2019)."""
    return 7 * side // 8


def offset_limit(side: int, window: int | None) -> int:
    """Return d = side - window: offsets are drawn from {0..d-1}, as in Zhang (2019).

    Raises:
        ValueError: fewer than two offsets fit, so that both windows of a pair would always be the same.
    """
    window = default_window(side) if window is None else window
    if window < 1 or side - window < 2:
        raise ValueError(
            f"window={window} leaves {max(0, side - window)} offsets in a picture of {side} pixels and 2 are needed. "
            + (f"Use 1 <= window <= {side - 2}." if side > 2 else "Use pictures of at least 9 pixels.")
        )
    return side - window


def central_square(images: Tensor) -> Tensor:
    """Crop `(N, C, H, W)` to its central square, odd remainders to the lower right."""
    return centre_window(images, min(images.shape[-2:]))


def centre_window(images: Tensor, window: int) -> Tensor:
    """Crop `(N, C, H, W)` to `(N, C, window, window)` around its centre."""
    y, x = (images.shape[-2] - window) // 2, (images.shape[-1] - window) // 2
    return images[..., y : y + window, x : x + window]


def crop(images: Tensor, offsets: Tensor, window: int) -> Tensor:
    """Cut from each of `(N, C, H, W)` the window at its offset `(N, 2)`: `(N, C, window, window)`.

    Raises:
        ValueError: a window does not lie inside its picture.
    """
    height, width = images.shape[-2:]
    room = torch.tensor([height - window, width - window])
    if bool((offsets < 0).any()) or bool((offsets > room).any()):
        raise ValueError(
            f"offsets up to {offsets.amax(0).tolist()} with window={window} leave a {height}x{width} picture. "
            f"Use offsets from 0 to {room.tolist()}."
        )
    return torch.stack(
        [image[:, y : y + window, x : x + window] for image, (y, x) in zip(images, offsets.tolist(), strict=True)]
    )


def windows(images: Tensor, count: int, *, window: int | None = None, seed: int = 0, first: int = 0) -> Tensor:
    """Cut random windows from the central square of `(N, C, H, W)`: `(N, count, C, window, window)`.

    The offsets of a picture depend on its number and `seed` alone, so batching changes nothing.

    Args:
        images: Pictures of one size.
        count: Windows per picture.
        window: Side in pixels; default 7/8 of the shorter side, rounded down.
        seed: Chooses the offsets.
        first: Number of the first picture of this batch within its data set.
    """
    squares = central_square(images)
    side = squares.shape[-1]
    limit = offset_limit(side, window)
    offsets = [random_offsets(limit, count, seed=seed, index=first + i) for i in range(len(squares))]
    return torch.stack([slide(square, at, side - limit) for square, at in zip(squares, offsets, strict=True)])


@renamed_keywords(pairs="passes", repeats="passes")
def window_pairs(
    images: Tensor, *, passes: int = 5, window: int | None = None, seed: int = 0, first: int = 0
) -> Tensor:
    """Cut random pairs of windows, as `consistency` does: `(N, passes, 2, C, window, window)`.

    They are the first `2 * passes` of `windows`.

    Args:
        images: Images of one size, `(N, C, H, W)`.
        passes: Pairs per image.
        window: Side in pixels; default 7/8 of the shorter side, rounded down.
        seed: Chooses the offsets.
        first: Number of the first image of this batch within its data set.

    Example:
        >>> import torch
        >>> window_pairs(torch.rand(4, 3, 64, 48), passes=2).shape
        torch.Size([4, 2, 2, 3, 42, 42])
    """
    return windows(images, 2 * passes, window=window, seed=seed, first=first).unflatten(1, (passes, 2))


def slide(image: Tensor, offsets: Tensor, window: int) -> Tensor:
    """Cut from one image `(C, H, W)` the windows at all offsets `(F, 2)`: `(F, C, window, window)`."""
    return crop(image.expand(len(offsets), -1, -1, -1), offsets, window)


def circular(images: Tensor, offsets: Tensor) -> Tensor:
    """Roll each of `(N, C, H, W)` down and right by its whole offset `(N, 2)`; what leaves comes back."""
    pairs = zip(images, offsets.tolist(), strict=True)
    return torch.stack([torch.roll(image, (y, x), (-2, -1)) for image, (y, x) in pairs])


def fractional(images: Tensor, offsets: Tensor) -> Tensor:
    """Shift each of `(N, C, H, W)` down and right by its real offset `(N, 2)`, circularly, in the Fourier domain.

    Exact for the band-limited periodic picture through the pixels. On whole offsets it equals `circular`. The Nyquist
    row and column of even sizes get the real factor cos(pi d), so that real pictures stay real. Values may overshoot
    [0, 1] beside edges and are not clipped, which would be an alias of its own.
    """
    height, width = images.shape[-2:]
    offsets = offsets.to(images.device, torch.float64)
    down = _phases(torch.fft.fftfreq(height, device=images.device, dtype=torch.float64), offsets[:, 0])
    right = _phases(torch.fft.rfftfreq(width, device=images.device, dtype=torch.float64), offsets[:, 1])
    spectrum = torch.fft.rfft2(images.double()) * down[:, None, :, None] * right[:, None, None, :]
    return torch.fft.irfft2(spectrum, s=(height, width)).to(images.dtype)


def _phases(frequencies: Tensor, shifts: Tensor) -> Tensor:
    angles = -2 * math.pi * shifts[:, None] * frequencies
    imaginary = torch.where(frequencies.abs() == 0.5, 0.0, angles.sin())
    return torch.complex(angles.cos(), imaginary)


def grid(radius: float, step: float = 1) -> Tensor:
    """Return every offset (y, x) of the square grid -radius, -radius + step .. radius: `(S, 2)`, the origin among them.

    >>> grid(1).shape, grid(1, 0.5).shape
    (torch.Size([9, 2]), torch.Size([25, 2]))
    """
    arms = math.floor(radius / step + 1e-9)
    axis = step * torch.arange(-arms, arms + 1)
    return torch.cartesian_prod(axis, axis)


def resized(images: Tensor, size: int | Sequence[int]) -> Tensor:
    """Resample `(N, C, H, W)` bilinearly with anti-aliasing to `size`."""
    size = (size, size) if isinstance(size, int) else tuple(size)
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)


def embed(images: Tensor, canvas: int, offsets: Tensor, fill: str = "black") -> Tensor:
    """Place each of `(N, C, h, w)` with its corner at its offset `(N, 2)` on a square canvas of that many pixels.

    Args:
        images: Small pictures, pixels in [0, 1].
        canvas: Side of the result in pixels.
        offsets: Where each picture's upper left corner goes.
        fill: `"black"`: zeros, in pixel space, so before any normalisation. `"inpaint"`: the surround starts as the
            nearest pixel of the picture and is smoothed by 64 passes of a 3x3 mean with the picture held fixed.
    """
    placed = [_place(image, canvas, y, x, fill) for image, (y, x) in zip(images, offsets.tolist(), strict=True)]
    return torch.stack(placed)


def _place(image: Tensor, canvas: int, y: int, x: int, fill: str) -> Tensor:
    height, width = image.shape[-2:]
    margins = (x, canvas - width - x, y, canvas - height - y)
    if min(margins) < 0:
        raise ValueError(
            f"a {height}x{width} picture at ({y}, {x}) leaves a canvas of {canvas} pixels. "
            f"Use offsets from 0 to ({canvas - height}, {canvas - width})."
        )
    if fill == "black":
        return F.pad(image, margins)
    if fill == "inpaint":
        placed = F.pad(image[None], margins, mode="replicate")[0]
        for _ in range(64):
            placed = F.avg_pool2d(F.pad(placed[None], (1, 1, 1, 1), mode="replicate"), 3, 1)[0]
            placed[:, y : y + height, x : x + width] = image
        return placed
    raise ValueError(f'fill="{fill}" is unknown. Use "black" or "inpaint".')


def scaled_on_black(image: Tensor, sizes: Sequence[int], canvas: int) -> Tensor:
    """Resample one picture `(C, H, W)` to each of S `sizes`, centred on black: `(S, C, canvas, canvas)`."""
    frames = [embed(resized(image[None], s), canvas, torch.tensor([[(canvas - s) // 2] * 2])) for s in sizes]
    return torch.cat(frames)
