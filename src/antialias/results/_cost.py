"""What filters cost, beside the same network without them."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from antialias.metrics import Model, Normalize, evaluating, shift_averaged_answers, side_multiple_of
from antialias.surgery import inspect, unconverted_copy
from antialias.surgery.edits import aligning_macs, runs_of

_ROUNDS, _SECONDS = 7, 1.0  # at least


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Hold what a network takes, as far as it was counted and timed.

    Attributes:
        parameters: Number of parameters.
        macs: Multiply-adds of a forward pass on one picture; where it averages over as many shifted copies as a picture
            needs, of the mean number so far.
        time: Time of a forward pass over that of the same network without filters: medians of rounds in turns, seven
            and a second at least.
        memory: Bytes that a forward pass keeps for the backward one, over those of the same network without filters;
            counted, of a network that is all frozen as if it were not.
        milliseconds: Time of a forward pass on one picture: the median of five.
    """

    parameters: int | None = None
    macs: int | None = None
    time: float | None = None
    memory: float | None = None
    milliseconds: float | None = None


def cost_of(model: nn.Module, window: int, batch_size: int = 8) -> Cost:
    """Count and time a network beside its unconverted copy, on its own device; of a sealed one the time alone.

    Args:
        model: The network, converted or not.
        window: Side of the pictures in pixels, or the next multiple that the network takes.
        batch_size: Pictures in a pass.

    Example:
        >>> from antialias.models import TinyResNet
        >>> cost_of(TinyResNet(), 32, batch_size=1).memory
        1.0
    """
    side, generator = side_for(model, window), torch.Generator().manual_seed(0)
    if getattr(model, "sealed", None) is not None:
        return _time_of(model, torch.rand(1, 3, side, side, generator=generator))
    device = next(model.parameters()).device
    images = torch.rand(batch_size, 3, side, side, generator=generator).to(device)
    plain, runs = unconverted_copy(model), runs_of(model)  # before it is shown noise
    times: tuple[list[float], list[float]] = ([], [])
    with evaluating(model), evaluating(plain):
        plan = inspect(model, images[:1])
        end = time.perf_counter() + _SECONDS
        with torch.no_grad():
            # In turns, since machines drift; the first round of each does not count.
            while len(times[0]) <= _ROUNDS or time.perf_counter() < end:
                for network, seconds in zip((plain, model), times, strict=True):
                    start = time.perf_counter()
                    network(images)
                    if images.is_cuda:
                        torch.cuda.synchronize()
                    seconds.append(time.perf_counter() - start)
        saved = [_saved_bytes(network, images) for network in (plain, model)]
        if not saved[0]:  # all of the plain network is frozen: what would be kept if nothing were
            saved = [_saved_bytes(network, images, thawed=True) for network in (plain, model)]
    before, after = (statistics.median(seconds[1:]) for seconds in times)
    return Cost(
        parameters=plan.parameters,
        macs=round(plan.macs * runs) + aligning_macs(model, *images.shape[2:]),
        time=after / before,
        memory=saved[1] / saved[0],
    )


def cost_of_classifier(model: Model, image: Tensor, normalize: Normalize = "model") -> Cost:
    """Time anything that classifies on one picture, from its pixels on; of no module the parameters are not known.

    Args:
        model: Any callable from images to logits.
        image: One picture `(1, C, H, W)` in [0, 1], of which the central square is seen.
        normalize: What the network expects of pixels.

    Example:
        >>> cost_of_classifier(lambda x: x.mean((2, 3)), torch.rand(1, 3, 8, 8)).parameters is None
        True
    """
    seconds, window = [], min(image.shape[-2:])
    for _ in range(6):
        start = time.perf_counter()
        shift_averaged_answers(model, image, shifts=0, window=window, normalize=normalize).cpu()
        seconds.append(time.perf_counter() - start)
    count = sum(p.numel() for p in model.parameters()) if isinstance(model, nn.Module) else None
    return Cost(parameters=count, milliseconds=1000 * statistics.median(seconds[1:]))


def side_for(model: nn.Module, window: int) -> int:
    """Return the side of the pictures that a network is shown for a window: the next multiple that it takes.

    Example:
        >>> from antialias.models import build
        >>> side_for(build("smp:FPN:resnet18"), 65), side_for(build("antialias:TinyResNet"), 65)
        (96, 65)
    """
    multiple = side_multiple_of(model)
    return -(-window // multiple) * multiple


def _time_of(model: Model, images: Tensor) -> Cost:
    seconds = []
    for _ in range(6):
        start = time.perf_counter()
        model(images)
        seconds.append(time.perf_counter() - start)
    return Cost(milliseconds=1000 * statistics.median(seconds[1:]))


def _saved_bytes(model: nn.Module, images: Tensor, *, thawed: bool = False) -> int:
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
            _output = model(images)  # held until the end, else an address could be counted for two maps
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
    return sum(storages.values())
