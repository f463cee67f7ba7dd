"""Random numbers that depend on the item alone, never on the batch or the worker it is drawn in."""

from __future__ import annotations

import torch
from torch import Tensor

# SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), its unsigned constants written as the signed integers torch knows.
_GOLDEN = -0x61C8864680B583EB
_FIRST = -0x40A7B892E31B1A47
_SECOND = -0x6B2FB644ECCEEE15


def _logical_shift(x: Tensor, bits: int) -> Tensor:
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _logical_shift(x, 30)) * _FIRST
    x = (x ^ _logical_shift(x, 27)) * _SECOND
    return x ^ _logical_shift(x, 31)


class Draws:
    """A stream of random numbers for each key: element `i` of every draw depends on key `i` alone.

    A `torch.Generator` gives a batch other numbers than its items one by one; a counter-based generator does not, so a
    whole batch is drawn at once and item 7 of seed 0 is the same in every batch, worker and order.

    Args:
        keys: `int64` tensor of any shape; every draw has this shape.
    """

    def __init__(self, keys: Tensor) -> None:
        self.keys = keys
        self._count = 0

    @classmethod
    def of_items(cls, seed: int, items: Tensor) -> Draws:
        """Return one stream for each of `items` (`int64`, any shape) under `seed`."""
        start = _mix(torch.tensor(seed, dtype=torch.int64) * _GOLDEN + 1)
        return cls(_mix(start + items.to(torch.int64) * _GOLDEN))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draw `float32` numbers from `[low, high)`."""
        self._count += 1
        bits = _logical_shift(_mix(self.keys + torch.tensor(self._count) * _GOLDEN), 40)
        return low + (high - low) * (bits.to(torch.float32) * 2.0**-24)

    def integer(self, low: int, high: int) -> Tensor:
        """Draw `int64` numbers from `low` to `high - 1`."""
        return self.uniform(low, high).floor().clamp(max=high - 1).to(torch.int64)

    def chance(self, probability: float) -> Tensor:
        """Draw `bool` values, true with `probability`."""
        return self.uniform() < probability

    def fork(self, branch: int | Tensor) -> Draws:
        """Return streams independent of these, one for each key and `branch` (broadcast)."""
        return Draws(_mix(self.keys ^ _mix(torch.as_tensor(branch, dtype=torch.int64) * _GOLDEN + 7)))

    def select(self, index: Tensor) -> Draws:
        """Return the streams of the keys at `index`, from their start, with two axes of length 1 behind."""
        return Draws(self.keys[index][:, None, None])
