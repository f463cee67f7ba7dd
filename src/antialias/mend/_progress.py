"""How far a mending is, in one number over all of its stages."""

from __future__ import annotations

from collections.abc import Callable


class Progress:
    """Work done and left, in single forward passes of the network as given.

    How much a stage takes is estimated before it begins and corrected when it is known.

    Args:
        callback: Called with (done, total) after each piece of work.
    """

    def __init__(self, callback: Callable[[int, int], None] | None) -> None:
        self._callback, self._done = callback, 0.0
        self._left: dict[str, float] = {}

    def expect(self, **stages: float) -> None:
        """Say how much work is left in stages."""
        self._left.update(stages)

    def did(self, stage: str, work: float) -> None:
        """Say what was done of a stage."""
        self._done += work
        self._left[stage] = max(0.0, self._left.get(stage, 0.0) - work)
        if self._callback is not None:
            self._callback(round(self._done), round(self._done + sum(self._left.values())))

    def finish(self) -> None:
        """Say that nothing is left."""
        self._left.clear()
        self.did("", 0)
