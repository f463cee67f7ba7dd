"""Scenes as a semantic segmentation data set."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ._scenes import Scenes


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

    @property
    def pixels(self) -> int:
        """Pixels of all images together."""
        return len(self.scenes) * self.scenes.size**2

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one image `(3, H, W)` and its classes `(H, W)`, both `uint8`."""
        return self.segmentations([index])[0]

    def segmentations(self, indices: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Return several images with their classes, drawn together."""
        return self.scenes.segmentations(indices)

    def name(self, index: int) -> str:
        """Return what a message calls item `index`."""
        return self.scenes.name(index)
