"""The copy of the network that learns, and its running average, which is kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias._torch import BatchNorm
from antialias.metrics import ClassScores, jensen_shannon
from antialias.nn import AdaptiveBlurPool2d

from ._config import RetrofitConfig

_LARGEST_GRADIENT = 5.0


class Student:
    """A copy of a network that learns in evaluation mode, so that the network itself is untouched until the end.

    Evaluation mode keeps every running statistic: sixteen images say less about them than the million that made them.
    Updating them took EfficientNet-Lite0's agreement with itself from 78 to 35 % in 120 steps; keeping them, to 66 %.

    Args:
        network: What to copy; a half-precision network learns in float32.
        config: Rates, and what learns.

    Raises:
        ValueError: Nothing would learn.
    """

    def __init__(self, network: nn.Module, config: RetrofitConfig) -> None:
        self.config = config
        self.network = full_precision_copy(network).eval()
        for module in first_layers(self.network, config.frozen):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)
        self.average = copy.deepcopy(self.network)
        self.inputs = ClassScores(self.network).inputs
        self.optimizer = torch.optim.AdamW(list(self._groups()), weight_decay=0.0)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self._learning = {id(p) for group in self.optimizer.param_groups for p in group["params"]}

    def _groups(self) -> Iterator[dict[str, Any]]:
        filters = _parameters_of(self.network, AdaptiveBlurPool2d)
        chosen = {
            "all": list(self.network.parameters()),
            "norms": _parameters_of(self.network, BatchNorm),
            "filters": [],
        }
        within = {id(parameter) for parameter in filters}
        others = [parameter for parameter in chosen[self.config.learn] if id(parameter) not in within]
        groups = ((others, self.config.learning_rate), (filters, self.config.filter_rate))
        learning = [([p for p in parameters if p.requires_grad], rate) for parameters, rate in groups]
        if not any(parameters for parameters, _ in learning) and self.config.steps:
            frozen = sum(not parameter.requires_grad for parameter in self.network.parameters())
            raise ValueError(
                f"learn={self.config.learn!r} leaves nothing to learn in this {type(self.network).__name__} ({frozen} "
                "parameters are frozen). Set requires_grad on some, or use learn='all'."
            )
        return ({"params": parameters, "lr": rate} for parameters, rate in learning)

    def learn(self, step: int, images: Tensor, targets: Tensor) -> float:
        """Take one step towards the probabilities `(B, K)` and return the loss before it."""
        logits = self.network(self.inputs(images))
        loss = distillation_loss(logits, targets.to(logits), self.config.temperature)
        if self.config.agreement:
            loss = loss + self.config.agreement * jensen_shannon(logits.unflatten(0, (-1, self.config.views)))
        if not math.isfinite(value := loss.item()):
            return value
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * rate_factor(step, self.config.steps, self.config.warmup)
        self.optimizer.step()
        self._average(step)
        return value

    @torch.no_grad()
    def _average(self, step: int) -> None:
        # Early on the average is young: with the full decay it would still be the start after a hundred steps.
        decay = min(self.config.average, (step + 1) / (step + 10))
        for mean, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
            if id(now) in self._learning:
                mean.lerp_(now, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed run needs."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        for name, part in (("network", self.network), ("average", self.average), ("optimizer", self.optimizer)):
            part.load_state_dict(state[name])


def learning_dtype(network: nn.Module) -> torch.dtype:
    """Return the precision that a network learns in: its own, float32 at least.

    Raises:
        ValueError: It has no parameters.
    """
    parameter = next(network.parameters(), None)
    if parameter is None:
        raise ValueError(f"{type(network).__name__} has no parameters, so nothing can learn. Pass a network.")
    return torch.promote_types(parameter.dtype, torch.float32)


def full_precision_copy(network: nn.Module) -> nn.Module:
    """Return a deep copy in the precision that it learns in, without gradients.

    Its convolutions keep channels last, in which depthwise ones run three times as fast on a CPU.
    """
    twin = copy.deepcopy(network).to(learning_dtype(network)).to(memory_format=torch.channels_last)
    for parameter in twin.parameters():
        parameter.grad = None
    return twin


def distillation_loss(logits: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return the mean divergence KL(targets || softmax(logits)), both softened by `temperature`, times its square.

    Args:
        logits: The student's, `(N, K)`.
        targets: The teacher's probabilities `(N, K)`.
        temperature: Above 1 the small probabilities count more, below 1 less.

    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2.
    """
    softened = (targets.clamp(min=1e-8).log() / temperature).log_softmax(-1)
    student = (logits / temperature).log_softmax(-1)
    return F.kl_div(student, softened, reduction="batchmean", log_target=True) * temperature**2


def first_layers(network: nn.Module, share: float) -> list[nn.Module]:
    """Return the first `share` of a network's layers in the order of definition, without its adaptive filters.

    Layers are modules with parameters of their own.

    Example:
        >>> first_layers(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Linear(4, 2)), 0.5)
        [Conv2d(3, 4, kernel_size=(1, 1), stride=(1, 1))]
    """
    filters = {id(p) for p in _parameters_of(network, AdaptiveBlurPool2d)}
    layers = [
        module
        for module in network.modules()
        if any(id(parameter) not in filters for parameter in module.parameters(recurse=False))
    ]
    return layers[: round(share * len(layers))]


def rate_factor(step: int, steps: int, warmup: int) -> float:
    """Return the share of the learning rate in force at a step: linear warm-up, then half a cosine.

    Example:
        >>> [round(rate_factor(step, 100, 10), 2) for step in (0, 9, 50)]
        [0.1, 0.98, 0.5]
    """
    return min(1.0, (step + 1) / max(1, warmup)) * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def _parameters_of(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Parameter]:
    parameters = (p for module in network.modules() if isinstance(module, kinds) for p in module.parameters())
    return list({id(p): p for p in parameters}.values())
