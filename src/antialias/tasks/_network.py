"""The network of a run: built, filled with weights and converted; and what it must be shown."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics import ClassScores
from antialias.models import build, freeze_as_, load, read_weights
from antialias.results import side_for
from antialias.surgery import conversion_of, convert_

from ._backbone import Backbone
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
    name = config.model or task_named(config.task).default_model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        if name.endswith(".safetensors"):
            model = load(name).train()
        else:
            model = build(name, num_classes)
            if config.weights == "default":
                load_weights_(model, build(name, weights="default").state_dict(), config.weights)
            elif config.weights is not None:
                load_weights_(model, read_weights(config.weights), config.weights)
        backbone = None if config.backbone is None else Backbone.read(config.backbone)
        if backbone is not None:
            backbone.check_filter(config.filter)
        if backbone is not None and backbone.filter is None:
            backbone.load_into_(model)
        if config.filter is not None and conversion_of(model) is None:
            pretrained = config.weights is not None or (backbone is not None and backbone.filter is None)
            side = side_for(model, config.window)
            convert_(
                model,
                config.filter if pretrained else config.filter.from_scratch(),
                example=torch.zeros(1, 3, side, side),
                placement=config.placement
                or (None if backbone is None else backbone.placement)
                or ("exact" if pretrained else "paper"),
            )
        if backbone is not None and backbone.filter is not None:
            backbone.load_into_(model)
    return model.to(memory_format=torch.channels_last) if config.channels_last else model  # type: ignore[call-overload]


def load_weights_(model: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Fill a network with weights; those of another shape, such as a head for other classes, keep their start values.

    Args:
        model: The network.
        state: The weights by name.
        source: What messages call them.

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
    reset = [name for name, tensor in own.items() if tensor.shape != state[name].shape]
    if len(reset) == len(own):
        raise ValueError(f"{source} has no tensor of {type(model).__name__}'s shapes. Use weights of this network.")
    if reset:
        warnings.warn(f"{', '.join(reset)} of {source} have other shapes and start anew.", stacklevel=2)
    model.load_state_dict({name: own[name] if name in reset else state[name] for name in own})


@contextmanager
def expect_classes(model: nn.Module, classes: int | None, whose: str = "the data") -> Iterator[None]:
    """Refuse a network that answers in other classes than the data has, whose scores would mean nothing.

    Args:
        model: The network.
        classes: How many the data has; any number will do if `None`.
        whose: What a message calls the data.

    Raises:
        ValueError: An output has another number of classes.
    """

    def check(_: nn.Module, __: Any, output: Any) -> None:
        logits = output.get("out") if isinstance(output, Mapping) else output
        if classes is not None and isinstance(logits, Tensor) and logits.shape[1] != classes:
            raise ValueError(
                f"the network has {logits.shape[1]} outputs, {whose} {classes} classes. Use equal numbers."
            )

    handle = model.register_forward_hook(check)
    try:
        yield
    finally:
        handle.remove()


def normalizer_of(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return what turns images in [0, 1] into the network's inputs."""
    return ClassScores(model).inputs
