"""A whole report of anybody's segmenters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Unpack

from torch import Tensor

from antialias.metrics import ImageCount, ImageStream, Model, Options, measure_segmenter
from antialias.results import Comparison, Entry, Evaluation, verdict

from ._report import Report, Reproduction, check_inputs, versions
from .images import segmentation_view

_VIEW = 2
"""What a picture that is shown takes, in pictures of a pass."""


def measure_segmenters(
    networks: Mapping[str, Model],
    images: Iterable[tuple[Tensor, Tensor]],
    *,
    class_names: Sequence[str] | None = None,
    pictures: int = 4,
    seed: int = 0,
    title: str = "How steady are the label maps?",
    command: str = "",
    **options: Unpack[Options],
) -> Report:
    """Measure segmenters on pictures with masks and fill a report: scores, label maps, and the pixels that flip.

    Args:
        networks: Segmenters by the name the page shows; the first is the baseline.
        images: `(images, masks)`, floats in [0, 1] `(N, 3, H, W)` and classes `(N, H, W)`, that can be read again.
        class_names: Name of each class.
        pictures: How many of the first pictures the page shows.
        seed: Chooses the crops.
        title: The page's title.
        command: The command line that reproduces the page.
        **options: `normalize`, `multiple`, `batch_size`, `level`, `progress`: see `antialias.metrics`.

    Raises:
        ValueError: There is no network, or the images can be read only once.
    """
    check_inputs(networks, images, "segmenter", give="a list")
    count = None
    if (progress := options.get("progress")) is not None:
        options["progress"] = count = ImageCount(progress, 2 * len(networks), more=_VIEW * pictures * len(networks))
    entries = []
    for name, model in networks.items():
        measured = measure_segmenter(model, images, seed=seed, **options)
        scores = {key: one.score() for key, one in measured.items() if not one.empty}
        entries.append(Entry(name, (Evaluation(model=name, config=None, scores=scores),)))
    comparison = Comparison(tuple(entries))
    shown = islice(ImageStream(images), pictures)
    how = {key: options[key] for key in ("normalize", "multiple") if key in options}
    views = []
    for number, one in enumerate(shown, 1):
        view = segmentation_view(networks, one.pixels, f"picture {number}", class_names=class_names, **how)  # pyrefly: ignore
        views.append(view)
        if count is not None:
            count.add(_VIEW * len(networks))
    if count is not None:
        count.finish()
    measured_on = comparison.baseline.score("segmentation_consistency").images
    return Report(
        title=title,
        subtitle=f"{len(networks)} network{'s' * (len(networks) > 1)} on {measured_on:,} pictures that move.",
        verdict=verdict(comparison),
        table=comparison.table(caption=""),
        segmentations=tuple(views),
        reproduction=Reproduction(
            command=command,
            versions=versions(),
            seeds={"crops": seed},
            caveats=("Intervals are over pictures; they say nothing about another training of the same network.",),
        ),
    )
