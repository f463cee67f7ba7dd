"""The training loop in plain PyTorch: for one process that wants a small network now."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from antialias._conventions import ProgressCallback

from ._config import TrainConfig
from ._network import optimizer_of, schedule_of
from ._task import task_named


def train_(
    model: nn.Module, data: object, config: TrainConfig, *, progress: ProgressCallback | None = None
) -> list[float]:
    """Train a network in place, on the device it is on, and return the mean loss of each epoch.

    It takes the steps that `fit` takes on one device, without Lightning's start-up, log and checkpoints. The network
    is in evaluation mode afterwards, and the global random state as it was.

    Args:
        model: The network, such as `network(config, num_classes)`.
        data: Training pictures as the task opens them: for classification anything `Labelled`, best a `Pictures`.
        config: What to do; `devices`, `precision`, `workers` and `out` do not matter here.
        progress: Called with `(done, total)` steps.

    Returns:
        Mean loss per epoch.
    """
    task = task_named(config.task)
    learner = _Learner(model, config, len(task.training_batches(data, config, 0)))
    device = next(model.parameters()).device
    losses: list[float] = []
    with keeping_random_state():
        while learner.done < learner.steps:
            batches, total, number = task.training_batches(data, config, len(losses)), 0.0, 0
            model.train()
            while number < len(batches) and learner.done < learner.steps:
                seed_batch(config, len(losses), number)
                loss = task.loss(model, *moved(batches[number], device))
                number, total = number + 1, total + loss.item()
                learner.learn(loss, last=number == len(batches))
                if progress is not None:
                    progress(learner.done, learner.steps)
            losses.append(total / number)
    learner.finish()
    return losses


class _Learner:
    """Turns losses into steps: accumulation, clipping, schedule and the average of the weights."""

    def __init__(self, model: nn.Module, config: TrainConfig, batches: int) -> None:
        self.model, self.config = model, config
        self.steps = config.max_steps or config.epochs * -(-batches // config.accumulate)
        self.done = self.waiting = 0
        self.optimizer = optimizer_of(model, config)
        self.schedule = schedule_of(self.optimizer, config, self.steps)
        self.average = None
        if config.ema is not None:
            self.average = AveragedModel(model, avg_fn=get_ema_avg_fn(config.ema), use_buffers=True)

    def learn(self, loss: Tensor, *, last: bool) -> None:
        """Learn from one batch; `last` ends an accumulation that is not complete."""
        (loss / self.config.accumulate).backward()
        self.waiting += 1
        if self.waiting == self.config.accumulate or last:
            self._step()

    def _step(self) -> None:
        if self.config.clip_norm is not None:
            parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.schedule.step()
        self.done, self.waiting = self.done + 1, 0
        if self.average is not None:
            self.average.update_parameters(self.model)

    def finish(self) -> None:
        """Leave what is to be measured in the network: the average where there is one."""
        if self.average is not None:
            self.model.load_state_dict(self.average.module.state_dict())
        self.model.eval()


def keeping_random_state() -> Any:
    """Return a context that gives the global random state back, on every device."""
    return torch.random.fork_rng(devices=range(torch.cuda.device_count()))


def seed_batch(config: TrainConfig, epoch: int, number: int) -> None:
    """Seed what a network draws for itself, such as dropout, from the run's seed and the batch alone.

    So a run that was stopped goes on exactly, in any number of processes, without any random state saved.
    """
    torch.manual_seed(((config.seed * 1_000_003 + epoch) * 1_000_003 + number) % 2**63)


def moved(batch: Any, device: torch.device) -> Any:
    """Return a batch on a device: tensors, and tensors in dictionaries, lists and tuples.

    Example:
        >>> moved(({"boxes": torch.zeros(4)}, 3), torch.device("meta"))
        ({'boxes': tensor(..., device='meta', size=(4,))}, 3)
    """
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: moved(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch)(moved(value, device) for value in batch)
    return batch
