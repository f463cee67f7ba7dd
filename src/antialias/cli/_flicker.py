"""The verb `flicker`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from antialias._display import show
from antialias.clips import flicker as measure_flicker
from antialias.metrics import DenseValues

from ._options import OnnxFlags, built
from ._progress import progress_bar


def flicker(
    model: str,
    /,
    *,
    clip: Annotated[list[str], Parameter(negative=(), consume_multiple=True)],
    out: Path,
    mended: str | None = None,
    weights: str | None = None,
    onnx: OnnxFlags | None = None,
    fps: float | None = None,
    size: int | None = None,
    seed: int = 0,
    dense: bool = False,
    detection_score: float = 0.5,
) -> None:
    """Measure how much a network's answers flicker on clips, beside a mended network's and smoothing over time.

    Prints a table and writes it as CSV, with each clip as a video and a contact sheet: the networks side by side, what
    they answer drawn, and where it changes marked.

    Args:
        model: A file saved by `antialias`, or a name such as timm:NAME, transformers:DIR or module:callable; or an
            ONNX file.
        clip: A video file, a folder of frames, or pan:IMAGE, a camera's path over a still; several are one measurement.
        out: Folder to write to.
        mended: Another network to put beside it, such as the file that `antialias mend` wrote.
        weights: A file of weights, or `default` for the library's own, for the first network.
        onnx: What ONNX files do not say.
        fps: Frames a second, where the clip does not say.
        size: Resample frames to this shorter side and cut the central square; by default as they are, and 224 for pans.
        seed: Chooses where pans move to.
        dense: The networks answer with numbers, such as depth or flow, not with classes of pixels.
        detection_score: What a detector finds with a lower score does not count.
    """
    networks = built({"as it is": model}, weights, onnx)
    if mended is not None:
        networks |= built({"mended": mended}, None, onnx if mended.endswith(".onnx") else None)
    if dense:
        networks = {name: DenseValues(network) for name, network in networks.items()}
    options = {"fps": fps, "size": size, "seed": seed, "detection_score": detection_score}
    with progress_bar("Watching") as progress:
        found = measure_flicker(networks, clip, progress=progress, **options)
    show(found)
    print("Wrote", *found.write(out))
