"""All that there is to measure of a detector."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Unpack

import torch
from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics._adapter import Instances, Model, Options
from antialias.metrics._loop import Show, measure
from antialias.metrics._measurement import Measurement
from antialias.metrics.detection._average_precision import iou_thresholds, match, of_rows, precision_name
from antialias.metrics.detection._consistency import Group, SameInstance, measure_pairs
from antialias.metrics.detection._instances import KINDS, Detections, Kind, checked_instances, of_classes
from antialias.metrics.detection._worst_shift import targets_of
from antialias.metrics.inputs._images import Images, Sample

PRECISIONS: dict[str, tuple[Kind, float | None]] = {
    "mask_ap": ("mask", None),
    "mask_ap50": ("mask", 0.5),
    "box_ap": ("box", None),
}


@renamed_keywords(repeats="passes", pairs="passes")
def measure_detector(
    model: Model,
    images: Images,
    classes: Mapping[str, Collection[int]] | None = None,
    *,
    passes: int = 5,
    crop: float = 0.875,
    same: SameInstance | None = None,
    seed: int = 0,
    kinds: Sequence[Kind] = KINDS,
    **options: Unpack[Options],
) -> dict[str, Measurement]:
    """Measure all that there is to measure of a detector, with every answer used for all that it is for.

    Args:
        model: As in `instance_consistency`.
        images: An iterable of `(image, target)` that can be read twice; targets as in `average_precision`, each with
            an `image_id` or numbered by its place.
        classes: Sets of classes that are measured each by themselves, by the suffix of their scores' names.
        passes: As in `instance_consistency`.
        crop: As there.
        same: As there.
        seed: As there.
        kinds: What is measured: of detectors without masks `("box",)`.
        **options: See `Options`. Parts of a set, each with its `first`, can be measured apart and joined.

    Returns:
        `mask_ap`, `mask_ap50`, `box_ap`, `mask_consistency` and `box_consistency`, of each set with its suffix; what
        nothing was detected or is there for is `empty`.

    Raises:
        ValueError: As in `average_precision` and `instance_consistency`.

    Example:
        >>> def corner(images):
        ...     box, mask = torch.tensor([[0.0, 0.0, 9.0, 9.0]]), torch.ones(1, 1, 9, 9)
        ...     each = {"boxes": box, "labels": torch.tensor([1]), "scores": torch.ones(1)}
        ...     return [{**each, "masks": torch.nn.functional.pad(mask, (0, i.shape[2] - 9, 0, i.shape[1] - 9))}
        ...             for i in images]
        >>> image = torch.rand(3, 64, 64)
        >>> measured = measure_detector(corner, [(image, {**corner([image])[0], "image_id": torch.tensor(0)})])
        >>> measured["mask_ap"].value()
        1.0
    """
    sets: dict[str, Collection[int] | None] = {"": None} if classes is None else dict(classes)
    adapter = Instances.of(model, **options)
    matched_sets = [(suffix, labels, kind) for suffix, labels in sets.items() for kind in kinds]
    least: Kind = "mask" if "mask" in kinds else "box"

    def row(sample: Sample, answers: Sequence[Detections]) -> Tensor:
        size = (sample.pixels.shape[-2], sample.pixels.shape[-1])
        output = checked_instances(answers[0], "output", least, size)
        target, tables = targets_of(sample, least), []
        for number, (_, labels, kind) in enumerate(matched_sets):
            detections, objects = (one if labels is None else of_classes(one, labels) for one in (output, target))
            table = match(detections, objects, kind, iou_thresholds())
            tables.append(torch.cat([torch.full_like(table[:, :1], number), table], 1))
        return torch.cat(tables)

    rows = measure(images, [Show(adapter, lambda sample: sample.batch)], row).rows
    measured: dict[str, Measurement] = {}
    for number, (suffix, labels, kind) in enumerate(matched_sets):
        own = rows[rows[:, 0] == number, 1:]
        said = {"labels": [*labels]} if suffix and labels is not None else {}
        for name, (of_kind, at) in PRECISIONS.items():
            if of_kind == kind:
                # Each threshold is judged on its own, and the first of the ten is 0.5.
                columns = own if at is None else own[:, :5]
                measured[name + suffix] = of_rows(precision_name(kind, at), [columns], at, adapter.level, said)
    groups = [Group(kind, None if labels is None else frozenset(labels)) for _, labels, kind in matched_sets]
    shares = measure_pairs(adapter, images, groups, passes, crop, seed, same or SameInstance())
    return measured | {
        f"{kind}_consistency{suffix}": one for (suffix, _, kind), one in zip(matched_sets, shares, strict=True)
    }
