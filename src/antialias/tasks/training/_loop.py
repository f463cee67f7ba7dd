"""The training loop in plain PyTorch: for one process that wants a small network now."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from antialias._conventions import ProgressCallback

from .._config import TrainConfig
from .._task import task_named
from ._optimizer import build_optimizer, build_schedule


def train_(
    model: nn.Module, data: object, config: TrainConfig, *, progress: ProgressCallback | None = None
) -> list[float]:
    """Train a network in place, on the device it is on, and return the mean loss of each epoch.

    It takes the steps that `fit` takes on one device, without Lightning's start-up, log and checkpoints. The network
    is in evaluation mode afterwards, and the global random state as it was.

    Args:
        model: The network, such as `network(config, num_classes)`.
        data: Training images as the task opens them: best in memory.
        config: What to do; `devices`, `precision`, `workers` and `out` do not matter here.
        progress: Called with `(done, total)` steps.

    Returns:
        Mean loss per epoch.
    """
    task, device = task_named(config.task), next(model.parameters()).device
    steps = config.max_steps or config.epochs * -(-len(task.training_batches(data, config, 0)) // config.accumulate)
    optimizer = build_optimizer(model, config)
    schedule = build_schedule(optimizer, config, steps)
    average = None
    if config.ema is not None:
        average = AveragedModel(model, avg_fn=get_ema_avg_fn(config.ema), use_buffers=True)
    step, losses = 0, []
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        while step < steps:
            epoch, number, total = len(losses), 0, 0.0
            batches = task.training_batches(data, config, epoch)
            model.train()
            while number < len(batches) and step < steps:
                seed_batch(config, epoch, number)
                images, targets = to_device(batches[number], device)
                loss = task.training_loss(model, images, targets, config)
                number, total = number + 1, total + loss.item()
                (loss / config.accumulate).backward()
                if number % config.accumulate == 0 or number == len(batches):
                    if config.clip_norm is not None:
                        parameters = [p for group in optimizer.param_groups for p in group["params"]]
                        nn.utils.clip_grad_norm_(parameters, config.clip_norm)
                    optimizer.step()
                    optimizer.zero_grad()
                    schedule.step()
                    step += 1
                    if average is not None:
                        average.update_parameters(model)
                if progress is not None:
                    progress(step, steps)
            losses.append(total / number)
    if average is not None:
        model.load_state_dict(average.module.state_dict())
    model.eval()
    return losses


def seed_batch(config: TrainConfig, epoch: int, number: int) -> None:
    """Seed what a network draws for itself, such as dropout, from the run's seed and the batch alone.

    So a run that was stopped goes on exactly, in any number of processes, without any random state saved.
    """
    torch.manual_seed(((config.seed * 1_000_003 + epoch) * 1_000_003 + number) % 2**63)


def to_device(batch: Any, device: torch.device) -> Any:
    """Return a batch on a device: tensors, and tensors in dictionaries, lists and tuples.

    Example:
        >>> to_device(({"boxes": torch.zeros(4)}, 3), torch.device("meta"))
        ({'boxes': tensor(..., device='meta', size=(4,))}, 3)
    """
    if isinstance(batch, torch.Tensor):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: to_device(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
