"""The verb `report`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.data import DataLoader

from antialias.data import LabelledImages, open_data
from antialias.diagnosis import diagnose as diagnose_network
from antialias.metrics import ImageStream, SameInstance
from antialias.report import Report, measure, measure_detectors, measure_segmenters, read_result, report_of, write
from antialias.tasks import task_named

from ._options import OnnxFlags, built, images_of
from ._progress import progress_bar

_DIAGNOSED = 100


def report(
    models: tuple[str, ...],
    /,
    *,
    data: str | None = None,
    out: Path = Path("report"),
    weights: str | None = None,
    onnx: OnnxFlags | None = None,
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
        models: timm:NAME, torchvision:NAME, transformers:DIR, antialias:NAME, module:callable, ONNX files, or saved
            files; or folders and JSON files
            of antialias diagnose, train, evaluate and report.
        data: What networks are measured on: images:DIR with one folder a class, or scenes; for segmenters voc:DIR,
            cityscapes:DIR, or scenes; for detectors coco:DIR, scenes, or images:DIR, which has no objects, so that
            there is no precision.
        out: Folder of the page and its data, or the page itself, such as report.html.
        weights: A file of weights, or `default` for the library's own, for every model.
        onnx: What ONNX files do not say.
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
        ValueError: There are networks and no data, or their answers are of another task.
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
    networks = built(dict(zip(names, models, strict=True)), weights, onnx)
    same, how = SameInstance(score=detection_score), {"pictures": pictures, "seed": seed, "command": command}
    with progress_bar("Measuring") as progress:
        try:
            page, images = measure_task(task, networks, (data, split, size, limit), same, {**how, "progress": progress})
        except TypeError as error:
            raise ValueError(f"{error} What the networks do is said by --task; it is {task}.") from error
    diagnoses = []
    for name, network in networks.items() if diagnose else ():
        first = [one.pixels for one in islice(ImageStream(images), _DIAGNOSED)]
        with progress_bar(f"Diagnosing {name}") as progress:
            diagnosis = diagnose_network(network, first, progress=progress, seed=seed, same=same)
        diagnoses.append(replace(diagnosis, network=name))
    page = report_of([replace(page, diagnoses=tuple(diagnoses)), *earlier.values()], command)
    print(page.verdict.headline if page.verdict else page.title)
    print(f"Wrote {write(page, out, figures=figures)}")


def measure_task(
    task: str,
    networks: Mapping[str, nn.Module],
    source: tuple[str, str, int | None, int],
    same: SameInstance,
    how: Mapping[str, Any],
) -> tuple[Report, Any]:
    """Return the page of networks of a task, and the images that they were measured on.

    Args:
        task: What the networks do.
        networks: By name.
        source: Name of the data, which part of it, side in pixels, and how many images at most.
        same: From which score an instance counts.
        how: Options of what measures.
    """
    data, split, size, limit = source
    if task == "semantic":
        masks = open_data(data, split, want="semantic", size=size, seed=how["seed"])
        chosen = range(0, len(masks), -(-len(masks) // limit))
        masked = [(image[None].float() / 255, mask[None]) for image, mask in map(masks.segmented, chosen)]
        return measure_segmenters(networks, masked, class_names=masks.classes, **how), masked
    if task == "instance" and data.startswith("images:"):
        batches = images_of(data, split, size or 224, limit)
        return measure_detectors(networks, batches, same=same, **how), batches
    if task == "instance":
        objects = open_data(data, split, want="instances", size=size, seed=how["seed"])
        chosen = range(0, len(objects), -(-len(objects) // limit))
        images = task_named(task).test_batches.range(objects, chosen)  # pyrefly: ignore
        return measure_detectors(networks, images, class_names=objects.classes, same=same, **how), images
    opened = open_data(data, split, size=size, seed=how["seed"])
    some = torch.arange(0, len(opened), -(-len(opened) // limit))
    loader = DataLoader(LabelledImages(*opened.labelled(some), opened.classes), batch_size=32)
    return measure(networks, loader, class_names=opened.classes, **how), loader
