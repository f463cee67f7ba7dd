"""Average precision if each picture is shown at the worst of some shifts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Unpack

import torch
from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics._adapter import Instances, Model, Options, check_positive
from antialias.metrics._loop import Show, measure
from antialias.metrics._score import Score
from antialias.metrics.detection._average_precision import iou_thresholds, match, of_rows, precision_name, statistic_of
from antialias.metrics.detection._instances import Detections, Kind, checked_instances
from antialias.metrics.inputs._images import Sample

DISTANCES = (1, 2, 5, 10, 20)
_DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))


@renamed_keywords(pictures="images")
def worst_shift_average_precision(
    model: Model,
    images: Iterable[tuple[Tensor, Detections]],
    kind: Kind = "mask",
    *,
    distances: Sequence[int] | None = None,
    at: float | None = None,
    **options: Unpack[Options],
) -> Score:
    """Measure average precision with each picture shown at the shift that is worst for it.

    A window moves over the picture in four directions by each of the distances, objects with it. The picture enters
    with the shift at which its own AP is lowest; of equal ones the shortest. A detector that does not alias loses
    little against its AP.

    Args:
        model: As in `instance_consistency`.
        images: Of each the pixels `(3, H, W)` in [0, 1] and the target, as in `average_precision`.
        kind: `"mask"` or `"box"`.
        distances: In pixels; by default those of 1, 2, 5, 10 and 20 that are at most 1/16 of the picture's shorter
            side, 1 in any case.
        at: One IoU threshold, such as 0.5 for AP50; COCO's ten if `None`.
        **options: See `Options`.

    Raises:
        ValueError: A window does not fit its picture, or no picture has an object.
    """
    check_positive(**{f"distances[{i}]": distance for i, distance in enumerate(distances or ())})
    adapter, thresholds = Instances.of(model, **options), iou_thresholds(at)

    def windows(sample: Sample) -> tuple[list[Tensor], list[Detections]]:
        return worst_shift_windows(sample.pixels, targets_of(sample, kind), distances)

    def row(sample: Sample, outputs: Sequence[Detections]) -> Tensor:
        return worst_match(outputs, windows(sample)[1], kind, thresholds, sample.index)

    measured = measure(images, [Show(adapter, lambda sample: windows(sample)[0])], row)
    said = {
        "in_words": "COCO protocol at the worst shift of each picture",
        "shifts": "right, left, down and up by each distance, of a window that leaves the longest free on all sides",
        "distances": "1, 2, 5, 10, 20, at most 1/16 of the shorter side" if distances is None else list(distances),
        "worst": "lowest AP of the picture alone; of equal ones the shortest shift, of those in the order above",
        "normalisation": adapter.normalization.protocol,
    }
    return of_rows(worst_name(kind, at), [measured.rows], at, adapter.level, said).score()


def targets_of(sample: Sample, kind: Kind) -> Detections:
    """Return what there is to see on an image.

    Raises:
        ValueError: Nothing is said of it, or something that cannot be.
    """
    if not isinstance(sample.target, Mapping):
        raise ValueError(f"picture {sample.index} has no instances. Pass an iterable of (image, target).")
    target = {"image_id": torch.tensor(sample.index), **sample.target}
    height, width = sample.pixels.shape[-2:]
    checked = checked_instances(target, "target", kind, (height, width))
    if kind == "box" and "masks" in target:
        # Where there is a mask, it says what a window leaves of an object.
        checked["masks"] = checked_instances(target, "target", "mask", (height, width))["masks"]
    return checked


def worst_name(kind: Kind, at: float | None) -> str:
    """Return the score's name."""
    return f"worst-case-shift {precision_name(kind, at)}"


def shifts_of(side: int, distances: Sequence[int] | None) -> list[tuple[int, int]]:
    """Return the shifts (y, x), the shortest first.

    Raises:
        ValueError: They leave no window.

    Example:
        >>> shifts_of(32, None)
        [(0, 1), (0, -1), (1, 0), (-1, 0), (0, 2), (0, -2), (2, 0), (-2, 0)]
    """
    chosen = [d for d in DISTANCES if d <= max(1, side / 16)] if distances is None else sorted(distances)
    if side <= 2 * max(chosen):
        raise ValueError(
            f"distances up to {max(chosen)} leave no window in a picture of {side} pixels. "
            f"Use distances of at most {(side - 1) // 2}."
        )
    return [(y * d, x * d) for d in chosen for y, x in _DIRECTIONS]


def shifted(image: Tensor, target: Detections, y: int, x: int, free: int) -> tuple[Tensor, Detections]:
    """Return the window of an image that is (y, x) away from its centre, with what is left of the objects in it.

    Args:
        image: `(3, H, W)`.
        target: What there is to see in it.
        y: Pixels downwards.
        x: Pixels to the right.
        free: What the window leaves free on each side if it is not moved.
    """
    corner, size = (free + y, free + x), [side - 2 * free for side in image.shape[-2:]]
    left = Instances.within(target, corner, size)
    visible = torch.ones(len(target["labels"]), dtype=torch.bool)
    if "boxes" in target:
        visible = (left["boxes"][:, 2:] > left["boxes"][:, :2]).all(dim=1)
    if "masks" in target:
        visible = visible & left["masks"].flatten(1).any(dim=1)
    window = image[:, corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
    each = ("boxes", "labels", "masks", "iscrowd")
    return window, {name: left[name][visible] for name in each if name in left}


def worst_shift_windows(
    image: Tensor, target: Detections, distances: Sequence[int] | None = None
) -> tuple[list[Tensor], list[Detections]]:
    """Return the windows that `worst_shift_average_precision` shows of a picture, and what there is to see in each.

    Args:
        image: `(3, H, W)`.
        target: As in `average_precision`.
        distances: In pixels, as there.

    Raises:
        ValueError: A window does not fit the picture.

    Example:
        >>> target = {"boxes": torch.tensor([[8.0, 8.0, 20.0, 20.0]]), "labels": torch.tensor([1])}
        >>> windows, targets = worst_shift_windows(torch.zeros(3, 32, 32), target, distances=(2,))
        >>> len(windows), windows[0].shape, targets[0]["boxes"].tolist()
        (4, torch.Size([3, 28, 28]), [[4.0, 6.0, 16.0, 18.0]])
    """
    shifts = shifts_of(min(image.shape[-2:]), distances)
    free = max(abs(y) + abs(x) for y, x in shifts)
    windows = [shifted(image, target, y, x, free) for y, x in shifts]
    return [window for window, _ in windows], [target for _, target in windows]


def worst_match(
    outputs: Iterable[Detections], targets: Iterable[Detections], kind: Kind, thresholds: Tensor, number: int
) -> Tensor:
    """Return the rows of the window on which average precision is lowest, its number for the image's.

    Args:
        outputs: Of each window.
        targets: Of each window.
        kind: `"mask"` or `"box"`.
        thresholds: Least IoU of a match.
        number: Of the image.
    """
    matched = [
        match(output, {**target, "image_id": torch.tensor(place)}, kind, thresholds)
        for place, (output, target) in enumerate(zip(outputs, targets, strict=True))
    ]
    precision = statistic_of(torch.cat(matched))[0](torch.eye(len(matched), dtype=torch.int64))
    worst = matched[int(precision.nan_to_num(torch.inf).argmin())].clone()
    worst[:, 0] = number
    return worst
