"""A stream of checked single images out of whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from antialias.metrics.inputs._shifts import central_square, resized

Images = Tensor | Iterable[Any] | Dataset[Any]
_TOLERANCE = 1e-3


class Sample(NamedTuple):
    """One image, its number in the data set, and what is said to be on it.

    Attributes:
        index: Number in the data set.
        pixels: `(C, H, W)` in [0, 1].
        target: A label, a map of labels or a mapping of instances; `None` where nothing is said.
    """

    index: int
    pixels: Tensor
    target: Any = None

    @property
    def batch(self) -> Tensor:
        """The image as `(1, C, H, W)`."""
        return self.pixels[None]

    @property
    def label(self) -> int | None:
        """The image's class, `None` where nothing is said of it or something else than a class.

        Raises:
            TypeError: It is no number.
            ValueError: It is not whole.
        """
        if self.target is None or isinstance(self.target, Mapping):
            return None
        try:
            target = torch.as_tensor(self.target)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TypeError(f"picture {self.index} has label {self.target!r}. Use the class's number.") from error
        if target.numel() != 1:
            return None
        label = float(target)
        if label != label or label != round(label):
            raise ValueError(f"picture {self.index} has label {label:g}. Use whole numbers from 0.")
        return int(label)

    @property
    def label_map(self) -> Tensor:
        """The classes `(H, W)` of the image's pixels.

        Raises:
            ValueError: There are none, or they are of another size.
        """
        target, (height, width) = self.target, self.pixels.shape[-2:]
        if not isinstance(target, Tensor) or target.ndim < 2:
            raise ValueError(f"picture {self.index} has no mask. Pass an iterable of (images, masks).")
        target = target[0] if target.ndim == 3 and len(target) == 1 else target
        if target.shape != (height, width):
            raise ValueError(
                f"picture {self.index} is {height}x{width} and its mask {'x'.join(map(str, target.shape))}. "
                "Use one class a pixel."
            )
        return target


class ImageStream:
    """Iterate once over images, checking each, and remember how many there were and how large."""

    def __init__(self, images: Images, labels: Tensor | None = None, resize: int | None = None, first: int = 0) -> None:
        if isinstance(images, Tensor) and images.ndim != 4:
            raise ValueError(f"images have shape {tuple(images.shape)}, not (N, 3, H, W). Use images[None] for one.")
        if isinstance(images, (str, bytes, dict)) or not (isinstance(images, Iterable) or _is_dataset(images)):
            raise TypeError(
                f"images are a {type(images).__name__}. "
                "Pass a float tensor (N, 3, H, W) in [0, 1] or an iterable of them."
            )
        self._images, self._labels, self._resize, self._first = images, labels, resize, first
        self.count = 0
        self.sides = (0, 0)

    @property
    def total(self) -> int:
        """How many images there are, 0 where that cannot be known beforehand."""
        if isinstance(self._images, (list, tuple)):
            return sum(len(pixels) for pixels, _ in _batches(self._images))
        source = getattr(self._images, "dataset", self._images)
        return len(source) if isinstance(source, Sized) else 0

    def __iter__(self) -> Iterator[Sample]:
        for batch, targets in _batches(self._images):
            for place, image in enumerate(batch):
                check_pixels(image, self.count)
                pixels = self._resized(image)
                side = min(pixels.shape[-2:])
                self.sides = (min(self.sides[0], side), max(self.sides[1], side)) if self.count else (side, side)
                target = self._target(self.count) if targets is None else targets[place]
                self.count += 1
                yield Sample(self._first + self.count - 1, pixels, target)
        if not self.count:
            raise ValueError("there are 0 pictures. Pass a tensor (N, 3, H, W) or a loader with at least one.")
        if self._labels is not None and len(self._labels) != self.count:
            raise ValueError(f"there are {len(self._labels)} labels for {self.count} pictures. Pass one for each.")

    def _target(self, number: int) -> Tensor | None:
        return None if self._labels is None or number >= len(self._labels) else self._labels[number]

    def _resized(self, pixels: Tensor) -> Tensor:
        if self._resize is None:
            return pixels
        height, width = pixels.shape[-2:]
        scale = self._resize / min(height, width)
        size = (round(height * scale), round(width * scale))
        return central_square(resized(pixels[None], size))[0]

    def protocol(self) -> dict[str, Any]:
        """Say what the images were, once they have been seen."""
        resize = None
        if self._resize is not None:
            resize = {"shorter_side": self._resize, "interpolation": "bilinear, anti-aliased", "then": "central square"}
        return {"count": self.count, "shorter_side": list(self.sides), "resize": resize}


def _is_dataset(images: Any) -> bool:
    return hasattr(images, "__getitem__") and hasattr(images, "__len__")


def _batches(images: Images) -> Iterator[tuple[Tensor, Any]]:
    """Yield images `(N, C, H, W)`, or of one size each, with N targets or `None`."""
    if isinstance(images, Tensor):
        yield images, None
        return
    # By number, because `for` would ask a map-style data set for items beyond its end.
    listed: Any = images
    for item in (listed[i] for i in range(len(listed))) if _is_dataset(listed) else iter(listed):
        pixels, targets = (*item, None)[:2] if isinstance(item, (tuple, list)) else (item, None)
        if not isinstance(pixels, Tensor) or pixels.ndim not in (3, 4):
            shape = tuple(pixels.shape) if isinstance(pixels, Tensor) else type(pixels).__name__
            raise ValueError(f"the iterable gave {shape}, not a tensor (N, 3, H, W). Yield images or (images, labels).")
        if pixels.ndim == 3:
            pixels, targets = pixels[None], None if targets is None else [targets]
        elif targets is not None and not (isinstance(targets, Sized) and getattr(targets, "ndim", 1)):
            raise TypeError(f"the iterable gave {len(pixels)} pictures and one {targets!r}. Yield as many of both.")
        elif targets is not None and len(targets) != len(pixels):
            raise ValueError(
                f"the iterable gave {len(pixels)} pictures and {len(targets)} labels. Yield as many of both."
            )
        yield pixels, targets


def check_pixels(pixels: Tensor, index: int) -> None:
    """Refuse an image whose values cannot be pixels in [0, 1].

    Raises:
        TypeError: They are no floats.
        ValueError: There is none, or one is not in [0, 1].
    """
    if not pixels.is_floating_point():
        raise TypeError(f"picture {index} is {pixels.dtype}, not floating point. Use images.float() / 255.")
    if not pixels.numel():
        raise ValueError(f"picture {index} has shape {tuple(pixels.shape)}. Pass pictures with at least one pixel.")
    if not bool(pixels.isfinite().all()):
        raise ValueError(f"picture {index} holds NaN or infinite values. Remove it or repair its pixels.")
    low, high = (float(bound) for bound in pixels.aminmax())
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise ValueError(
            f"picture {index} holds values from {low:.3g} to {high:.3g}, not in [0, 1]. "
            "Undo its normalisation (it is applied here: normalize=), or clamp it."
        )
