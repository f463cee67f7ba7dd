"""What the training batches of all tasks have in common: which image comes when, drawn from the seed and the epoch."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Generator, Tensor
from torch.utils.data import Dataset

from .._config import TrainConfig

B = TypeVar("B", covariant=True)

MEMORY_LIMIT = 2 * 2**30
"""Bytes that one split may take to be held in memory."""


def epoch_generator(config: TrainConfig, epoch: int) -> Generator:
    """Return the generator of all that is random in an epoch's batches."""
    return torch.Generator().manual_seed(config.seed * 1_000_003 + epoch)


def log_uniform_scales(config: TrainConfig, default: tuple[float, float], draws: Tensor) -> Tensor:
    """Return factors in the run's range, or the task's own, whose logarithms are as uniform as draws from [0, 1)."""
    low, high = config.scales or default
    return low * (high / low) ** draws


class ShuffledBatches(Dataset[B]):
    """Serve indices of images in random order, whole batches at a time; an incomplete last batch is left out.

    Args:
        count: Number of images.
        config: Says how many make a batch.
        generator: What the order is drawn from.
    """

    def __init__(self, count: int, config: TrainConfig, generator: Generator) -> None:
        self.batch_size = min(config.batch_size, count)
        self.order = torch.randperm(count, generator=generator)

    def __len__(self) -> int:
        return len(self.order) // self.batch_size

    def indices(self, number: int) -> Tensor:
        """Return the indices of the images of a batch.

        Raises:
            IndexError: There is no such batch.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"batch {number} is outside of 0..{len(self) - 1}.")
        return self.order[number * self.batch_size :][: self.batch_size]
