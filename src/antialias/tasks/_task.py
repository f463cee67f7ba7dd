"""What a task is: the same few functions for each, looked up by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from antialias.metrics import Score

from ._config import TrainConfig


class Batches(Protocol):
    """One epoch, whole batches at a time: `(images, targets)` by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Tensor, Any]: ...


@dataclass(frozen=True)
class Task:
    """Hold everything in which tasks differ; the training loop and the commands know nothing else of them.

    Attributes:
        name: What `TrainConfig.task` says.
        open: `(config, split) -> data`, `split` being `"train"` or `"test"`.
        outputs: `(data) -> int`, the number of classes the network must have.
        training_batches: `(data, config, epoch) -> Batches` of augmented `(images, targets)`, images in [0, 1].
        test_batches: `(data, config) -> Batches` of `(images, targets)`.
        loss: `(outputs, targets) -> Tensor`, a scalar.
        correct: `(outputs, targets) -> Tensor` of 0 and 1, whose mean is the accuracy to watch.
        evaluate: `(model, data, config) -> scores` by name.
    """

    name: str
    open: Callable[[TrainConfig, str], Any]
    outputs: Callable[[Any], int]
    training_batches: Callable[[Any, TrainConfig, int], Batches]
    test_batches: Callable[[Any, TrainConfig], Batches]
    loss: Callable[[Any, Any], Tensor]
    correct: Callable[[Any, Any], Tensor]
    evaluate: Callable[[nn.Module, Any, TrainConfig], dict[str, Score]]


_TASKS: dict[str, Task] = {}


def register_task(task: Task) -> None:
    """Make a task known to `fit`, `evaluate` and the command line.

    Raises:
        ValueError: Its name is taken.
    """
    if task.name in _TASKS:
        raise ValueError(f"task={task.name!r} is taken. Use another name.")
    _TASKS[task.name] = task


def task_named(name: str) -> Task:
    """Return a registered task.

    Raises:
        ValueError: There is none of that name; the message lists the names.
    """
    if name not in _TASKS:
        raise ValueError(f"task={name!r} is unknown. Use one of: {', '.join(sorted(_TASKS))}.")
    return _TASKS[name]
