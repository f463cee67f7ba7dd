"""How large the demo is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from antialias._conventions import ProgressCallback

Stage = Callable[[str], AbstractContextManager[ProgressCallback]]


@contextmanager
def silent(description: str) -> Iterator[ProgressCallback]:
    """Report no progress."""
    yield lambda done, total: None


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Say how much is trained and measured.

    Attributes:
        seeds: Seeds of the small networks.
        epochs: Passes over the training scenes.
        train_length: Training scenes.
        test_length: Test scenes.
        crops: Crops of photographs on which the real network is measured.
        retrofit_steps: Steps of the retrofit.
        retrofit_images: Pictures that teach it, of other photographs than it is measured on.
    """

    seeds: tuple[int, ...] = (0, 1)
    epochs: int = 6
    train_length: int = 4000
    test_length: int = 600
    crops: int = 48
    retrofit_steps: int = 50
    retrofit_images: int = 256


FULL = DemoConfig()
QUICK = DemoConfig(seeds=(0,), epochs=3, train_length=1500, test_length=300, crops=12, retrofit_steps=0)
