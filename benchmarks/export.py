"""Export trained networks, plain and filtered, as float and eight-bit ONNX files: size, time, what eight bits take.

    python benchmarks/export.py --data images:DIR --mobilenet FILE   # goes on where it stopped

A row of `benchmarks/export.csv` is a network with a filter. Filters are put into the trained network and taught
nothing: adaptive ones start as the identity, fixed ones blur, so that agreement and consistency are those of the
eight-bit file beside the float network of the same row. Half of the images give the ranges, the other half report.
Times are medians of a pass over one image of 224 pixels, in turns of all files of a network, on the threads that torch
has: `eager ms` of the network with its kernels, `onnx ms` of the float file, `int8 ms` of the eight-bit one. timm's
`resnetblur50` stands beside `resnet50` with our filters; these are untrained, and have times and sizes alone. A cell
that fails says why.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import torch
from torch import Tensor

import antialias as aa
from antialias.data import open_data
from antialias.metrics import Score
from antialias.runtimes import FORMATS
from antialias.runtimes._formats import Run
from antialias.runtimes._verify import eager, milliseconds

OUT = Path(__file__).with_suffix(".csv")
EXAMPLE = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
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


def row(
    name: str, kind: str, weights: str | None, images: list[Tensor] | None, folder: Path
) -> tuple[dict[str, str], dict[str, Run]]:
    """Export one network and compare its files; return what it and they compute with the cells."""
    model = aa.models.build(name, weights=weights).eval()
    example = EXAMPLE if images is None else images[0][:1, :, 16:240, 16:240].contiguous()
    if FILTERS.get(kind) is not None:
        aa.convert_(model, FILTERS[kind], example=example)
    files = {"onnx": folder / f"{kind}.onnx"}
    done = aa.export(model, files["onnx"], example=example)
    cells = {"network": name, "filter": kind, "float MB": f"{done.bytes / 1e6:.2f}"}
    cells |= {"onnx difference": f"{done.difference:.1e}"}
    if images is not None:
        files["int8"] = folder / f"{kind}_int8.onnx"
        eight = aa.export(model, files["int8"], example=example, calibrate=images)
        took = eight.quantization
        scores = (took.agreement, took.consistency_before, took.consistency)
        cells |= {"images": str(took.agreement.images), "int8 MB": f"{eight.bytes / 1e6:.2f}"}
        cells |= {"int8 difference": f"{took.differences[0].relative:.1e}"}
        cells |= dict(zip(SCORES, map(cell, scores), strict=True))
    return cells, {"eager": eager(model)} | {key: FORMATS["onnx"].load(file) for key, file in files.items()}


def rows(
    network: str, cases: list[tuple[str, str]], weights: str | None, images: list[Tensor] | None
) -> list[dict[str, str]]:
    """Return the rows of one network, whose files are all timed in turns."""
    done: list[dict[str, str]] = []
    runs: dict[str, Run] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in cases:
            try:
                cells, functions = row(name, kind, weights, images, Path(folder))
                runs |= {f"{kind} {key}": function for key, function in functions.items()}
            except Exception as error:
                cells = {"network": name, "filter": kind, "error": " ".join(str(error).split())[:200]}
            done.append(cells)
            print(f"{network}: {kind}", flush=True)
        for key, value in milliseconds(runs, EXAMPLE).items() if runs else ():
            kind, _, column = key.rpartition(" ")
            next(cells for cells in done if cells["filter"] == kind)[f"{column} ms"] = f"{value:.1f}"
    return done


def main() -> None:
    """Measure the networks that are missing, and write the table after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="images:DIR of photographs, 256 pixels or more")
    parser.add_argument("--mobilenet", help="a file of MobileNetV2's ImageNet weights")
    parser.add_argument("--limit", type=int, default=80, help="images")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    there = list(csv.DictReader(options.out.open(newline=""))) if options.out.exists() else []
    images = images_of(options.data, options.limit)
    for network, weights in (
        *([("antialias:MobileNetV2", options.mobilenet)] if options.mobilenet else []),
        ("antialias:EfficientNetLite0", "default"),
        ("timm:resnet50", None),
    ):
        if network in {cells["network"] for cells in there}:
            continue
        cases = [(network, kind) for kind in FILTERS]
        cases += [("timm:resnetblur50", "timm's")] if network == "timm:resnet50" else []
        there += rows(network, cases, weights, None if weights is None else images)
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, HEADER, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(there)


if __name__ == "__main__":
    main()
