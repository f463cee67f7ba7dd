"""Whether a run can go on from the checkpoint in its folder: whole, its own, and with the settings it had."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from antialias._tensors import read_archive

from .._config import TrainConfig

KEY = "antialias"
"""Where a checkpoint says what it is of."""

_ANYWHERE = ("out", "workers", "checkpoint_every", "timeout")
"""Settings that change no weight."""


class Begun(NamedTuple):
    """What a run began as, which it stays however it goes on.

    Attributes:
        name: A hash of its first settings.
        changed: Whether it goes on with others.
        rates: Steps that its schedule was made for, where it has no rate beyond.
    """

    name: str
    changed: bool = False
    rates: int | None = None

    @property
    def comment(self) -> str:
        """Say it in `config.toml`."""
        return f"began as {self.name}"

    def check_length(self, steps: int) -> None:
        """Refuse to go on for longer than the schedule has rates for.

        Raises:
            ValueError: It would have run to its end.
        """
        if self.rates is not None and steps > max(self.rates, 2):
            raise ValueError(
                f"the run is to go on to step {steps}, but its schedule was made for {self.rates} and has no rate "
                "beyond. Resume with the length that it began with, or train what it gave further as another run, with "
                "weights= and another out=."
            )

    def state(self, config: TrainConfig) -> dict[str, Any]:
        """Say it in a checkpoint, with the settings of now."""
        return {"began": self.name, "config": config.to_dict()}


def begin(config: TrainConfig) -> Begun:
    """Return what a run begins as."""
    settings = {name: value for name, value in config.to_dict().items() if name not in _ANYWHERE}
    return Begun(hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16])


def check_resumable(last: Path, config: TrainConfig) -> Begun:
    """Return what the run began as that goes on; settings that are others than before are warned of.

    Args:
        last: The checkpoint.
        config: How it is to go on.

    Raises:
        FileNotFoundError: There is no checkpoint.
        ValueError: It is torn, of another run, or of another program.
    """
    if not last.is_file():
        raise FileNotFoundError(f"{last} does not exist, so there is nothing to resume. Use resume=False.")
    best = last.with_name("best.ckpt")
    fix = f"Copy {best} there to go on from the best epoch" if best.exists() else "Put a whole copy there"
    checkpoint = read_archive(last, f"{fix}, or start anew without resume.")
    if not isinstance(checkpoint, dict) or "TaskData" not in checkpoint:
        raise ValueError(f"{last} is no checkpoint of a training of this library. Start anew without resume.")
    said = checkpoint.get(KEY)
    if said is None:  # of an earlier version
        return begin(config)
    toml, before, now = last.with_name("config.toml"), said["config"], config.to_dict()
    names = [name for name in now if name not in _ANYWHERE and before.get(name) != now[name]]
    changed = "; ".join(f"{name}={before.get(name)!r}, now {now[name]!r}" for name in names)
    began = re.search(r"^# began as (\w+)$", toml.read_text(errors="replace"), re.M) if toml.is_file() else None
    if began is not None and began[1] != said["began"]:
        raise ValueError(
            f"{last} is of another run than {toml} ({changed or 'it began with other settings'}). Start anew without "
            "resume, or put the run's own checkpoint there."
        )
    if changed:
        warnings.warn(f"{last} was trained with {changed}.", stacklevel=3)
    (schedule,) = checkpoint["lr_schedulers"]
    return Begun(said["began"], bool(changed), schedule.get("total_steps"))
