"""Pictures with a class for each pixel: what a semantic segmentation data set is here."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ._scenes import Scenes


@runtime_checkable
class Segmented(Protocol):
    """A semantic segmentation data set: pictures with a class for each pixel, background included."""

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one picture `(3, H, W)` and its classes `(H, W)`, both `uint8`; 255 is ignored."""
        ...

    def name(self, index: int) -> str:
        """Return what a message calls the picture, such as its file."""
        ...


class SegmentedScenes:
    """Serve scenes as a semantic segmentation data set of 21 classes: the background and twenty kinds of objects.

    Args:
        scenes: What is drawn.

    Example:
        >>> image, mask = SegmentedScenes(Scenes(size=16, length=3)).segmented(0)
        >>> tuple(image.shape), tuple(mask.shape), mask.dtype
        ((3, 16, 16), (16, 16), torch.uint8)
    """

    def __init__(self, scenes: Scenes) -> None:
        self.scenes, self.classes = scenes, ("background", *scenes.classes)

    def __len__(self) -> int:
        return len(self.scenes)

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one picture `(3, H, W)` and its classes `(H, W)`, both `uint8`."""
        scene = self.scenes.scene(index)
        return (scene.image * 255).round().to(torch.uint8), scene.semantic.to(torch.uint8)

    def name(self, index: int) -> str:
        """Return what a message calls item `index`."""
        return self.scenes.name(index)
