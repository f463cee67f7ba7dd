"""How far a retrofit is, so that a bar can say how much time is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ._config import RetrofitConfig

Progress = Callable[[int, int], None]
_BACKWARD = 3  # a step forward and back takes as long as so many steps forward


class Work:
    """Count what a retrofit does in forward passes of one image: asking the original, learning and measuring.

    Args:
        progress: Called with (done, total).
        config: What is done.
        train: Images to learn from.
        held_out: Images to choose by.
    """

    def __init__(self, progress: Progress | None, config: RetrofitConfig, train: int, held_out: int) -> None:
        self.progress, self.done = progress, 0.0
        shown = config.batch_size * config.views
        self.step = shown * (_BACKWARD + (config.radius is not None))
        self.measurement = held_out * (1 + 2 * config.passes)
        self.asking = config.shifts * (train if config.radius is None else 1)
        self.asking_held_out = config.shifts * held_out
        self.fit = 2 * config.fit_images * config.views if config.least_squares else 0
        self.every = config.evaluate_every
        # Of the start, of the filters started, on the way, along the way back, and twice for the scores.
        measurements = 4 + -(-config.steps // self.every) + len(config.shares)
        self.total = self.asking + self.asking_held_out + self.fit + self.step * config.steps
        self.total += self.measurement * measurements

    def skip(self, step: int) -> None:
        """Count what an earlier run did up to a step."""
        self.done = self.asking + self.asking_held_out + self.fit + self.step * step
        self.done += self.measurement * (2 + step // self.every)

    @contextmanager
    def part(self, work: float) -> Iterator[Progress]:
        """Count a part that takes so much, and yield a function to call with (done, total) of that part."""
        before = self.done
        yield lambda done, total: self.tell(before + work * done / total if total else before)
        self.done = before + work
        self.tell(self.done)

    def tell(self, done: float) -> None:
        """Tell of the work that is done."""
        if self.progress is not None:
            self.progress(round(min(done, self.total)), round(self.total))

    def finish(self) -> None:
        """Tell that nothing is left, where something was left out."""
        if round(self.done) < self.total:
            self.tell(self.total)
