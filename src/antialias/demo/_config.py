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
        crops: Crops of each photograph by which real networks are mended.
        held_out_crops: Crops of each photograph on which they are measured.
        side: Side of the crops, in pixels.
        remedies: Remedies that are tried on each.
        reported: Remedies that are left after half of the choosing crops.
        mend_steps: Steps of what learns; 0 leaves learning out.
    """

    seeds: tuple[int, ...] = (0, 1)
    epochs: int = 4
    train_length: int = 3000
    test_length: int = 400
    crops: int = 3
    held_out_crops: int = 2
    side: int = 183
    remedies: int = 6
    reported: int = 2
    mend_steps: int = 0


FULL = DemoConfig()
QUICK = DemoConfig(seeds=(0,), epochs=3, train_length=1500, test_length=300, held_out_crops=1, remedies=3, reported=1)
