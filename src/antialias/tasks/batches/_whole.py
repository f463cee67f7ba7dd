"""Whole images with what is there to see, in order and as they are: what is tested on and measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from antialias.results import EvaluationConfig


class WholeBatches(Dataset[tuple[list[Tensor], list[Any]]], ABC):
    """Serve the images of a data set in order and as they are, whole batches at a time.

    Args:
        data: The images.
        config: Says how many make a batch.
    """

    def __init__(self, data: Any, config: EvaluationConfig) -> None:
        self.data = data
        self.parts = torch.arange(len(data)).split(config.batch_size)

    @staticmethod
    @abstractmethod
    def sample(data: Any, index: int) -> tuple[Tensor, Any]:
        """Return an image in [0, 1] and its target."""

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[list[Tensor], list[Any]]:
        images, targets = zip(*(self.sample(self.data, image) for image in self.parts[index].tolist()), strict=True)
        return list(images), list(targets)

    @classmethod
    def range(cls, data: Any, indices: range) -> ImageRange:
        """Return some of the images for the metrics."""
        return ImageRange(cls, data, indices)


class ImageRange:
    """Whole images of a range of a data set with their targets, as often as they are asked for.

    Args:
        batches: Says how an image and its target are read.
        data: The data set.
        indices: Which of its images.
    """

    def __init__(self, batches: type[WholeBatches], data: Any, indices: range) -> None:
        self.batches, self.data, self.indices = batches, data, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[tuple[Tensor, Any]]:
        return (self.batches.sample(self.data, index) for index in self.indices)
