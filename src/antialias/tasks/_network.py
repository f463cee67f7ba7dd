"""The network of a run, and how it learns."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from antialias.metrics import Normalization
from antialias.models import build, freeze_as_, load, read_weights
from antialias.nn import Filter
from antialias.results import side_for
from antialias.surgery import conversion_of, convert_

from ._body import TrainedBody
from ._config import TrainConfig
from ._task import task_named


def network(config: TrainConfig, num_classes: int) -> nn.Module:
    """Build the network of a run, filters included; the same seed gives the same start for every filter.

    From start values, adaptive filters whose config leaves `init` open start at the binomial blur, a low-pass filter
    from the first step. From plain weights, the network is built, filled and then converted without changing its
    function; so it is where the body starts from a plain classifier's. A body that was trained with filters starts with
    these. The global random state is left as it was.

    Args:
        config: The run. A `model` that is a file is taken as it is, filters included, whatever its classes.
        num_classes: Number of outputs.

    Raises:
        ValueError: The model, its weights, or what its body starts from do not fit.

    Example:
        >>> from antialias.nn import Fixed
        >>> len(conversion_of(network(TrainConfig(filter=Fixed()), 20)).changed)
        7
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = _plain(config, num_classes)
        body = None if config.backbone is None else TrainedBody.read(config.backbone)
        if body is not None:
            body.check_filter(config.filter)
        if body is not None and body.filter is None:
            body.fill_(model)
        if config.filter is not None and conversion_of(model) is None:
            _convert_(model, config.filter, config, body)
        if body is not None and body.filter is not None:
            body.fill_(model)
    return model.to(memory_format=torch.channels_last) if config.channels_last else model  # type: ignore[call-overload]


def _plain(config: TrainConfig, num_classes: int) -> nn.Module:
    name = config.model or task_named(config.task).default_model
    if name.endswith(".safetensors"):
        return load(name)
    model = build(name, num_classes)
    if config.weights is not None:
        fill_(model, _state(name, config.weights), config.weights)
    return model


def _state(name: str, weights: str) -> dict[str, Tensor]:
    return build(name, weights="default").state_dict() if weights == "default" else read_weights(weights)


def fill_(model: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Fill a network with weights; those of another shape, such as a head for other classes, keep their start values.

    Raises:
        ValueError: A tensor is missing or left over, or none has the right shape.
    """
    freeze_as_(model, state.keys())
    own = model.state_dict()
    if wrong := sorted(own.keys() ^ state.keys()):
        raise ValueError(
            f"{source} does not fit {type(model).__name__}: {len(wrong)} names, such as {wrong[0]}, are in one of them "
            "only. Use plain weights of this network."
        )
    anew = [name for name, tensor in own.items() if tensor.shape != state[name].shape]
    if len(anew) == len(own):
        raise ValueError(f"{source} has no tensor of {type(model).__name__}'s shapes. Use weights of this network.")
    if anew:
        warnings.warn(f"{', '.join(anew)} of {source} have other shapes and start anew.", stacklevel=2)
    model.load_state_dict({name: own[name] if name in anew else state[name] for name in own})


def _convert_(model: nn.Module, filter: Filter, config: TrainConfig, body: TrainedBody | None) -> None:
    trained = config.weights is not None or (body is not None and body.filter is None)
    side = side_for(model, config.window)
    example = torch.zeros(1, 3, side, side)
    learnt = None if body is None else body.placement
    placement = config.placement or learnt or ("exact" if trained else "paper")
    convert_(model, filter if trained else filter.from_scratch(), example=example, placement=placement)


def optimizer_of(model: nn.Module, config: TrainConfig) -> torch.optim.SGD:
    """Return SGD that decays matrices and convolutions only: no norm, no bias, not even those of adaptive filters."""
    weights = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.nesterov)


def schedule_of(optimizer: torch.optim.Optimizer, config: TrainConfig, steps: int) -> LRScheduler:
    """Return the learning rate's course over `steps` optimiser steps."""
    if config.schedule == "onecycle":
        return OneCycleLR(optimizer, config.learning_rate, total_steps=max(steps, 2))
    return LambdaLR(optimizer, lambda step: factor(step, config, steps))


def factor(step: int, config: TrainConfig, steps: int) -> float:
    """Return the share of the highest rate at a step that is counted from 0.

    Example:
        >>> config = TrainConfig(schedule="step", milestones=(30, 60), warmup=5, epochs=90)
        >>> " ".join(f"{factor(step, config, 900):.3g}" for step in (0, 49, 50, 300, 899))
        '0.02 1 1 0.1 0.01'
    """
    unit = 1 if config.max_steps else steps / config.epochs
    rise = min(1.0, (step + 1) / (config.warmup * unit)) if config.warmup else 1.0
    if config.schedule == "poly":
        return rise * max(0.0, 1 - step / steps) ** config.power
    fallen = sum(step >= milestone * unit for milestone in config.milestones)
    return rise * config.gamma**fallen


@contextmanager
def expecting(model: nn.Module, classes: int, whose: str = "the data") -> Iterator[None]:
    """Refuse a network that answers in other classes than the data has, whose scores would mean nothing."""

    def check(_: nn.Module, __: Any, answer: Any) -> None:
        logits = answer["out"] if isinstance(answer, Mapping) else answer
        if logits.shape[1] != classes:
            raise ValueError(
                f"the network has {logits.shape[1]} outputs, {whose} {classes} classes. Use equal numbers."
            )

    handle = model.register_forward_hook(check)
    try:
        yield
    finally:
        handle.remove()


def normalizer_of(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return what turns pictures in [0, 1] into the network's inputs."""
    return Normalization.resolve("model", model).apply
