"""The training loop in plain PyTorch: for one process that wants a small network now."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from antialias.data import Progress

from ._config import TrainConfig
from ._network import optimizer_of, schedule_of
from ._task import task_named


def train_(model: nn.Module, data: object, config: TrainConfig, *, progress: Progress | None = None) -> list[float]:
    """Train a network in place, on the device it is on, and return the mean loss of each epoch.

    It takes the steps that `fit` takes on one device, without Lightning's start-up, log and checkpoints. The network
    is in evaluation mode afterwards.

    Args:
        model: The network, such as `network(config, num_classes)`.
        data: Training pictures as the task opens them: for classification anything `Labelled`, best a `Pictures`.
        config: What to do; `devices`, `precision`, `workers` and `out` do not matter here.
        progress: Called with `(done, total)` steps.

    Returns:
        Mean loss per epoch.
    """
    task = task_named(config.task)
    steps = config.epochs * len(task.training_batches(data, config, 0))
    optimizer = optimizer_of(model, config)
    schedule = schedule_of(optimizer, config, steps)
    device = next(model.parameters()).device
    losses: list[float] = []
    model.train()
    for epoch in range(config.epochs):
        batches = task.training_batches(data, config, epoch)
        total = 0.0
        for number in range(len(batches)):
            loss = task.loss(model, *moved(batches[number], device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
            if progress is not None:
                progress(epoch * len(batches) + number + 1, steps)
        losses.append(total / len(batches))
    model.eval()
    return losses


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
