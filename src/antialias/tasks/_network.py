"""The network of a run, and how it learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from antialias.metrics import Normalization
from antialias.models import build
from antialias.nn import Adaptive, Filter
from antialias.surgery import convert_

from ._config import TrainConfig


def network(config: TrainConfig, num_classes: int) -> nn.Module:
    """Build the untrained network of a run, filters included; the same seed gives the same start for every filter.

    Adaptive filters whose config leaves `init` open start at the binomial blur, a low-pass filter from the first step.
    It is in channels_last, which trains about a third faster on a CPU. The global random state is left as it was.

    Args:
        config: The run.
        num_classes: Number of outputs.

    Example:
        >>> from antialias.nn import Fixed
        >>> from antialias.surgery import conversion_of
        >>> len(conversion_of(network(TrainConfig(filter=Fixed()), 20)).changed)
        7
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = build(config.model, num_classes)
        if config.filter is not None:
            example = torch.zeros(1, 3, config.window, config.window)
            convert_(model, _from_scratch(config.filter), example=example, placement="paper")
    return model.to(memory_format=torch.channels_last)


def _from_scratch(filter: Filter) -> Filter:
    if isinstance(filter, Adaptive) and filter.init is None:
        return replace(filter, init="binomial" if filter.normalize == "group" else "paper")
    return filter


def optimizer_of(model: nn.Module, config: TrainConfig) -> torch.optim.SGD:
    """Return SGD that decays matrices and convolutions only: no norm, no bias, not even those of adaptive filters."""
    weights = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=0.9, nesterov=True)


def schedule_of(optimizer: torch.optim.Optimizer, config: TrainConfig, steps: int) -> OneCycleLR:
    """Return the one-cycle rate over `steps` steps."""
    return OneCycleLR(optimizer, config.learning_rate, total_steps=max(steps, 2))


def normalizer_of(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return what turns pictures in [0, 1] into the network's inputs."""
    return Normalization.resolve("model", model).apply
