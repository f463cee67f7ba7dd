"""What a file answers beside the network, and how long that takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ._formats import Run, tensors_of
from ._result import Difference
from ._trace import Traced, brief, resized, takes

_ROUNDS, _SECONDS = 9, 1.0  # at least


def eager(model: nn.Module) -> Run:
    """Return a network as a function of images to its tensors."""
    return tensors_of(torch.no_grad()(model.__call__))


def shapes_to_compare(model: nn.Module, traced: Traced) -> list[tuple[int, int, int]]:
    """Return numbers, heights and widths of images: those of the example, larger and smaller ones, as far as they vary.

    Of each, the first that the network takes. The first are such that maps of each depth are odd here and even there,
    since that is what a trace may have taken for granted; the second are multiples of 32.
    """
    batch, _, height, width = traced.example.shape
    shapes = [(batch, height, width)]
    for number, others in (
        (2, [(height + 11, width + 30), (height + 32, width + 64)]),
        (3, [(height * 3 // 4 + 1, width * 7 // 8), (height // 64 * 32, width // 64 * 32)]),
        (1, [(height + 37, width + 18), (height + 96, width + 32)]),
        (1, [(height + 5, width + 45)]),
    ):
        for tall, wide in others:
            wanted = {"batch": number, "height": tall, "width": wide}
            shape = tuple(
                max(wanted[name], traced.ranges[name][0]) if name in traced.ranges else size
                for name, size in zip(wanted, shapes[0], strict=True)
            )
            if shape not in shapes and min(shape) > 0 and takes(model, resized(traced.example, *shape)) is None:
                shapes.append(shape)  # type: ignore[arg-type]
                break
    return shapes


def compare(model: nn.Module, run: Run, example: Tensor, shape: tuple[int, int, int]) -> Difference:
    """Return the largest relative difference of a file's answers from the network's, on images of one shape.

    Args:
        model: The network.
        run: The file as a function.
        example: Images that the network takes.
        shape: How many images to show, of which height and width.
    """
    images, (batch, height, width) = resized(example, *shape), shape
    wanted = eager(model)(images)
    try:
        with torch.no_grad():
            answers = run(images)
    except Exception as error:
        return Difference(batch=batch, height=height, width=width, relative=float("inf"), error=brief(error))
    if [tuple(one.shape) for one in answers] != [tuple(one.shape) for one in wanted]:
        error = f"it answers {[tuple(one.shape) for one in answers]} for {[tuple(one.shape) for one in wanted]}"
        return Difference(batch=batch, height=height, width=width, relative=float("inf"), error=error)
    pairs = [(one.double(), other.double()) for one, other in zip(answers, wanted, strict=True)]
    relative = [float((one - other).norm() / other.norm().clamp_min(1e-30)) for one, other in pairs]
    largest = max(value if value == value else float("inf") for value in relative)
    return Difference(batch=batch, height=height, width=width, relative=largest)


def milliseconds(functions: Mapping[str, Callable[[Tensor], object]], images: Tensor) -> dict[str, float]:
    """Time functions in turns, since machines drift: medians, of which the first round does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + _SECONDS
    while min(map(len, seconds.values())) <= _ROUNDS or time.perf_counter() < end:
        for name, function in functions.items():
            start = time.perf_counter()
            function(images)
            seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(times[1:]) for name, times in seconds.items()}
