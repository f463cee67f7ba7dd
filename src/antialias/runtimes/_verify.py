"""What a file answers beside the network, and how long that takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from ._formats import Run, tensors_of
from ._result import Difference
from ._trace import Traced, brief, dimensions_of, resized, takes

_ROUNDS, _SECONDS = 9, 1.0  # at least
_OTHERS = (
    (2, {"depth": (1, 3), "height": (1, 11), "width": (1, 30)}),
    (3, {"depth": (3 / 4, 1), "height": (3 / 4, 1), "width": (7 / 8, 0)}),
    (1, {"depth": (1, 6), "height": (1, 37), "width": (1, 18)}),
    (1, {"depth": (1, 1), "height": (1, 5), "width": (1, 45)}),
)
"""Numbers that are compared, with which share of each side of the example and how much more; lengths are as widths."""


def eager(model: nn.Module) -> Run:
    """Return a network as a function of images to its tensors."""
    return tensors_of(torch.no_grad()(model.__call__))


def shapes_to_compare(model: nn.Module, traced: Traced) -> list[tuple[int, ...]]:
    """Return numbers and sides of images, clips or signals: the example's, larger and smaller, as far as they vary.

    Of each, the first that the network takes. The first are such that maps of each depth are odd here and even there,
    since that is what a trace may have taken for granted; the second are multiples of 32, and of 8 frames.
    """
    names = list(dimensions_of(traced.example))
    own = tuple(traced.example.shape[dim] for dim in dimensions_of(traced.example).values())
    shapes = [own]
    for number, others in _OTHERS:
        changes = [others["width" if name == "length" else name] for name in names[1:]]
        odd = [int(share * side) + more for side, (share, more) in zip(own[1:], changes, strict=True)]
        units = [8 if name == "depth" else 32 for name in names[1:]]
        even = [max(1, round(side / unit)) * unit for side, unit in zip(odd, units, strict=True)]
        for wanted in ([number, *odd], [number, *even]):
            shape = tuple(
                max(other, traced.ranges[name][0]) if name in traced.ranges else size
                for name, other, size in zip(names, wanted, own, strict=True)
            )
            if shape not in shapes and min(shape) > 0 and takes(model, resized(traced.example, *shape)) is None:
                shapes.append(shape)
                break
    return shapes


def compare(model: nn.Module, run: Run, example: Tensor, shape: tuple[int, ...]) -> Difference:
    """Return the largest relative difference of a file's answers from the network's, on images of one shape.

    Args:
        model: The network.
        run: The file as a function.
        example: Images, clips or signals that the network takes.
        shape: How many of them to show, of which sides.
    """
    images, (batch, *sides) = resized(example, *shape), shape
    said = partial(Difference, batch=batch, size=tuple(sides))
    wanted = eager(model)(images.clone())  # a network may write into its images, and return them
    try:
        with torch.no_grad():
            answers = run(images)
    except Exception as error:
        return said(relative=float("inf"), error=brief(error))
    if [tuple(one.shape) for one in answers] != [tuple(one.shape) for one in wanted]:
        error = f"it answers {[tuple(one.shape) for one in answers]} for {[tuple(one.shape) for one in wanted]}"
        return said(relative=float("inf"), error=error)
    relative = []
    for one, other in zip(answers, wanted, strict=True):
        exact = torch.promote_types(other.dtype, torch.float64)  # complex numbers stay complex
        difference = (one.to(exact) - other.to(exact)).norm()
        relative.append(float(difference / other.to(exact).norm().clamp_min(1e-30)))
    largest = max(value if value == value else float("inf") for value in relative)
    return said(relative=largest)


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
