"""What is measured of a detector: average precision beside consistency, of all classes or of both sides of a split."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor, nn

from antialias.data import ClassSplit, DetectionDataset
from antialias.metrics import (
    Kind,
    Matches,
    PictureValues,
    SameInstance,
    Score,
    detections,
    instance_shares_of_classes,
    of_classes,
    score_of_instance_shares,
    score_of_matches,
)
from antialias.results import EvaluationConfig

from ..batches import ImageRange
from ._batches import WholeObjects

_PRECISIONS: dict[str, tuple[Kind, float | None]] = {
    "mask_ap": ("mask", None),
    "mask_ap50": ("mask", 0.5),
    "box_ap": ("box", None),
}


class ClassGroup(NamedTuple):
    """Classes that are scored by themselves.

    Attributes:
        suffix: What the names of their scores end with.
        words: What the scores are called by.
        labels: Class indices of the network's, from 1.
    """

    suffix: str
    words: str
    labels: tuple[int, ...]


def evaluate_part(
    model: nn.Module, data: DetectionDataset, config: EvaluationConfig, indices: range
) -> dict[str, PictureValues]:
    """Measure a detector on a range of the images.

    Args:
        model: The network.
        data: The test images.
        config: Says the detection score and whose masks were learnt.
        indices: Which of the images.

    Returns:
        What the scores are made of, by image.

    Raises:
        ValueError: The network detects a class that the data have not.
    """
    groups, images = _class_groups(data, config), WholeObjects.range(data, indices)
    return _matches(model, images, config, groups) | _shares(model, images, config, groups)


def derive(parts: dict[str, Any]) -> dict[str, Score]:
    """Return average precision of what was matched, and consistency where something was detected."""
    names = dict.fromkeys(name.partition("/")[0] for name in parts if "/" in name)
    precisions = {name: _precision(name, parts) for name in names}
    shares = {name: score_of_instance_shares(values) for name, values in parts.items() if "/" not in name}
    missing = {name: reason for name, reason in shares.items() if not isinstance(reason, Score)}
    if missing:
        left_out = ", ".join(parts[name].name for name in missing)
        warnings.warn(f"{left_out}: left out, since {next(iter(missing.values()))}", stacklevel=2)
    return precisions | {name: score for name, score in shares.items() if isinstance(score, Score)}


def _class_groups(data: DetectionDataset, config: EvaluationConfig) -> list[ClassGroup]:
    """Return all classes, and where masks of some only are learnt these and the others."""
    groups = [ClassGroup("", "", tuple(range(1, len(data.classes) + 1)))]
    if config.masked_classes is not None:
        labels = {name: label for label, name in enumerate(data.classes, 1)}
        split = ClassSplit.read(config.masked_classes, data.classes)
        for side, names in zip(("masked", "unmasked"), split, strict=True):
            own = tuple(labels[name] for name in names)
            groups.append(ClassGroup(f"_{side}", f" of {len(names)} {side} classes", own))
    return groups


def _shares(
    model: nn.Module, images: ImageRange, config: EvaluationConfig, groups: Sequence[ClassGroup]
) -> dict[str, PictureValues]:
    """Return what each consistency is made of."""
    how: Any = {"same": SameInstance(score=config.detection_score), "batch_size": config.batch_size}
    labels = {group.suffix: group.labels for group in groups}
    shares = instance_shares_of_classes(model, images.images(), labels, first=images.indices.start, **how)
    return {
        f"{kind}_consistency{group.suffix}": replace(values, name=values.name + group.words)
        for group in groups
        for kind, values in shares[group.suffix]._asdict().items()
    }


def _matches(
    model: nn.Module, images: ImageRange, config: EvaluationConfig, groups: Sequence[ClassGroup]
) -> dict[str, PictureValues]:
    """Return what each average precision is made of, a column at a time."""
    from antialias.metrics import AveragePrecision

    metrics = {(name, group): AveragePrecision(*how) for group in groups for name, how in _PRECISIONS.items()}
    for output, target in detections(model, images, batch_size=config.batch_size, first=images.indices.start):
        _check_classes(output["labels"], len(images.data.classes))
        pairs = {group: ([of_classes(output, group.labels)], [of_classes(target, group.labels)]) for group in groups}
        for (_, group), metric in metrics.items():
            metric.update(*pairs[group])
    return {
        f"{name}{group.suffix}/{column}": PictureValues(
            name + group.words, rows, {"labels": list(group.labels)} if group.suffix else {}
        )
        for (name, group), metric in metrics.items()
        for column, rows in metric.matches()._asdict().items()
    }


def _precision(name: str, parts: Mapping[str, PictureValues]) -> Score:
    columns = {column: parts[f"{name}/{column}"] for column in Matches._fields}
    first = columns["pictures"]
    precision, _, words = first.name.partition(" ")
    kind, at = _PRECISIONS[precision]
    matches = Matches(*(values.values for values in columns.values()))
    score = score_of_matches(matches, kind, at=at, protocol=first.protocol)
    return replace(score, name=f"{score.name} {words}".strip())


def _check_classes(labels: Tensor, classes: int) -> None:
    """Refuse a network that answers in other classes than the data have, whose precision would mean nothing."""
    if len(labels) and int(labels.max()) > classes:
        raise ValueError(
            f"the network found class {int(labels.max())}, the data has {classes} classes. "
            f"Use a network of {classes + 1} outputs, background included."
        )
