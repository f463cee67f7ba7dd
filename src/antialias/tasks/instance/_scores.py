"""What is measured of a detector: average precision beside consistency, of all classes or of both sides of a split."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from torch import nn

from antialias.data import ClassSplit, DetectionDataset
from antialias.metrics import Instances, Measurement, NothingDetected, SameInstance, Score, measure_detector
from antialias.results import EvaluationConfig

from ._batches import WholeObjects


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
) -> dict[str, Measurement]:
    """Measure a detector on a range of the images.

    Args:
        model: The network.
        data: The test images.
        config: Says the detection score and whose masks were learnt.
        indices: Which of the images.

    Returns:
        Average precision and consistency of masks and boxes, or of boxes alone where there are no masks, of all classes
        and of each group; of images without classes consistency alone.

    Raises:
        ValueError: The network detects a class that the data have not.
    """
    images = WholeObjects.range(data, indices)
    masks = "masks" in Instances(model)(WholeObjects.sample(data, indices.start)[0][None])[0]
    how: Any = {"kinds": ("mask", "box") if masks else ("box",)}
    how |= {"same": SameInstance(score=config.detection_score), "batch_size": config.batch_size}
    if not data.classes:
        measured = measure_detector(model, images, first=indices.start, **how)
        return {name: one for name, one in measured.items() if name.endswith("_consistency")}
    groups = _class_groups(data, config)
    with _expect_labels(model, len(data.classes)):
        labels = {group.suffix: group.labels for group in groups}
        measured = measure_detector(model, images, labels, first=indices.start, **how)
    words = {name: group.words for group in groups for name in measured if name.endswith(group.suffix)}
    return {name: replace(one, name=one.name + words[name]) for name, one in measured.items()}


def derive(measured: dict[str, Measurement]) -> dict[str, Score]:
    """Return average precision, and consistency where something was detected."""
    scores, missing = dict[str, Score](), dict[str, NothingDetected]()
    for name, one in measured.items():
        try:
            scores[name] = one.score()
        except NothingDetected as reason:
            missing[one.name] = reason
    if missing:
        warnings.warn(f"{', '.join(missing)}: left out, since {next(iter(missing.values()))}", stacklevel=2)
    return scores


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


@contextmanager
def _expect_labels(model: nn.Module, classes: int) -> Iterator[None]:
    """Refuse a network that answers in other classes than the data have, whose precision would mean nothing."""

    def check(_: nn.Module, __: Any, outputs: Any) -> None:
        for output in outputs:
            if len(output["labels"]) and int(output["labels"].max()) > classes:
                raise ValueError(
                    f"the network found class {int(output['labels'].max())}, the data has {classes} classes. "
                    f"Use a network of {classes + 1} outputs, background included."
                )

    handle = model.register_forward_hook(check)
    try:
        yield
    finally:
        handle.remove()
