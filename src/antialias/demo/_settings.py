"""How large the demo is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

Progress = Callable[[int, int], None]
Stage = Callable[[str], AbstractContextManager[Progress]]


@contextmanager
def silent(description: str) -> Iterator[Progress]:
    """Report no progress."""
    yield lambda done, total: None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much is trained and measured.

    Attributes:
        seeds: Seeds of the small networks.
        epochs: Passes over the training scenes.
        train_length: Training scenes.
        test_length: Test scenes.
        crops: Crops of photographs on which the real network is measured.
        retrofit_steps: Steps of the retrofit.
        retrofit_pictures: Pictures that teach it, of other photographs than it is measured on.
    """

    seeds: tuple[int, ...] = (0, 1)
    epochs: int = 6
    train_length: int = 4000
    test_length: int = 600
    crops: int = 48
    retrofit_steps: int = 50
    retrofit_pictures: int = 256


FULL = Settings()
QUICK = Settings(seeds=(0,), epochs=3, train_length=1500, test_length=300, crops=12, retrofit_steps=0)
