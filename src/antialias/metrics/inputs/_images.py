"""A stream of checked single pictures out of whatever holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from antialias.metrics.inputs._shifts import central_square, resized

Images = Tensor | Iterable[Any] | Dataset[Any]
_TOLERANCE = 1e-3


class Picture(NamedTuple):
    """One picture, its number in the data set, and its label or its mask `(H, W)` of labels where there is one."""

    index: int
    pixels: Tensor
    label: int | None
    mask: Tensor | None = None

    @property
    def batch(self) -> Tensor:
        """The picture as `(1, C, H, W)`."""
        return self.pixels[None]


class Pictures:
    """Iterate once over pictures, checking each, and remember how many there were and how large."""

    def __init__(self, images: Images, labels: Tensor | None = None, resize: int | None = None, first: int = 0) -> None:
        _check_container(images)
        self._images, self._labels, self._resize, self._first = images, labels, resize, first
        self.count = 0
        self.sides = (0, 0)

    @property
    def total(self) -> int:
        """How many pictures there are, 0 where that cannot be known beforehand."""
        if isinstance(self._images, (list, tuple)):
            return sum(len(pixels) for pixels, _ in _batches(self._images))
        source = getattr(self._images, "dataset", self._images)
        return len(source) if isinstance(source, Sized) else 0

    def __iter__(self) -> Iterator[Picture]:
        for pixels, truth in self._singles():
            check_pixels(pixels, self.count)
            pixels = self._resized(pixels)
            self._remember(min(pixels.shape[-2:]))
            yield Picture(self._first + self.count - 1, pixels, *_label_and_mask(truth))
        self._check_end()

    def _remember(self, side: int) -> None:
        low, high = self.sides
        self.sides = (min(low, side), max(high, side)) if self.count else (side, side)
        self.count += 1

    def _check_end(self) -> None:
        if not self.count:
            raise ValueError("there are 0 pictures. Pass a tensor (N, 3, H, W) or a loader with at least one.")
        if self._labels is not None and len(self._labels) != self.count:
            raise ValueError(f"there are {len(self._labels)} labels for {self.count} pictures. Pass one for each.")

    def _singles(self) -> Iterator[tuple[Tensor, Any]]:
        number = 0
        for pixels, labels in _batches(self._images):
            for i, picture in enumerate(pixels):
                yield picture, labels[i] if labels is not None else self._label(number)
                number += 1

    def _label(self, number: int) -> Tensor | None:
        return None if self._labels is None or number >= len(self._labels) else self._labels[number]

    def _resized(self, pixels: Tensor) -> Tensor:
        if self._resize is None:
            return pixels
        height, width = pixels.shape[-2:]
        scale = self._resize / min(height, width)
        size = (round(height * scale), round(width * scale))
        return central_square(resized(pixels[None], size))[0]

    def protocol(self) -> dict[str, Any]:
        """Say what the pictures were, once they have been seen."""
        resize = None
        if self._resize is not None:
            resize = {"shorter_side": self._resize, "interpolation": "bilinear, anti-aliased", "then": "central square"}
        return {"count": self.count, "shorter_side": list(self.sides), "resize": resize}


def _label_and_mask(truth: Any) -> tuple[int | None, Tensor | None]:
    if isinstance(truth, Tensor) and truth.ndim == 2:
        return None, truth
    return None if truth is None else int(truth), None


def _check_container(images: Any) -> None:
    if isinstance(images, Tensor):
        if images.ndim != 4:
            raise ValueError(f"images have shape {tuple(images.shape)}, not (N, 3, H, W). Use images[None] for one.")
        return
    if isinstance(images, (str, bytes, dict)) or not (isinstance(images, Iterable) or _is_dataset(images)):
        raise TypeError(
            f"images are a {type(images).__name__}. Pass a float tensor (N, 3, H, W) in [0, 1] or an iterable of them."
        )


def _is_dataset(images: Any) -> bool:
    return hasattr(images, "__getitem__") and hasattr(images, "__len__")


def _items(images: Any) -> Iterator[Any]:
    # By number, because `for` would ask a map-style data set for items beyond its end.
    return (images[i] for i in range(len(images))) if _is_dataset(images) else iter(images)


def _batches(images: Images) -> Iterator[tuple[Tensor, Any]]:
    if isinstance(images, Tensor):
        yield images, None
        return
    for item in _items(images):
        pixels, labels = (*item, None)[:2] if isinstance(item, (tuple, list)) else (item, None)
        if not isinstance(pixels, Tensor) or pixels.ndim not in (3, 4):
            shape = tuple(pixels.shape) if isinstance(pixels, Tensor) else type(pixels).__name__
            raise ValueError(f"the iterable gave {shape}, not a tensor (N, 3, H, W). Yield images or (images, labels).")
        if pixels.ndim == 3:
            pixels, labels = pixels[None], None if labels is None else torch.as_tensor(labels)[None]
        yield pixels, labels


def check_pixels(pixels: Tensor, index: int) -> None:
    """Refuse a picture whose values cannot be pixels in [0, 1]."""
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
