"""A whole report of anybody's detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import torch
from torch import Tensor

from antialias.metrics import (
    ImageCount,
    Images,
    ImageStream,
    Instances,
    Model,
    Options,
    SameInstance,
    instance_consistency,
    measure_detector,
)
from antialias.metrics.detection import TRACKED
from antialias.results import Comparison, Entry, Evaluation, verdict

from ._report import Report, Reproduction, check_inputs, versions
from .images import InstanceView, instance_view

_VIEW = 2
"""What a picture that is shown takes, in pictures of a pass."""


def measure_detectors(
    networks: Mapping[str, Model],
    images: Images,
    *,
    class_names: Sequence[str] | None = None,
    pictures: int = 4,
    same: SameInstance | None = None,
    seed: int = 0,
    title: str = "How steady are the detections?",
    command: str = "",
    **options: Unpack[Options],
) -> Report:
    """Measure detectors on pictures and fill a report: scores, and the objects that appear and vanish.

    Args:
        networks: Detectors by the name the page shows; the first is the baseline.
        images: Floats in [0, 1], of any sizes, or `(image, target)` as in `measure_detector`, that can be read again.
            Without targets there is no precision.
        class_names: Name of each class, the first that of label 1.
        pictures: How many pictures the page shows, those first on which the baseline is the least consistent.
        same: When instances of two crops are one, and from which score one counts.
        seed: Chooses the crops.
        title: The page's title.
        command: The command line that reproduces the page.
        **options: `normalize`, `batch_size`, `level`, `progress`: see `antialias.metrics`.

    Raises:
        ValueError: There is no network, one is no detector, or the images can be read only once.
        NothingDetected: A network finds nothing that counts.
    """
    check_inputs(networks, images, "detector", give="a list")
    same = same or SameInstance()
    first = next(iter(ImageStream(images)))
    adapters = {
        name: Instances.of(model, normalize=options.get("normalize", "model")) for name, model in networks.items()
    }
    with_masks = [finds_masks(name, adapter, first.batch) for name, adapter in adapters.items()]
    labelled = (masks := all(with_masks)) and isinstance(first.target, Mapping)
    count = None
    if (progress := options.get("progress")) is not None:
        passes = (2 if labelled else 1 + masks) * len(networks)
        options["progress"] = count = ImageCount(progress, passes, more=_VIEW * pictures * len(networks))
    kinds: tuple[Any, ...] = ("mask", "box") if masks else ("box",)
    how: Any = {"same": same, "seed": seed, **options}
    entries = []
    for name, model in networks.items():
        if labelled:
            scores = {key: one.score() for key, one in measure_detector(model, images, **how).items()}
        else:
            scores = {f"{kind}_consistency": instance_consistency(model, images, kind, **how) for kind in kinds}
        entries.append(Entry(name, (Evaluation(model=name, config=None, scores=scores),)))
    comparison = Comparison(tuple(entries))
    steadiness = comparison.baseline.score(f"{kinds[0]}_consistency").per_image
    worst = steadiness.nan_to_num(2).argsort(stable=True)[:pictures].tolist()
    chosen = {one.index: one.pixels for one in ImageStream(images) if one.index in worst}
    shown = {f"picture {index + 1}": chosen[index] for index in worst}
    views = views_of(adapters, shown, replace(same, iou=TRACKED.iou), class_names, count)
    if count is not None:
        count.finish()
    caveats = (
        "Intervals are over pictures; they say nothing about another training of the same network.",
        f"The pictures shown are no sample: on them {comparison.baseline.name} is the least consistent.",
        *(() if labelled else ("Without labels there is no precision, and who finds little has little to change.",)),
    )
    measured_on = int(torch.isfinite(steadiness).sum())
    return Report(
        title=title,
        subtitle=f"{len(networks)} network{'s' * (len(networks) > 1)} on {measured_on:,} pictures that move.",
        verdict=verdict(comparison),
        table=comparison.table(caption=""),
        detections=views,
        reproduction=Reproduction(
            command=command,
            versions=versions(),
            seeds={"crops": seed},
            settings={"score from which an object counts": same.score},
            caveats=caveats,
        ),
    )


def finds_masks(name: str, adapter: Instances, batch: Tensor) -> bool:
    """Look whether a network finds masks, and not boxes alone.

    Args:
        name: What the page calls it.
        adapter: Shows it images.
        batch: Pixels `(N, C, H, W)` in [0, 1].

    Raises:
        ValueError: It is no detector.
    """
    try:
        return "masks" in adapter(batch)[0]
    except TypeError as error:
        raise ValueError(
            f"{name} does not answer a list of images with instances: {str(error).splitlines()[0]} "
            "A classifier or segmenter is reported as one, on the command line by --task."
        ) from error


def views_of(
    adapters: Mapping[str, Instances],
    pictures: Mapping[str, Tensor],
    same: SameInstance,
    class_names: Sequence[str] | None,
    count: ImageCount | None,
) -> tuple[InstanceView, ...]:
    """Let each detector look along a path over each picture.

    Args:
        adapters: The detectors, by name.
        pictures: Pixels by the name the page shows.
        same: When instances of neighbouring positions are one, and from which score one counts.
        class_names: Name of each class, the first that of label 1.
        count: Is told of each detector that has looked.
    """
    views = []
    for name, pixels in pictures.items():
        parts = []
        for network, adapter in adapters.items():
            how: Any = {"class_names": class_names, "same": same, "normalize": adapter.normalize}
            parts.append(instance_view({network: adapter.model}, pixels, name, **how))
            if count is not None:
                count.add(_VIEW)
        views.append(replace(parts[0], traces=tuple(trace for part in parts for trace in part.traces)))
    return tuple(views)
