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

_ON_THE_WAY = (
    *("epochs", "max_steps", "learning_rate", "clip_norm"),
    *("accelerator", "devices", "num_nodes", "strategy", "precision"),
    *("on_broken", "on_class_mismatch", "test_length", "multiple", "detection_score"),
)
"""Settings that a run may change on the way, as the folder of its data; with any other it would be another run."""


class Begun(NamedTuple):
    """What a run began as, which it stays however it goes on.

    Attributes:
        name: A hash of its first settings.
        changed: Whether it goes on with others.
        rates: Steps that its schedule was made for, where it has no rate beyond.
        data: How many images it learns from, and the names of their classes in their order.
    """

    name: str
    changed: bool = False
    rates: int | None = None
    data: tuple[int, list[str]] | None = None

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

    def learning_from(self, data: Any) -> Begun:
        """Return it with what it learns from.

        Args:
            data: Images with `classes` and a length.

        Raises:
            ValueError: It has learnt from others.
        """
        images, classes = len(data), [str(name) for name in data.classes]
        if self.data is not None and self.data != (images, classes):
            before, names = self.data
            other = [f"{old!r}, now {new!r}" for old, new in zip(names, classes, strict=False) if old != new]
            raise ValueError(
                f"the run has learnt from {before} images of {len(names)} classes, and its data has {images} of "
                f"{len(classes)}{f' (class {other[0]})' if other else ''}. Put its own data there, or start anew "
                "without resume."
            )
        return self._replace(data=(images, classes))

    def state(self, config: TrainConfig) -> dict[str, Any]:
        """Say it in a checkpoint, with the settings of now."""
        return {"began": self.name, "config": config.to_dict(), "data": self.data}


def begin(config: TrainConfig) -> Begun:
    """Return what a run begins as."""
    settings = {name: value for name, value in config.to_dict().items() if name not in _ANYWHERE}
    return Begun(hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16])


def check_resumable(last: Path, config: TrainConfig) -> Begun:
    """Return what the run began as that goes on; settings that it changes on the way are warned of.

    Args:
        last: The checkpoint.
        config: How it is to go on.

    Raises:
        FileNotFoundError: There is no checkpoint.
        ValueError: It is torn, of another run, of another program, or was trained with settings that make another run.
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
    toml, before, now = last.with_name("config.toml"), TrainConfig().to_dict() | said["config"], config.to_dict()
    names = [name for name in now if name not in _ANYWHERE and before[name] != now[name]]
    changed = "; ".join(f"{name}={before[name]!r}, now {now[name]!r}" for name in names)
    began = re.search(r"^# began as (\w+)$", toml.read_text(errors="replace"), re.M) if toml.is_file() else None
    if began is not None and began[1] != said["began"]:
        raise ValueError(
            f"{last} is of another run than {toml} ({changed or 'it began with other settings'}). Start anew without "
            "resume, or put the run's own checkpoint there."
        )
    moved = before["data"].partition(":")[0] == now["data"].partition(":")[0]
    if others := [name for name in names if name not in _ON_THE_WAY and not (name == "data" and moved)]:
        raise ValueError(
            f"{last} was trained with {changed}: going on would end as neither run does. Start anew without resume, "
            f"use another out=, or set {', '.join(f'{name}={before[name]!r}' for name in others)}."
        )
    if changed:
        warnings.warn(f"{last} was trained with {changed}.", stacklevel=3)
    (schedule,) = checkpoint["lr_schedulers"]
    data = said.get("data")
    return Begun(said["began"], bool(changed), schedule.get("total_steps"), data and tuple(data))


def at_rate_(checkpoint: dict[str, Any], learning_rate: float) -> None:
    """Give a checkpoint another learning rate, in place: what it keeps of optimiser and schedule holds that of before.

    Args:
        checkpoint: What Lightning is to go on from.
        learning_rate: That of now.
    """
    if (said := checkpoint.get(KEY)) is None:
        return
    share = learning_rate / said["config"]["learning_rate"]
    for group in (group for state in checkpoint["optimizer_states"] for group in state["param_groups"]):
        group |= {name: share * group[name] for name in ("lr", "initial_lr", "max_lr", "min_lr") if name in group}
    for schedule in checkpoint["lr_schedulers"]:
        schedule |= {name: [share * rate for rate in schedule[name]] for name in ("base_lrs", "_last_lr")}
