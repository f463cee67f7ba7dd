"""Training and evaluation: the same few functions for each task.

A `Task` (`_task.py`) is everything in which tasks differ, and `classification/`, `semantic/`, `instance/` and `dense/`
register one each. Read one of them, then `training/_run.py`, which trains them on Lightning, and `evaluation/`, which
measures any network. Both serve what `batches/` makes of the data, to the processes of `_process_group.py`.
`_config.py` holds every setting of a run, and `_network.py` builds the network that it names, on what `_backbone.py`
reads of a classifier.
"""

from . import classification as classification  # registers itself
from . import dense as dense  # registers itself
from . import instance as instance  # registers itself
from . import semantic as semantic  # registers itself
from ._config import TrainConfig as TrainConfig
from ._config import read_settings as read_settings
from ._network import network as network
from ._process_group import is_main_process as is_main_process
from ._process_group import process_group as process_group
from ._task import Task as Task
from ._task import register_task as register_task
from ._task import task_named as task_named
from .evaluation import evaluate as evaluate
from .evaluation import measure_flips as measure_flips
from .training import TrainingRun as TrainingRun
from .training import fit as fit
from .training import train_ as train_

__all__ = [
    "Task",
    "TrainConfig",
    "TrainingRun",
    "evaluate",
    "fit",
    "is_main_process",
    "measure_flips",
    "network",
    "process_group",
    "read_settings",
    "register_task",
    "task_named",
    "train_",
]
