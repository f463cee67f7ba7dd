"""Training and evaluation: the same few functions for each task."""

from . import _classification as _classification  # registers itself
from ._config import TrainConfig as TrainConfig
from ._loop import train_ as train_
from ._network import network as network
from ._run import Run as Run
from ._run import evaluate as evaluate
from ._run import fit as fit
from ._task import Task as Task
from ._task import register_task as register_task
from ._task import task_named as task_named

__all__ = ["Run", "Task", "TrainConfig", "evaluate", "fit", "network", "register_task", "task_named", "train_"]
