"""A whole report of anybody's classifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, Unpack

from torch import Tensor, nn

from antialias import metrics
from antialias.metrics import Images, ImageStream, Model, Normalize, Options, Sample
from antialias.models import imagenet_labels
from antialias.nn import AdaptiveBlurPool2d
from antialias.results import Column, Line, Table

from ._ask import million_parameters, milliseconds, probabilities
from ._filters import filter_maps
from ._pictures import FilterMaps, Slider
from ._report import Report, Reproduction
from ._slide import DIRECTIONS, slide
from ._verdict import verdict
from ._versions import versions

IMAGENET_CLASSES = 1000
Progress = Callable[[int, int], None]


COLUMNS = {
    "accuracy": Column(key="accuracy", title="Accuracy", better="higher"),
    "consistency": Column(key="consistency", title="Consistency", better="higher", note="of two random windows"),
    "flips": Column(key="flips", title="One-pixel flips", better="lower", note="of diagonal one-pixel moves"),
    "change": Column(key="change", title="Change", better="lower", note="of probability, a pixel"),
    "agreement": Column(key="agreement", title="Agreement", note="with the first row"),
    "cost": Column(key="cost", title="Time", unit="ms", better="lower", note="one picture, forward"),
    "parameters": Column(key="parameters", title="Parameters", unit="M", digits=2, better="lower"),
}


@dataclass(frozen=True, kw_only=True)
class _Subject:
    """What is measured on what: the same for every network."""

    networks: Mapping[str, Model]
    images: Images
    labels: Tensor | None
    seed: int
    options: Options
    first: tuple[Sample, ...]
    shown: Sequence[str]
    labelled: bool
    class_names: Sequence[str] | None

    @property
    def normalize(self) -> Normalize:
        return self.options.get("normalize", "model")


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
        pictures: How many of the first pictures the page shows, or what it calls them.
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
    progress = options.pop("progress", None)
    shown = [f"picture {i + 1}" for i in range(pictures)] if isinstance(pictures, int) else list(pictures)
    subject = _look(networks, images, labels, class_names, shown, seed, options)
    found = _scores(subject, progress)
    return Report(
        title=title,
        subtitle=_subtitle(found),
        verdict=verdict(found),
        table=_table(found),
        curves=tuple(Line.of(name, found[name][direction]) for direction in DIRECTIONS for name in networks),
        sliders=_sliders(subject),
        filters=_filters(subject),
        reproduction=_reproduction(subject, command),
    )


def _look(
    networks: Mapping[str, Model],
    images: Images,
    labels: Tensor | None,
    class_names: Sequence[str] | None,
    shown: Sequence[str],
    seed: int,
    options: Options,
) -> _Subject:
    """Look at the first pictures: what the classes are called, and whether the labels are theirs."""
    if not networks:
        raise ValueError("networks is empty. Give at least one classifier, by the name the page shows.")
    if not isinstance(images, Tensor) and iter(images) is images:
        raise ValueError("images can be read only once, but a report reads them often. Give a tensor or a DataLoader.")
    first = tuple(islice(ImageStream(images, labels, options.get("resize")), max(len(shown), 1)))
    model = next(iter(networks.values()))
    classes = probabilities(model, first[0].batch, options.get("normalize", "model")).shape[1]
    fits = class_names is None or len(class_names) == classes
    if not fits or class_names is None:
        class_names = imagenet_labels() if classes == IMAGENET_CLASSES else None
    return _Subject(
        networks=networks,
        images=images,
        labels=labels if fits else None,
        seed=seed,
        options=options,
        first=first,
        shown=shown,
        labelled=fits and first[0].label is not None,
        class_names=class_names,
    )


def _scores(subject: _Subject, progress: Progress | None) -> dict[str, dict[str, Any]]:
    jobs = [(name, key, job) for name in subject.networks for key, job in _jobs(subject, name).items()]
    found: dict[str, dict[str, Any]] = {name: {} for name in subject.networks}
    for done, (name, key, job) in enumerate(jobs):
        found[name][key] = job(progress=_share(progress, done, len(jobs)))
    for name, scores in found.items():
        scores["flips"], scores["change"] = scores.pop("one pixel")
        scores["cost"] = milliseconds(subject.networks[name], subject.first[0].batch, subject.normalize)
        scores["parameters"] = million_parameters(subject.networks[name])
    return found


def _jobs(subject: _Subject, name: str) -> dict[str, Callable[..., Any]]:
    model, images, seed, options = subject.networks[name], subject.images, subject.seed, subject.options
    baseline = next(iter(subject.networks))
    jobs: dict[str, Callable[..., Any]] = {}
    if subject.labelled:
        jobs["accuracy"] = partial(metrics.accuracy, model, images, subject.labels, **options)
    jobs["consistency"] = partial(metrics.consistency, model, images, seed=seed, **options)
    jobs["one pixel"] = partial(metrics.one_pixel_changes, model, images, seed=seed, **options)
    if name != baseline:
        jobs["agreement"] = partial(metrics.agreement, model, subject.networks[baseline], images, **options)
    for direction in DIRECTIONS:
        jobs[direction] = partial(metrics.flip_rate, model, images, direction=direction, seed=seed, **options)
    return jobs


def _share(progress: Progress | None, before: int, jobs: int) -> Progress | None:
    """Report one job's pictures as a part of all jobs' pictures."""
    return progress and (lambda done, total: progress(before * total + done, jobs * total))


def _subtitle(found: Mapping[str, Mapping[str, Any]]) -> str:
    first = next(iter(found.values()))["flips"]
    networks = "1 network" if len(found) == 1 else f"{len(found)} networks"
    return f"{networks} on {first.images:,} pictures that move."


def _table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    measured = {key for scores in found.values() for key, value in scores.items() if value is not None}
    columns = [column for key, column in COLUMNS.items() if key in measured]
    keys = [column.key for column in columns]
    return Table.of(columns, {name: {key: scores.get(key) for key in keys} for name, scores in found.items()})


def _named(subject: _Subject) -> dict[str, Sample]:
    return dict(zip(subject.shown, subject.first, strict=False))


def _sliders(subject: _Subject) -> tuple[Slider, ...]:
    names = subject.class_names
    return tuple(
        slide(
            subject.networks,
            picture.pixels,
            name,
            class_names=names,
            truth=names[picture.label] if names and subject.labelled and picture.label is not None else "",
            normalize=subject.normalize,
        )
        for name, picture in _named(subject).items()
    )


def _filters(subject: _Subject) -> tuple[FilterMaps, ...]:
    pictures = {name: picture.pixels for name, picture in _named(subject).items()}
    return tuple(
        maps
        for name, model in subject.networks.items()
        if isinstance(model, nn.Module) and any(isinstance(layer, AdaptiveBlurPool2d) for layer in model.modules())
        for maps in filter_maps(name, model, pictures, normalize=subject.normalize)
    )


def _reproduction(subject: _Subject, command: str) -> Reproduction:
    caveats = ["Intervals are over pictures; they say nothing about another training of the same network."]
    if not subject.labelled:
        caveats.append("Without labels there is no accuracy, and a network that always says the same is steady, too.")
    return Reproduction(command=command, versions=versions(), seeds={"windows": subject.seed}, caveats=tuple(caveats))
