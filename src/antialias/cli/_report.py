"""The verb `report`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from antialias.data import LabelledImages, open_data
from antialias.models import build
from antialias.report import measure, write

from ._progress import progress_bar


def report(
    models: tuple[str, ...],
    /,
    *,
    data: str,
    out: Path = Path("report"),
    weights: str | None = None,
    split: str = "test",
    size: int | None = None,
    limit: int = 500,
    pictures: int = 4,
    seed: int = 0,
    figures: Path | None = None,
) -> None:
    """Measure classifiers on pictures and write one page that compares them; the first is the baseline.

    Args:
        models: timm:NAME, torchvision:NAME, antialias:NAME, module:callable, or saved files.
        data: images:DIR with one folder a class, or scenes.
        out: Folder of the page and its data, or the page itself, such as report.html.
        weights: A file of weights, or `default` for the library's own, for every model.
        split: Which part of the data: train or test.
        size: Side of the pictures in pixels; the networks see windows of 7/8 of it.
        limit: How many pictures to measure, evenly taken from the data.
        pictures: How many of them the page shows.
        seed: Chooses the windows.
        figures: Folder for every figure as SVG and PNG, with its numbers as CSV.
    """
    networks = {name: build(name, weights=weights) for name in models}
    opened = open_data(data, split, size=size, seed=seed)
    chosen = torch.arange(0, len(opened), -(-len(opened) // limit))
    loader = DataLoader(LabelledImages(*opened.labelled(chosen), opened.classes), batch_size=32)
    with progress_bar("Measuring") as progress:
        page = measure(
            networks,
            loader,
            class_names=opened.classes,
            pictures=pictures,
            seed=seed,
            command=" ".join(["antialias", *sys.argv[1:]]),
            progress=progress,
        )
    print(page.verdict.headline if page.verdict else page.title)
    print(f"Wrote {write(page, out, figures=figures)}")
