"""Average precision if each picture is shown at the worst of some shifts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import torch
from torch import Tensor

from antialias.metrics._loop import Model, check_positive, evaluating
from antialias.metrics._score import Score
from antialias.metrics.detection._average_precision import (
    Detections,
    Kind,
    Matches,
    iou_thresholds,
    join,
    match,
    name_of,
    score_of,
    statistic_of,
)
from antialias.metrics.detection._detector import Detector, DetectorOptions, DetectorSettings
from antialias.metrics.inputs._images import check_pixels

DISTANCES = (1, 2, 5, 10, 20)
_DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def worst_shift_average_precision(
    model: Model,
    pictures: Iterable[tuple[Tensor, Detections]],
    kind: Kind = "mask",
    *,
    distances: Sequence[int] | None = None,
    at: float | None = None,
    **options: Unpack[DetectorOptions],
) -> Score:
    """Measure average precision with each picture shown at the shift that is worst for it.

    A window moves over the picture in four directions by each of the distances, objects with it. The picture enters
    with the shift at which its own AP is lowest; of equal ones the shortest. A detector that does not alias loses
    little against its AP.

    Args:
        model: As in `instance_consistency`.
        pictures: Of each the pixels `(3, H, W)` in [0, 1] and the target, as in `average_precision`.
        kind: `"mask"` or `"box"`.
        distances: In pixels; by default those of 1, 2, 5, 10 and 20 that are at most 1/16 of the picture's shorter
            side, 1 in any case.
        at: One IoU threshold, such as 0.5 for AP50; COCO's ten if `None`.
        **options: See `DetectorOptions`.

    Raises:
        ValueError: A window does not fit its picture, or no picture has an object.
    """
    check_positive(**{f"distances[{i}]": distance for i, distance in enumerate(distances or ())})
    settings, worst = DetectorSettings(**options), list[Matches]()
    ask = Detector.of(model, settings)
    with evaluating(model):
        for number, (image, target) in enumerate(pictures, settings.first):
            check_pixels(image, number)
            frames, targets = worst_shift_windows(image, target, distances)
            worst.append(worst_matches(ask(frames), targets, kind, iou_thresholds(at), number))
            if settings.progress is not None:
                settings.progress(len(worst), 0)
    said = {**_protocol(distances), "normalisation": ask.normalization.protocol}
    return score_of(worst_name(kind, at), join(worst), at, settings.level, said)


def worst_name(kind: Kind, at: float | None) -> str:
    """Return the score's name."""
    return f"worst-case-shift {name_of(kind, at)}"


def _protocol(distances: Sequence[int] | None) -> dict[str, Any]:
    return {
        "in_words": "COCO protocol at the worst shift of each picture",
        "shifts": "right, left, down and up by each distance, of a window that leaves the longest free on all sides",
        "distances": "1, 2, 5, 10, 20, at most 1/16 of the shorter side" if distances is None else list(distances),
        "worst": "lowest AP of the picture alone; of equal ones the shortest shift, of those in the order above",
    }


def shifts_of(side: int, distances: Sequence[int] | None) -> list[tuple[int, int]]:
    """Return the shifts (y, x), the shortest first.

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


def margin(shifts: Sequence[tuple[int, int]]) -> int:
    """Return how much of a picture the window leaves free on each side."""
    return max(abs(y) + abs(x) for y, x in shifts)


def shifted(image: Tensor, target: Detections, y: int, x: int, free: int) -> tuple[Tensor, Detections]:
    """Return the window of a picture that is (y, x) away from its centre, with what is left of the objects in it."""
    (top, left), (height, width) = (free + y, free + x), (side - 2 * free for side in image.shape[-2:])
    rows, columns = slice(top, top + height), slice(left, left + width)
    boxes = target["boxes"] - target["boxes"].new_tensor([left, top, left, top])
    boxes = boxes.clamp(boxes.new_zeros(4), boxes.new_tensor([width, height, width, height]))
    seen = {**target, "boxes": boxes}
    kept = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    if "masks" in target:
        seen["masks"] = target["masks"][:, rows, columns]
        kept = kept & seen["masks"].flatten(1).any(dim=1)
    each = ("boxes", "labels", "masks", "iscrowd")
    return image[:, rows, columns], {name: seen[name][kept] for name in each if name in seen}


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
    shown = [shifted(image, target, *shift, margin(shifts)) for shift in shifts]
    return [frame for frame, _ in shown], [seen for _, seen in shown]


def worst_matches(
    outputs: Iterable[Detections], targets: Iterable[Detections], kind: Kind, thresholds: Tensor, number: int
) -> Matches:
    """Return the matches of the window on which average precision is lowest, its number for the picture's."""
    matched = [
        match(output, {**seen, "image_id": torch.tensor(place)}, kind, thresholds)
        for place, (output, seen) in enumerate(zip(outputs, targets, strict=True))
    ]
    precision = statistic_of(join(matched))(torch.eye(len(matched), dtype=torch.int64))
    return _renumbered(matched[int(precision.nan_to_num(torch.inf).argmin())], number)


def _renumbered(matches: Matches, number: int) -> Matches:
    return Matches(matches.pictures * 0 + number, *(_first_column(rows, number) for rows in matches[1:]))


def _first_column(rows: Tensor, number: int) -> Tensor:
    return torch.cat([torch.full_like(rows[:, :1], number), rows[:, 1:]], dim=1)
