"""How far long measurements are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from antialias._conventions import ProgressCallback

_WATCHING: ContextVar[ProgressCallback | None] = ContextVar("watching", default=None)


@contextmanager
def watched(progress: ProgressCallback) -> Iterator[None]:
    """Let every measurement within the context say how far it is, whoever makes it.

    Args:
        progress: Called with (images done, images in all; 0 if unknown), anew for each measurement.

    Example:
        >>> import torch, antialias as aa
        >>> calls = []
        >>> with aa.metrics.watched(lambda *call: calls.append(call)):
        ...     score = aa.consistency(lambda x: x.mean((2, 3)), torch.rand(3, 3, 32, 32))
        >>> calls
        [(1, 3), (2, 3), (3, 3)]
    """
    token = _WATCHING.set(progress)
    try:
        yield
    finally:
        _WATCHING.reset(token)


def watcher() -> ProgressCallback | None:
    """Return who watches measurements made now."""
    return _WATCHING.get()


class ImageCount:
    """Count images over several passes, each of which begins anew, and what is done beside them.

    Args:
        progress: Called with (done, total).
        passes: Over all images.
        more: What `add` will be told of, in images of a pass.
    """

    def __init__(self, progress: ProgressCallback, passes: int, more: int = 0) -> None:
        self.progress, self.passes, self.more = progress, passes, more
        self.before = self.last = self.total = 0

    def __call__(self, done: int, total: int) -> None:
        """Report that `done` of `total` images of a pass are done."""
        if done <= self.last:
            self.before += self.last
        self.last, self.total = done, self.passes * total + self.more
        self.progress(self.before + done, self.total)

    def add(self, images: int = 1) -> None:
        """Report what took as long as so many images of a pass."""
        self.before, self.last = self.before + self.last + images, 0
        self.progress(self.before, self.total)

    def finish(self) -> None:
        """Report that nothing is left, where something was left out."""
        if self.before + self.last < self.total:
            self.progress(self.total, self.total)
