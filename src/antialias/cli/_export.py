"""The verb `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from antialias._display import show
from antialias.models import build
from antialias.runtimes import export as export_network
from antialias.surgery import random_input

from ._options import images_of, input_side, part_of


def export(
    model: str,
    /,
    *,
    to: Literal["onnx", "program", "aoti", "openvino"] = "onnx",
    out: Path,
    weights: str | None = None,
    size: int | None = None,
    verify: bool = True,
    tolerance: float = 1e-4,
    dynamic: bool = True,
    time: bool = False,
    calibrate: str | None = None,
    limit: int = 200,
) -> None:
    """Write a network to a file for another runtime, which is kept only if it answers as the network does.

    Prints how far it is from the network at several numbers and sizes of images, what may vary, and its operations.

    Args:
        model: A file saved by `antialias`, or a name such as timm:NAME or module:callable.
        to: What to write: onnx, program (of torch.export), aoti (compiled, needs a C++ compiler) or openvino.
        out: The file: .onnx, .pt2 or .xml.
        weights: A file of weights, or `default` for the library's own.
        size: Side of the images or frames that it is traced with in pixels, or length of the signals; the network's
            own if none.
        verify: Compare the file with the network before it gets its name.
        tolerance: The largest relative difference that is let pass.
        dynamic: Let number and size of images vary, as far as the network lets them.
        time: Time the file beside the network, and both without filters.
        calibrate: Images for an eight-bit ONNX file: images:DIR or scenes; half give ranges, half say what it took.
        limit: How many of these to take at most, evenly.
    """
    network = build(model, weights=weights)
    images = None
    if calibrate is not None:
        side = size or input_side(network)
        images = images_of(calibrate, part_of(calibrate, "test"), -(-8 * side // 7), limit)
    options = {"to": to, "verify": verify, "tolerance": tolerance, "dynamic": dynamic, "timing": time}
    done = export_network(network, out, example=random_input(network, size), calibrate=images, **options)
    show(done)
    print("Wrote", done.path)
