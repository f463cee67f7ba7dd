"""What filters cost, beside the same network without them."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from antialias.metrics import evaluating, side_multiple_of
from antialias.surgery import inspect, unconverted_copy

_ROUNDS, _SECONDS = 7, 1.0  # at least


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a network takes, counted, and as multiples of what the same network takes without filters.

    Attributes:
        parameters: Number of parameters.
        macs: Multiply-adds of a forward pass on one picture.
        time: Time of a forward pass over the plain network's: medians of rounds in turns, seven and a
            second at least.
        memory: Bytes that a forward pass keeps for the backward one, over the plain network's; counted, of a network
            that is all frozen as if it were not.
    """

    parameters: int
    macs: int
    time: float
    memory: float


def cost_of(model: nn.Module, window: int, batch_size: int = 8) -> Cost:
    """Count and time a network beside its unconverted copy, on its own device.

    Args:
        model: The network, converted or not.
        window: Side of the pictures in pixels, or the next multiple that the network takes.
        batch_size: Pictures in a pass.

    Example:
        >>> from antialias.models import TinyResNet
        >>> cost_of(TinyResNet(), 32, batch_size=1).memory
        1.0
    """
    device, side = next(model.parameters()).device, side_for(model, window)
    images = torch.rand(batch_size, 3, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    plain = unconverted_copy(model)
    with evaluating(model), evaluating(plain):
        plan = inspect(model, images[:1])
        seconds = _seconds((plain, model), images)
        kept = [_kept_bytes(each, images) for each in (plain, model)]
        if not kept[0]:  # all of the plain network is frozen: what would be kept if nothing were
            kept = [_kept_bytes(each, images, thawed=True) for each in (plain, model)]
    return Cost(parameters=plan.parameters, macs=plan.macs, time=seconds[1] / seconds[0], memory=kept[1] / kept[0])


def side_for(model: nn.Module, window: int) -> int:
    """Return the side of the pictures that a network is shown for a window: the next multiple that it takes.

    Example:
        >>> from antialias.models import build
        >>> side_for(build("smp:FPN:resnet18"), 65), side_for(build("antialias:TinyResNet"), 65)
        (96, 65)
    """
    multiple = side_multiple_of(model)
    return -(-window // multiple) * multiple


@torch.no_grad()
def _seconds(models: tuple[nn.Module, nn.Module], images: Tensor) -> list[float]:
    """Return each network's median time, measured in turns since machines drift."""
    times: tuple[list[float], list[float]] = ([], [])
    end = time.perf_counter() + _SECONDS
    while len(times[0]) <= _ROUNDS or time.perf_counter() < end:
        for model, taken in zip(models, times, strict=True):
            start = time.perf_counter()
            model(images)
            if images.is_cuda:
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken[1:]) for taken in times]


def _kept_bytes(model: nn.Module, images: Tensor, *, thawed: bool = False) -> int:
    storages: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    frozen = [parameter for parameter in model.parameters() if thawed and not parameter.requires_grad]

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    try:
        for parameter in frozen:
            parameter.requires_grad_(True)
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            _kept = model(images)  # held until the end, else an address could be counted for two maps
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
    return sum(storages.values())
