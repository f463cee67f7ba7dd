"""The verb `report`."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from torch.utils.data import DataLoader

from antialias.data import LabelledImages, open_data
from antialias.diagnosis import diagnose as diagnose_network
from antialias.metrics import ImageStream, SameInstance
from antialias.models import build
from antialias.report import measure, measure_detectors, measure_segmenters, read_result, report_of, write
from antialias.tasks import task_named

from ._options import images_of
from ._progress import progress_bar

_DIAGNOSED = 100


def report(
    models: tuple[str, ...],
    /,
    *,
    data: str | None = None,
    out: Path = Path("report"),
    weights: str | None = None,
    split: str = "test",
    size: int | None = None,
    limit: int = 500,
    pictures: int = 4,
    seed: int = 0,
    figures: Path | None = None,
    task: Literal["classification", "semantic", "instance"] = "classification",
    detection_score: float = 0.5,
    diagnose: bool = False,
) -> None:
    """Measure networks on pictures and write one page that compares them; the first is the baseline.

    What was measured before can stand beside them or alone: diagnoses, runs and reports.

    Args:
        models: timm:NAME, torchvision:NAME, antialias:NAME, module:callable, or saved files; or folders and JSON files
            of antialias diagnose, train, evaluate and report.
        data: What networks are measured on: images:DIR with one folder a class, or scenes; for segmenters voc:DIR,
            cityscapes:DIR, or scenes; for detectors coco:DIR, scenes, or images:DIR, which has no objects, so that
            there is no precision.
        out: Folder of the page and its data, or the page itself, such as report.html.
        weights: A file of weights, or `default` for the library's own, for every model.
        split: Which part of the data: train or test.
        size: Side of the pictures in pixels; the networks see windows of 7/8 of it.
        limit: How many pictures to measure, evenly taken from the data.
        pictures: How many of them the page shows.
        seed: Chooses the windows.
        figures: Folder for every figure as SVG and PNG, with its numbers as CSV.
        task: What the networks do: classification, semantic for segmenters, or instance for detectors.
        detection_score: What a detector finds with a lower score does not count.
        diagnose: Find where each network aliases as well, on the first 100 of the pictures.

    Raises:
        ValueError: There are networks and no data.
    """
    command = " ".join(["antialias", *sys.argv[1:]])
    earlier = {name: result for name in models if (result := read_result(name)) is not None}
    models = tuple(name for name in models if name not in earlier)
    if not models:
        page = report_of(list(earlier.values()), command)
        print(page.verdict.headline if page.verdict else page.title)
        print(f"Wrote {write(page, out, figures=figures)}")
        return
    if data is None:
        raise ValueError(f"{', '.join(models)} must be measured on something. Use --data images:DIR, or --data scenes.")
    # Of saved files the folder and the name say enough, unless they say the same of two.
    short = [str(Path(*Path(name).with_suffix("").parts[-2:])) if Path(name).is_file() else name for name in models]
    names = short if len(set(short)) == len(models) else models
    networks = {name: build(model, weights=weights) for name, model in zip(names, models, strict=True)}
    about: dict[str, Any] = {"pictures": pictures, "seed": seed, "command": command}
    same = SameInstance(score=detection_score)
    images: Any
    with progress_bar("Measuring") as progress:
        if task == "semantic":
            masks = open_data(data, split, want="semantic", size=size, seed=seed)
            chosen = range(0, len(masks), -(-len(masks) // limit))
            images = [(image[None].float() / 255, mask[None]) for image, mask in map(masks.segmented, chosen)]
            page = measure_segmenters(networks, images, class_names=masks.classes, progress=progress, **about)
        elif task == "instance":
            names = None
            if data.startswith("images:"):
                images = images_of(data, split, size or 224, limit)
            else:
                objects = open_data(data, split, want="instances", size=size, seed=seed)
                chosen, names = range(0, len(objects), -(-len(objects) // limit)), objects.classes
                images = task_named(task).test_batches.range(objects, chosen)  # pyrefly: ignore
            page = measure_detectors(networks, images, class_names=names, same=same, progress=progress, **about)
        else:
            opened = open_data(data, split, size=size, seed=seed)
            some = torch.arange(0, len(opened), -(-len(opened) // limit))
            images = DataLoader(LabelledImages(*opened.labelled(some), opened.classes), batch_size=32)
            page = measure(networks, images, class_names=opened.classes, progress=progress, **about)
    diagnoses = []
    for name, network in networks.items() if diagnose else ():
        first = [one.pixels for one in islice(ImageStream(images), _DIAGNOSED)]
        with progress_bar(f"Diagnosing {name}") as progress:
            diagnosis = diagnose_network(network, first, progress=progress, seed=seed, same=same)
        diagnoses.append(replace(diagnosis, network=name))
    page = report_of([replace(page, diagnoses=tuple(diagnoses)), *earlier.values()], command)
    print(page.verdict.headline if page.verdict else page.title)
    print(f"Wrote {write(page, out, figures=figures)}")
