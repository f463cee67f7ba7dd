"""Export trained networks, plain and filtered, as float and eight-bit ONNX files: size, time, what eight bits take.

    python benchmarks/export.py --data images:DIR --mobilenet FILE   # goes on where it stopped

A row of `benchmarks/export.csv` is a network with a filter. Filters are put into the trained network and taught
nothing: adaptive ones start as the identity, fixed ones blur, so that agreement and consistency are those of the
eight-bit file beside the float network of the same row. Half of the images give the ranges, the other half report.
Times are medians in turns of a pass over one image of 224 pixels, on the threads that torch has: `eager ms` of the
network with its kernels, `onnx ms` of the float file, `int8 ms` of the eight-bit one. timm's `resnetblur50` stands
beside `resnet50` with our filters; these are untrained, and have times and sizes alone. A cell that fails says why.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

import antialias as aa
from antialias.data import open_data
from antialias.metrics import Score
from antialias.runtimes import FORMATS
from antialias.runtimes._verify import eager, milliseconds

OUT = Path(__file__).with_suffix(".csv")
FILTERS = {"plain": None, "fixed": aa.Fixed(), "adaptive": aa.Adaptive()}
SCORES = ("agreement", "consistency float", "consistency int8")
HEADER = (
    *("network", "filter", "images", "float MB", "int8 MB", "onnx difference", "int8 difference"),
    *("eager ms", "onnx ms", "int8 ms", *SCORES, "error"),
)


def images_of(name: str, limit: int) -> list[Tensor]:
    """Return an image of each source of a folder, as a batch."""
    data = open_data(name, "all", size=256)
    chosen = torch.arange(0, len(data), max(len(data) // limit, 1))[:limit]
    return [data.labelled(chosen)[0].float() / 255]


def cell(score: Score | None) -> str:
    """Write a score in percent with its interval."""
    if score is None:
        return ""
    return f"{100 * score.value:.1f} ({100 * score.interval[0]:.1f} to {100 * score.interval[1]:.1f})"


def row(name: str, kind: str, model: nn.Module, images: list[Tensor] | None, folder: Path) -> dict[str, str]:
    """Export one network, and compare and time its files."""
    example = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    if images is not None:
        example = images[0][:1, :, 16:240, 16:240].contiguous()
    if FILTERS.get(kind) is not None:
        aa.convert_(model, FILTERS[kind], example=example)
    model, cells = model.eval(), {"network": name, "filter": kind}
    files = {"onnx": folder / "float.onnx"}
    done = aa.export(model, files["onnx"], example=example)
    cells |= {"float MB": f"{done.bytes / 1e6:.2f}", "onnx difference": f"{done.difference:.1e}"}
    if images is not None:
        files["int8"] = folder / "int8.onnx"
        eight = aa.export(model, files["int8"], example=example, calibrate=images)
        took = eight.quantization
        scores = (took.agreement, took.consistency_before, took.consistency)
        cells |= {"images": str(took.agreement.images), "int8 MB": f"{eight.bytes / 1e6:.2f}"}
        cells |= {"int8 difference": f"{took.differences[0].relative:.1e}"}
        cells |= dict(zip(SCORES, map(cell, scores), strict=True))
    runs = {"eager": eager(model)} | {key: FORMATS["onnx"].load(file) for key, file in files.items()}
    return cells | {f"{key} ms": f"{value:.1f}" for key, value in milliseconds(runs, example).items()}


def cases(mobilenet: str | None) -> Iterator[tuple[str, str, str | None]]:
    """Yield names of networks with the filter of each and its weights."""
    for kind in FILTERS:
        if mobilenet is not None:
            yield "antialias:MobileNetV2", kind, mobilenet
        yield "antialias:EfficientNetLite0", kind, "default"
    for kind in FILTERS:
        yield "timm:resnet50", kind, None
    yield "timm:resnetblur50", "timm's", None


def main() -> None:
    """Measure the rows that are missing, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="images:DIR of photographs, 256 pixels or more")
    parser.add_argument("--mobilenet", help="a file of MobileNetV2's ImageNet weights")
    parser.add_argument("--limit", type=int, default=80, help="images")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    rows = list(csv.DictReader(options.out.open(newline=""))) if options.out.exists() else []
    there = {(cells["network"], cells["filter"]) for cells in rows}
    images = images_of(options.data, options.limit)
    for name, kind, weights in cases(options.mobilenet):
        if (name, kind) in there:
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                model = aa.models.build(name, weights=weights)
                rows.append(row(name, kind, model, None if weights is None else images, Path(folder)))
        except Exception as error:
            rows.append({"network": name, "filter": kind, "error": " ".join(str(error).split())[:200]})
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, HEADER, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        print(*(f"{key} {value}" for key, value in rows[-1].items()), sep=", ", flush=True)


if __name__ == "__main__":
    main()
