"""Training and evaluation: the same few functions for each task."""

from . import _classification as _classification  # registers itself
from . import _instance as _instance  # registers itself
from . import _semantic as _semantic  # registers itself
from ._config import TrainConfig as TrainConfig
from ._config import read_settings as read_settings
from ._evaluate import evaluate as evaluate
from ._evaluate import flips_of as flips_of
from ._loop import train_ as train_
from ._network import network as network
from ._processes import is_main_process as is_main_process
from ._processes import joining as joining
from ._run import Run as Run
from ._run import fit as fit
from ._task import Task as Task
from ._task import register_task as register_task
from ._task import task_named as task_named

__all__ = [
    "Run",
    "Task",
    "TrainConfig",
    "evaluate",
    "fit",
    "flips_of",
    "is_main_process",
    "joining",
    "network",
    "read_settings",
    "register_task",
    "task_named",
    "train_",
]
