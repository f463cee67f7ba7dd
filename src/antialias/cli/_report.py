"""The verb `report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import torch
from torch.utils.data import DataLoader

from antialias.data import LabelledImages, open_data
from antialias.models import build
from antialias.report import measure, measure_segmenters, write

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
    task: Literal["classification", "semantic"] = "classification",
) -> None:
    """Measure networks on pictures and write one page that compares them; the first is the baseline.

    Args:
        models: timm:NAME, torchvision:NAME, antialias:NAME, module:callable, or saved files.
        data: images:DIR with one folder a class, or scenes; for segmenters voc:DIR, cityscapes:DIR, or scenes.
        out: Folder of the page and its data, or the page itself, such as report.html.
        weights: A file of weights, or `default` for the library's own, for every model.
        split: Which part of the data: train or test.
        size: Side of the pictures in pixels; the networks see windows of 7/8 of it.
        limit: How many pictures to measure, evenly taken from the data.
        pictures: How many of them the page shows.
        seed: Chooses the windows.
        figures: Folder for every figure as SVG and PNG, with its numbers as CSV.
        task: What the networks do: classification, or semantic for segmenters.
    """
    # Of saved files the folder and the name say enough, unless they say the same of two.
    short = [str(Path(*Path(name).with_suffix("").parts[-2:])) if Path(name).is_file() else name for name in models]
    names = short if len(set(short)) == len(models) else models
    networks = {name: build(model, weights=weights) for name, model in zip(names, models, strict=True)}
    command = " ".join(["antialias", *sys.argv[1:]])
    about: dict[str, Any] = {"pictures": pictures, "seed": seed, "command": command}
    with progress_bar("Measuring") as progress:
        if task == "semantic":
            masks = open_data(data, split, want="semantic", size=size, seed=seed)
            chosen = range(0, len(masks), -(-len(masks) // limit))
            masked = [(image[None].float() / 255, mask[None]) for image, mask in map(masks.segmented, chosen)]
            page = measure_segmenters(networks, masked, class_names=masks.classes, progress=progress, **about)
        else:
            opened = open_data(data, split, size=size, seed=seed)
            some = torch.arange(0, len(opened), -(-len(opened) // limit))
            loader = DataLoader(LabelledImages(*opened.labelled(some), opened.classes), batch_size=32)
            page = measure(networks, loader, class_names=opened.classes, progress=progress, **about)
    print(page.verdict.headline if page.verdict else page.title)
    print(f"Wrote {write(page, out, figures=figures)}")
