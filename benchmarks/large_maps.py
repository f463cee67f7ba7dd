"""Maps of more than 2^31 samples: every operation, where 32-bit numbers would run over.

    python benchmarks/large_maps.py

Maps are zero but for patches at both ends and in the middle of the first, the middle and the last image: they take
memory only there; results take up to 9 GiB. Where patches lie, they are compared with the definition in float64 on the
samples that are looked at. The rows that `large_maps.csv` beside this script lacks are run and added to it.
"""

from __future__ import annotations

import csv
import itertools
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from antialias.ops import adaptive_blur2d, binomial, blur, max_pool2d, padded_conv2d
from antialias.ops.memory_format import match_memory_format

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
# What alone has more than 2^31 samples: one plane, one image, the batch.
SHAPES = {"plane": (1, 1, 46400, 46400), "image": (1, 4, 23200, 23200), "batch": (40, 3, 4240, 4240)}
WINDOW, MARGIN, PATCH = 24, 8, 240  # of the output, around what it looks at, and of the maps


class Window(NamedTuple):
    """A square of the output of one image."""

    image: int
    row: int
    column: int

    def of(self, y: Tensor, margin: int = 0) -> Tensor:
        """Cut it out, with a margin, which has to lie in the map."""
        rows, columns = (slice(place - margin, place + WINDOW + margin) for place in (self.row, self.column))
        return y[self.image, :, rows, columns][None].double()

    def seen(self, x: Tensor, stride: int) -> Tensor:
        """Cut out what it looks at, with the border reflected: its first sample looks at `MARGIN`."""
        places = []
        for side, first in zip(x.shape[2:], (self.row, self.column), strict=True):
            at = torch.arange(first * stride - MARGIN, (first + WINDOW - 1) * stride + MARGIN + 1)
            places.append((side - 1 - (at.abs() - (side - 1)).abs()).abs())
        return x[self.image, :, places[0][:, None], places[1]][None].double()


def windows(y: Tensor, inside: int = 0) -> Iterator[Window]:
    """Squares at both ends and in the middle of the first, the middle and the last image."""
    rows, columns = ((inside, side // 2, side - WINDOW - inside) for side in y.shape[2:])
    for image in sorted({0, len(y) // 2, len(y) - 1}):
        yield from (Window(image, row, column) for row in rows for column in columns)


def sparse(size: tuple[int, ...], layout: str, dtype: torch.dtype) -> Tensor:
    """Make maps that the system gives memory only where they are not zero."""
    x = torch.empty(size, dtype=dtype, memory_format=LAYOUTS[layout])  # so large that the system's pages are new
    places = [(0, side // 2 - PATCH // 4, side - PATCH) for side in size[2:]]
    for image in sorted({0, size[0] // 2, size[0] - 1}):
        for row in places[0]:
            for column in places[1]:
                patch = torch.randn(size[1], PATCH, PATCH)
                x[image, :, row : row + PATCH, column : column + PATCH] = patch
    return x


def worst(y: Tensor, definition: Callable[[Window], Tensor], inside: int = 0) -> float:
    """Return the largest difference from the definition, in eps of the type of `y` and of the value plus one."""
    largest = 0.0
    for window in windows(y, inside):
        expected = definition(window)
        unit = torch.finfo(y.dtype).eps * (expected.abs() + 1)
        largest = max(largest, float(((window.of(y) - expected).abs() / unit).max()))
    return largest


def adaptive(x: Tensor, layout: str) -> float:
    """Three taps at stride 2, which networks ask for most."""
    logits = sparse((len(x), 9, *(-(-side // 2) for side in x.shape[2:])), layout, x.dtype)

    def definition(window: Window) -> Tensor:
        part = window.seen(x, 2)
        around = torch.zeros(1, 9, *(-(-side // 2) for side in part.shape[2:]), dtype=torch.float64)
        first = slice(MARGIN // 2, MARGIN // 2 + WINDOW)
        around[:, :, first, first] = window.of(logits)
        return adaptive_blur2d(part, around, backend="reference")[:, :, first, first]

    return worst(adaptive_blur2d(x, logits, backend="cpp"), definition)


def fixed(stride: int) -> Callable[[Tensor, str], float]:
    """The binomial filter of three taps."""
    taps, first = (binomial(3, dtype=torch.float64),) * 2, slice(MARGIN // stride, MARGIN // stride + WINDOW)

    def run(x: Tensor, layout: str) -> float:
        def definition(window: Window) -> Tensor:
            return blur(window.seen(x, stride), taps, stride, "zeros", "reference")[:, :, first, first]

        return worst(blur(x, taps, stride, "reflect", "cpp"), definition)

    return run


def fixed_backward(x: Tensor, layout: str) -> float:
    """The gradient of the filter at stride 1, which away from the border is the filter itself."""
    taps, size = (binomial(3, dtype=torch.float64),) * 2, x.shape[2:]
    grad_x = torch.ops.antialias.blur2d_backward(x, *taps, *size, 1, 1, "reflect", layout == "channels_last")

    def definition(window: Window) -> Tensor:
        return blur(window.of(x, 4), taps, 1, "zeros", "reference")[:, :, 4:-4, 4:-4]

    return worst(grad_x, definition, 8)


def convolution(x: Tensor, layout: str) -> float:
    """Three taps, to one channel, at stride 8."""
    weight = torch.randn(1, x.shape[1], 3, 3).to(x.dtype)

    def definition(window: Window) -> Tensor:
        part = window.seen(x, 8)[:, :, MARGIN - 1 : 2 - MARGIN, MARGIN - 1 : 2 - MARGIN]
        return F.conv2d(part, weight.double(), stride=8)

    return worst(padded_conv2d(x, weight, (8, 8), (1, 1), "reflect"), definition)


def pool(x: Tensor, layout: str) -> float:
    """Two by two."""

    def definition(window: Window) -> Tensor:
        part = window.seen(x, 1)[:, :, MARGIN : 1 - MARGIN, MARGIN : 1 - MARGIN]
        return F.max_pool2d(part, 2, 1)

    return worst(max_pool2d(x, (2, 2)), definition)


def pool_backward(x: Tensor, layout: str) -> float:
    """The gradient of a pool of three by three, away from the border."""
    grad_x = torch.ops.antialias.max_pool2d_backward(x, x, 3, 3, 1, 1, 1, 1)

    def definition(window: Window) -> Tensor:
        part = window.of(x, 4).requires_grad_()
        (found,) = torch.autograd.grad(F.max_pool2d(part, 3, 1, 1), part, window.of(x, 4))
        return found[:, :, 4:-4, 4:-4]

    return worst(grad_x, definition, 8)


def other_format(x: Tensor, layout: str) -> float:
    """To the other memory format."""
    other = next(each for name, each in LAYOUTS.items() if name != layout)
    y = match_memory_format(torch.zeros(1, 2, 3, 3).contiguous(memory_format=other), x)
    return worst(y, lambda window: window.of(x))


OPERATIONS: dict[str, tuple[torch.dtype, Callable[[Tensor, str], float]]] = {
    "adaptive filter, stride 2": (torch.bfloat16, adaptive),
    "fixed filter, stride 1": (torch.bfloat16, fixed(1)),
    "fixed filter, stride 2": (torch.bfloat16, fixed(2)),
    "fixed filter, backward": (torch.bfloat16, fixed_backward),
    "padded convolution, stride 8": (torch.bfloat16, convolution),
    "max pool": (torch.float32, pool),
    "max pool, backward": (torch.float32, pool_backward),
    "memory format": (torch.float32, other_format),
}
HEADER = ("operation", "beyond_2^31", "size", "layout", "type", "worst_difference_eps", "seconds")


def main() -> None:
    """Run what the table lacks."""
    torch.manual_seed(0)
    with Path(__file__).with_suffix(".csv").open("a+", newline="") as file:
        file.seek(0)
        done = {tuple(row[:4]) for row in csv.reader(file)}
        table = csv.writer(file, lineterminator="\n")
        if not done:
            table.writerow(HEADER)
        for (beyond, size), layout, name in itertools.product(SHAPES.items(), LAYOUTS, OPERATIONS):
            key = (name, beyond, " x ".join(map(str, size)), layout)
            if key in done:
                continue
            start, (dtype, run) = time.perf_counter(), OPERATIONS[name]
            with torch.set_grad_enabled(run is pool_backward):
                found = run(sparse(size, layout, dtype), layout)
            row = (*key, str(dtype).removeprefix("torch."), round(found, 2), round(time.perf_counter() - start))
            table.writerow(row)
            file.flush()
            print(*row, sep=", ", flush=True)
    print(f"most memory at a time: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
