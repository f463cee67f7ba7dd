"""What the training batches of all tasks have in common: who comes when, drawn from the seed and the epoch alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset

from ._config import TrainConfig

B = TypeVar("B", covariant=True)

IN_MEMORY = 2 * 2**30
"""Bytes that one split may take to be held in memory."""


def draws_of(config: TrainConfig, epoch: int) -> Generator:
    """Return the generator of all that is random in an epoch's batches."""
    return torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)


def scales_of(config: TrainConfig, own: tuple[float, float], draws: Tensor) -> Tensor:
    """Return factors in the run's range, or the task's own, whose logarithms are as uniform as draws from [0, 1)."""
    low, high = config.scales or own
    return low * (high / low) ** draws


class ShuffledBatches(Dataset[B]):
    """Deal numbers of pictures in random order, whole batches at a time; an incomplete last batch is left out.

    Args:
        count: Number of pictures.
        config: Says how many make a batch.
        generator: What the order is drawn from.
    """

    def __init__(self, count: int, config: TrainConfig, generator: Generator) -> None:
        self.batch_size = min(config.batch_size, count)
        self.order = torch.randperm(count, generator=generator)

    def __len__(self) -> int:
        return len(self.order) // self.batch_size

    def numbers(self, index: int) -> Tensor:
        """Return the numbers of the pictures of a batch.

        Raises:
            IndexError: There is no such batch.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} is outside of 0..{len(self) - 1}.")
        return self.order[index * self.batch_size :][: self.batch_size]


class WholeBatches(Dataset[tuple[list[Tensor], list[Any]]], ABC):
    """Serve the pictures of a data set in order and as they are, whole batches at a time.

    Args:
        data: The pictures.
        config: Says how many make a batch.
    """

    def __init__(self, data: Any, config: TrainConfig) -> None:
        self.data = data
        self.parts = torch.arange(len(data)).split(config.batch_size)

    @staticmethod
    @abstractmethod
    def picture(data: Any, number: int) -> tuple[Tensor, Any]:
        """Return a picture in [0, 1] and what is there to see."""

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[list[Tensor], list[Any]]:
        images, targets = zip(*(self.picture(self.data, number) for number in self.parts[index].tolist()), strict=True)
        return list(images), list(targets)

    @classmethod
    def pictures(cls, data: Any, numbers: range) -> Pictures:
        """Return some of the pictures for the metrics."""
        return Pictures(cls, data, numbers)


class Pictures:
    """Whole pictures with what is there to see, as often as they are asked for: what the metrics read."""

    def __init__(self, batches: type[WholeBatches], data: Any, numbers: range) -> None:
        self.batches, self.data, self.numbers = batches, data, numbers

    def __iter__(self) -> Iterator[tuple[Tensor, Any]]:
        return (self.batches.picture(self.data, number) for number in self.numbers)

    def images(self) -> Iterator[Tensor]:
        """Yield the pictures alone."""
        return (image for image, _ in self)
