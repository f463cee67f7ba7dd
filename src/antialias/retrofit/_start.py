"""What is done to the converted network before it learns: start the filters, correct the statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from antialias._torch import BatchNorm
from antialias.nn import AdaptiveBlurPool2d, FrozenBatchNorm2d
from antialias.ops import binomial

_SCALE = 0.1
_LARGEST_CORRECTION = 10.0

Forward = Callable[[], object]


def identity_filters(network: nn.Module) -> dict[str, AdaptiveBlurPool2d]:
    """Return the adaptive filters that still hand their input on, by name: their predictor's scale is zero."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, AdaptiveBlurPool2d)
        and module.normalize == "group"
        and not isinstance(module.bn, FrozenBatchNorm2d)
        and not bool(module.bn.weight.any())
    }


@torch.no_grad()
def start_filters_(network: nn.Module, strength: float, forward: Forward) -> int:
    """Move identity filters towards the binomial blur, and let their predictors speak.

    At the identity the softmax is saturated: its gradient is about 1e-4 of what it is at a blur, so the filters would
    stay where they are. From here on they can learn in both directions.

    Args:
        network: Converted network; filters that learned before are left.
        strength: Share of the binomial blur in the mixture with the identity.
        forward: Runs the network on a batch; the predictors' statistics are taken from it.

    Returns:
        How many filters were started.
    """
    filters = identity_filters(network) if strength > 0 else {}
    if not filters:
        return 0
    for module in filters.values():
        module.bn.bias.copy_(mixed_taps(module.kernel_size, strength).log().flatten().repeat(module.groups))
        module.bn.weight.fill_(_SCALE)
    with _hooks({module.bn: _take_statistics_ for module in filters.values()}):
        forward()
    return len(filters)


def mixed_taps(kernel_size: int, strength: float) -> Tensor:
    """Return the filter `(k, k)` between the identity (0) and the binomial blur (1).

    Example:
        >>> mixed_taps(3, 1.0)[1]
        tensor([0.1250, 0.2500, 0.1250], dtype=torch.float64)
    """
    row = binomial(kernel_size, dtype=torch.float64)
    taps = strength * torch.outer(row, row)
    taps[kernel_size // 2, kernel_size // 2] += 1 - strength
    return taps


@torch.no_grad()
def match_statistics_(network: nn.Module, original: nn.Module, forward: Callable[[nn.Module], object]) -> int:
    """Correct running statistics so that each normalised map keeps the mean and variance it had in the original.

    A blur takes variance out of a map, and every BatchNorm behind it then scales by the wrong number. Replacing the
    statistics by those of the images at hand would fit these images; here only the *change* between original and
    converted network on the same images is carried over, so that the images themselves cancel. Layers are
    corrected in the order in which they run, each behind the corrected ones.

    Args:
        network: Whose statistics are corrected, in place.
        original: The network without filters.
        forward: Runs either of them on the same batch.

    Returns:
        How many layers were corrected.
    """
    ours, theirs = (
        {
            name: module
            for name, module in model.named_modules()
            if isinstance(module, BatchNorm) and module.running_mean is not None
        }
        for model in (network, original)
    )
    before: dict[str, tuple[Tensor, Tensor]] = {}

    def correct_(norm: BatchNorm, x: Tensor, name: str) -> None:
        """Choose statistics under which `x` is normalised to what the original normalises its map to."""
        (mean_was, variance_was), (mean, variance) = before[name], _moments(x)
        ratio = (variance / variance_was).clamp(1 / _LARGEST_CORRECTION, _LARGEST_CORRECTION)
        norm.running_mean.copy_(mean - (mean_was - theirs[name].running_mean) * ratio.sqrt())  # type: ignore[union-attr, operator]
        norm.running_var.copy_(theirs[name].running_var * ratio)  # type: ignore[union-attr, operator]

    names = ours.keys() & theirs.keys()
    with _hooks({theirs[name]: lambda _, x, name=name: before.update({name: _moments(x)}) for name in names}):
        forward(original)
    with _hooks({ours[name]: partial(correct_, name=name) for name in names & before.keys()}):
        forward(network)
    return len(before)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance `(C,)` of a map `(N, C, ...)`, in float32 at least."""
    channels = x.to(torch.promote_types(x.dtype, torch.float32)).transpose(0, 1).flatten(1)
    return channels.mean(1), channels.var(1, correction=0).clamp(min=1e-8)


def _take_statistics_(norm: BatchNorm, x: Tensor) -> None:
    mean, variance = _moments(x)
    norm.running_mean.copy_(mean)  # type: ignore[union-attr]
    norm.running_var.copy_(variance)  # type: ignore[union-attr]


@contextmanager
def _hooks(actions: Mapping[nn.Module, Callable[[BatchNorm, Tensor], None]]) -> Iterator[None]:
    """Call `action(norm, input)` before each norm runs, so that what follows sees its effect."""
    handles = [
        norm.register_forward_pre_hook(lambda module, inputs, action=action: action(module, inputs[0]))
        for norm, action in actions.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
