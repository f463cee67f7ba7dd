"""What a task is: the same few functions for each, looked up by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

from antialias._conventions import ProgressCallback
from antialias.metrics import Curve, Measurement, Score
from antialias.results import EvaluationConfig

from ._config import TrainConfig

if TYPE_CHECKING:
    from torchmetrics import Metric


class Batches(Protocol):
    """One epoch, whole batches at a time: `(images, targets)` by number.

    Everything random is drawn from `(seed, epoch)` and the batch's number, so that any process can make any batch.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Any, Any]: ...


class OpenSplit(Protocol):
    """What opens a split of the data."""

    def __call__(self, config: EvaluationConfig, split: str, classes: Sequence[str] | None = None) -> Any: ...


@dataclass(frozen=True)
class Task:
    """Hold everything in which tasks differ; the training loop and the commands know nothing else of them.

    `images` are pixels in [0, 1] on the network's device: a tensor `(N, 3, H, W)`, or a list of tensors for detectors.
    Who normalises them is the task's matter.

    Attributes:
        name: What `EvaluationConfig.task` says.
        monitor: What `metric` measures, such as `"accuracy"`: the best checkpoint's criterion, higher is better.
        default_model: What is trained where no network is named.
        open: `(config, split, classes=None) -> data`, `split` being `"train"` or `"test"`, `classes` an order of their
            names that holds, such as a network's; `data` has `classes` and a length.
        outputs: `(data) -> int`, the number of classes the network must have.
        training_batches: `(data, config, epoch) -> Batches` of augmented `(images, targets)`.
        test_batches: `(data, config) -> Batches` of `(images, targets)`.
        loss: `(model, images, targets, *, views=1, agreement=0.0) -> Tensor`, a scalar, of a network in training mode.
            Views of an image stand together in a batch; what the answers to them differ by, times `agreement`, is part
            of the loss. The two options are given where the config has an `agreement`.
        predict: `(model, images) -> outputs` of a network in evaluation mode.
        metric: `(number of classes) -> torchmetrics.Metric` with `update(outputs, targets)` and a scalar `compute()`,
            right on many processes.
        evaluate_part: `(model, data, config, range of images) -> measurements` by name, of the answer and of its
            stability; parts can be joined, so several processes share them.
        derive: `(joined measurements) -> scores`, with those that follow from them.
        part: Images in a part.
        passes: How often `evaluate_part` goes through its images, for a bar that says how much is left.
        measure_flips: `(model, data, config, progress) -> Curve`, the flip rate against the distance, where answers
            can flip.
        has_labels: Whether answers are compared with labels; of a task without them every image folder will do.
    """

    name: str
    monitor: str
    default_model: str
    open: OpenSplit
    outputs: Callable[[Any], int]
    training_batches: Callable[[Any, TrainConfig, int], Batches]
    test_batches: Callable[[Any, EvaluationConfig], Batches]
    loss: Callable[..., Tensor]
    predict: Callable[[nn.Module, Any], Any]
    metric: Callable[[int], Metric]
    evaluate_part: Callable[[nn.Module, Any, EvaluationConfig, range], Mapping[str, Measurement]]
    derive: Callable[[dict[str, Measurement]], dict[str, Score]]
    part: int = 512
    passes: int = 1
    measure_flips: Callable[[nn.Module, Any, EvaluationConfig, ProgressCallback | None], Curve] | None = None
    has_labels: bool = True

    def training_loss(self, model: nn.Module, images: Any, targets: Any, config: TrainConfig) -> Tensor:
        """Return the loss of a training batch as the config has it.

        Args:
            model: The network, in training mode.
            images: Those of a batch of `training_batches`.
            targets: Those of the batch.
            config: Says whether views of an image are to agree.
        """
        if not config.agreement:
            return self.loss(model, images, targets)
        return self.loss(model, images, targets, views=config.views, agreement=config.agreement)

    def evaluate(self, model: nn.Module, data: Any, config: EvaluationConfig) -> dict[str, Score]:
        """Measure a network on all images, in one part."""
        return self.derive(dict(self.evaluate_part(model, data, config, range(len(data)))))


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
