"""A run's state in a file, so that an interrupted run ends where one never stopped would have."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from antialias._lock import alone
from antialias._tensors import read_archive, write_archive

_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A file for the state of one run, or none.

    Attributes:
        path: Where it is; `None` keeps nothing.
        fingerprints: Of what the run depends on, by name: its state means nothing to another run.
    """

    path: Path | None
    fingerprints: dict[str, str]

    def alone(self) -> AbstractContextManager[None]:
        """Keep other processes from the file while the context lasts."""
        return alone(None if self.path is None else self.path.with_name(f"{self.path.name}.lock"))

    def write(self, state: dict[str, Any]) -> None:
        """Write a state in one move: an interruption leaves the last whole file, never half of one."""
        if self.path is not None:
            write_archive({"version": _VERSION, "made_from": self.fingerprints, **state}, self.path)

    def read(self, device: torch.device) -> dict[str, Any] | None:
        """Read the state, or `None` if the file is not there yet.

        Raises:
            ValueError: The file is torn, or belongs to a run with another config, other images or another network.
        """
        if self.path is None or not self.path.exists():
            return None
        fix = "Remove it to start anew, or use another path."
        state = read_archive(self.path, fix, device)
        try:
            version, theirs = state["version"], state["made_from"]
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"checkpoint={str(self.path)!r} is no state of a retrofit. {fix}") from error
        ours = {**self.fingerprints, "format": str(_VERSION)}
        check_made_from(self.path, "run", ours, {**theirs, "format": str(version)})
        return state


def check_made_from(path: Path, what: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    """Refuse a checkpoint that something else left.

    Args:
        path: Where it lies.
        what: What it is of, such as `"run"`.
        ours: Fingerprints of what this one depends on, by name.
        theirs: Those that stand in the checkpoint.

    Raises:
        ValueError: One differs.
    """
    if differing := [name for name, value in ours.items() if theirs.get(name) != value]:
        raise ValueError(
            f"checkpoint={str(path)!r} belongs to another {what}: {' and '.join(differing)} differ. "
            "Use the arguments it was made with, or another path."
        )
