"""A whole report of anybody's classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Unpack

from torch import Tensor, nn

from antialias.metrics import ImageCount, Images, ImageStream, Model, Normalize, Options, Sample, flip_rate
from antialias.models import imagenet_labels
from antialias.nn import AdaptiveBlurPool2d
from antialias.results import (
    ClassifierScore,
    Comparison,
    Entry,
    Evaluation,
    classifier_scores,
    cost_of_classifier,
    verdict,
)

from ._report import Report, Reproduction, check_inputs, versions
from ._similarity import Similarity, similarities
from .images import DIRECTIONS, FilterMaps, ShiftViewer, class_probabilities, filter_maps, shift_viewer

IMAGENET_CLASSES = 1000
SIMILARITY_IMAGES = 64
_VIEW = 3
"""What the positions of a picture that is shown take, in pictures of a pass."""

SCORES: tuple[ClassifierScore, ...] = ("accuracy", "consistency", "top1_change", "mean_absolute_change")


def measure(
    networks: Mapping[str, Model],
    images: Images,
    *,
    labels: Tensor | None = None,
    class_names: Sequence[str] | None = None,
    pictures: int | Sequence[str] = 4,
    seed: int = 0,
    title: str = "How steady are the answers?",
    command: str = "",
    **options: Unpack[Options],
) -> Report:
    """Measure classifiers on pictures and fill every section of a report.

    The first network is the baseline: the others are compared with it, picture by picture.

    Args:
        networks: Classifiers by the name the page shows: callables from `(N, 3, h, w)` to logits `(N, K)`.
        images: Floats in [0, 1] `(N, 3, H, W)`, or a loader of them, with or without labels, that can be read again.
        labels: Classes `(N,)`, where the loader does not give them.
        class_names: Name of each class, in the order of the logits; for 1000 classes ImageNet's by default. Labels
            whose `class_names` are not as many as the logits are another data set's and give no accuracy.
        pictures: How many pictures the page shows, those first on which the baseline changes its answer most often; or
            what it calls the first ones, which are then shown in their order.
        seed: Chooses the windows.
        title: The page's title.
        command: The command line that reproduces the page.
        **options: `normalize`, `resize`, `batch_size`, `level`, `progress`: see `antialias.metrics`; progress counts
            pictures over all measurements.

    Raises:
        ValueError: There is no network, or the images can be read only once.

    Example:
        >>> import torch
        >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1)
        >>> report = measure({"brightness": brightness}, torch.ones(12, 3, 32, 32), pictures=1)
        >>> report.verdict.headline
        'brightness changes its answer on 0.0 % of one-pixel moves'
    """
    check_inputs(networks, images, "classifier", give="a tensor")
    normalize = options.get("normalize", "model")
    named = [] if isinstance(pictures, int) else list(pictures)
    stream = partial(ImageStream, images, labels, options.get("resize"))
    first = tuple(islice(stream(), max(len(named), 1)))
    counts = {class_probabilities(model, first[0].batch, normalize).shape[1] for model in networks.values()}
    same = len(counts) == 1
    fits = same and (class_names is None or {len(class_names)} == counts)
    if not fits or class_names is None:
        class_names = imagenet_labels() if counts == {IMAGENET_CLASSES} else None
    labelled = fits and first[0].label is not None
    modules = {name: model for name, model in networks.items() if isinstance(model, nn.Module)}
    adaptive = {
        name: model
        for name, model in modules.items()
        if any(isinstance(layer, AdaptiveBlurPool2d) for layer in model.modules())
    }
    some = [one.batch for one in islice(stream(), SIMILARITY_IMAGES if adaptive else 0)]
    work = None
    if (progress := options.get("progress")) is not None:
        several = pictures if isinstance(pictures, int) else len(pictures)
        more = _VIEW * several * (len(networks) + len(adaptive)) + _VIEW * len(some) * len(adaptive)
        options["progress"] = work = ImageCount(progress, 1, more=more)
    comparison = compare_classifiers(
        networks, images, labels=labels, labelled=labelled, agreement=same, seed=seed, **options
    )
    changes = comparison.baseline.score("top1_change")
    shown = dict(zip(named, first, strict=False))
    if isinstance(pictures, int) and pictures:
        shown = least_stable_of(stream(), changes.per_image, pictures)
    viewers = viewers_of(networks, shown, class_names, labelled, normalize, work)
    filters, similar = filters_of(adaptive, shown, some, normalize, work)
    if work is not None:
        work.finish()
    said = {
        "The networks have different classes, so that there is no agreement between them.": not same,
        "Intervals are over pictures; they say nothing about another training of the same network.": True,
        "Without labels there is no accuracy, and a network that always says the same is steady, too.": not labelled,
        f"The pictures shown are no sample: on them {comparison.baseline.name} changes its answer most often.": (
            bool(shown) and not named
        ),
    }
    caveats = tuple(text for text, holds in said.items() if holds)
    return Report(
        title=title,
        subtitle=f"{len(networks)} network{'s' * (len(networks) > 1)} on {changes.images:,} pictures that move.",
        verdict=verdict(comparison),
        table=comparison.table(caption=""),
        curves=comparison.curves(),
        viewers=viewers,
        filters=filters,
        similarities=similar,
        reproduction=Reproduction(
            command=command,
            versions=versions(),
            seeds={"windows": seed},
            caveats=caveats,
        ),
    )


def least_stable_of(stream: ImageStream, changes: Tensor, count: int) -> dict[str, Sample]:
    """Return the images on which answers change most often, the worst first, by the name the page shows.

    Args:
        stream: The images.
        changes: Share of moves that change the answer, an image, NaN where it does not count.
        count: How many images.
    """
    order = changes.nan_to_num(-1).argsort(descending=True, stable=True)[:count].tolist()
    every = {one.index: one for one in stream if one.index in order}
    return {f"picture {index + 1}": every[index] for index in order}


def viewers_of(
    networks: Mapping[str, Model],
    shown: Mapping[str, Sample],
    class_names: Sequence[str] | None,
    labelled: bool,
    normalize: Normalize,
    work: ImageCount | None,
) -> tuple[ShiftViewer, ...]:
    """Let the networks look along a path over each image that is shown.

    Args:
        networks: By name.
        shown: Images by name.
        class_names: Name of each class.
        labelled: Whether labels are classes of the networks.
        normalize: What the networks expect of pixels.
        work: Is told of what is done.
    """
    viewers = []
    for name, picture in shown.items():
        truth = class_names[picture.label] if class_names and labelled and picture.label is not None else ""
        viewer = shift_viewer(networks, picture.pixels, name, class_names=class_names, truth=truth, normalize=normalize)
        viewers.append(viewer)
        if work is not None:
            work.add(_VIEW * len(networks))
    return tuple(viewers)


def filters_of(
    networks: Mapping[str, nn.Module],
    shown: Mapping[str, Sample],
    some: Sequence[Tensor],
    normalize: Normalize,
    work: ImageCount | None,
) -> tuple[tuple[FilterMaps, ...], tuple[Similarity, ...]]:
    """Return the predicted filters on each image that is shown, and how alike the maps of channel groups are.

    Args:
        networks: Those with adaptive filters, by name.
        shown: Images by name.
        some: Batches of one image, over which similarity is measured.
        normalize: What the networks expect of pixels.
        work: Is told of what is done.
    """
    filters: list[FilterMaps] = []
    similar: list[Similarity] = []
    for network, model in networks.items():
        for name, picture in shown.items():
            filters += filter_maps(network, model, {name: picture.pixels}, normalize=normalize)
            if work is not None:
                work.add(_VIEW)
        if len(some) > 1:
            similar += similarities({network: model}, some, normalize=normalize)
        if work is not None:
            work.add(_VIEW * len(some))
    return tuple(filters), tuple(similar)


def compare_classifiers(
    networks: Mapping[str, Model],
    images: Images,
    *,
    labels: Tensor | None = None,
    labelled: bool = True,
    agreement: bool = True,
    seed: int = 0,
    **options: Unpack[Options],
) -> Comparison:
    """Measure classifiers on pictures: scores, flip rates in three directions, and the time of a forward pass.

    Args:
        networks: Classifiers by name; the first is what the others are compared with.
        images: Floats in [0, 1] `(N, 3, H, W)`, or a loader of them that can be read again.
        labels: Classes `(N,)`, where the loader does not give them.
        labelled: Whether the labels are of the networks' classes, so that there is an accuracy.
        agreement: Whether the networks are of the same classes, so that they can agree with the first.
        seed: Chooses the windows.
        **options: As those of `measure`.

    Example:
        >>> import torch
        >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1)
        >>> comparison = compare_classifiers({"one": brightness}, torch.ones(12, 3, 32, 32), labelled=False)
        >>> comparison.keys
        ('consistency', 'top1_change', 'mean_absolute_change')
    """
    names = SCORES if labelled else SCORES[1:]
    baseline = next(iter(networks.values()))
    passes = len(networks) * (len(names) - 1 + len(DIRECTIONS)) + (len(networks) - 1) * agreement
    if isinstance(progress := options.get("progress"), ImageCount):
        progress.passes = passes
    elif progress is not None:
        options["progress"] = ImageCount(progress, passes)
    square = next(iter(ImageStream(images, labels, options.get("resize")))).batch
    entries = []
    for name, model in networks.items():
        reference = baseline if agreement and model is not baseline else None
        scores = classifier_scores(model, images, labels, names=names, seed=seed, reference=reference, **options)
        curves = [flip_rate(model, images, direction=direction, seed=seed, **options) for direction in DIRECTIONS]
        cost = cost_of_classifier(model, square, options.get("normalize", "model"))
        run = Evaluation(model=name, config=None, scores=scores, curves=tuple(curves), cost=cost)
        entries.append(Entry(name, (run,)))
    return Comparison(tuple(entries))
