"""A run's state in a file, so that an interrupted run ends where one never stopped would have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

_VERSION = 1


def write(path: Path, state: dict[str, Any], made_from: dict[str, str]) -> None:
    """Write a state in one move: an interruption leaves the last whole file, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    torch.save({"version": _VERSION, "made_from": made_from, **state}, unfinished)
    os.replace(unfinished, path)


def read(path: Path, made_from: dict[str, str], device: torch.device) -> dict[str, Any] | None:
    """Read the state of the same run, or `None` if the file is not there yet.

    Raises:
        ValueError: The file belongs to a run with another recipe, other pictures or another network.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        version, theirs = state["version"], state["made_from"]
    except Exception as error:
        raise ValueError(f"checkpoint={str(path)!r} is no checkpoint of a retrofit. Use another path.") from error
    differing = [name for name, value in made_from.items() if theirs.get(name) != value]
    if version != _VERSION or differing:
        raise ValueError(
            f"checkpoint={str(path)!r} belongs to another run: {' and '.join(differing) or 'format'} differ. "
            "Use the arguments it was made with, or another path."
        )
    return state
