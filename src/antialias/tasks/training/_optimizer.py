"""How weights move: the optimiser and the course of its learning rate."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from .._config import TrainConfig


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.SGD:
    """Return SGD that decays matrices and convolutions only: no norm, no bias, not even those of adaptive filters."""
    weights = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.nesterov)


def build_schedule(optimizer: torch.optim.Optimizer, config: TrainConfig, steps: int) -> LRScheduler:
    """Return the learning rate's course over `steps` optimiser steps."""
    if config.schedule == "onecycle":
        return OneCycleLR(optimizer, config.learning_rate, total_steps=max(steps, 2))
    return LambdaLR(optimizer, lambda step: rate_factor(step, config, steps))


def rate_factor(step: int, config: TrainConfig, steps: int) -> float:
    """Return the share of the highest rate at a step that is counted from 0.

    Example:
        >>> config = TrainConfig(schedule="step", milestones=(30, 60), warmup=5, epochs=90)
        >>> " ".join(f"{rate_factor(step, config, 900):.3g}" for step in (0, 49, 50, 300, 899))
        '0.02 1 1 0.1 0.01'
    """
    unit = 1 if config.max_steps else steps / config.epochs
    warmup = min(1.0, (step + 1) / (config.warmup * unit)) if config.warmup else 1.0
    if config.schedule == "poly":
        return warmup * max(0.0, 1 - step / steps) ** config.power
    passed = sum(step >= milestone * unit for milestone in config.milestones)
    return warmup * config.gamma**passed
