"""Average precision of masks and boxes as COCO defines it, with its interval over images."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from antialias.metrics._measurement import Measurement, Statistic, register_statistic
from antialias.metrics._score import Score
from antialias.metrics.detection._instances import Detections, Kind, checked_instances, pairwise_iou, regions, size_of
from antialias.metrics.detection._matching import IN_CROWD, TRUE_POSITIVE, match_as_coco

MOST_DETECTIONS = 100
IMAGE, OBJECT, DETECTION = 0, 1, 2


def iou_thresholds(at: float | None = None) -> Tensor:
    """Return COCO's ten thresholds 0.5, 0.55 .. 0.95, or one."""
    step = (0.95 - 0.5) / 9  # as numpy.linspace rounds it, which decides ties such as an IoU of 3 / 5
    return 0.5 + step * torch.arange(10, dtype=torch.float64) if at is None else torch.tensor([at]).double()


def average_precision(
    outputs: Iterable[Detections],
    targets: Iterable[Detections],
    kind: Kind = "mask",
    *,
    at: float | None = None,
    level: float = 0.95,
    protocol: Mapping[str, Any] | None = None,
) -> Score:
    """Measure COCO's average precision: the mean over classes, IoU thresholds and 101 recalls of the precision.

    The value is pycocotools'. Which detection found which object is settled image by image, so a resample of the
    images needs new sums only, and the interval costs seconds.

    Args:
        outputs: One an image: `boxes` `(D, 4)` `x1, y1, x2, y2`, `labels` `(D,)`, `scores` `(D,)` and, for masks,
            `masks` `(D, 1, H, W)` of probabilities (a pixel counts above 0.5) or `(D, H, W)` of `bool`. Both
            iterables are read once, side by side.
        targets: One an image: `boxes`, `labels`, `masks` `(G, H, W)` and, where there are crowds, `iscrowd` `(G,)`.
        kind: `"mask"` or `"box"`.
        at: One IoU threshold, such as 0.5 for AP50; COCO's ten if `None`.
        level: Confidence level of the interval.
        protocol: What else there is to say; `"in_words"` is printed.

    Raises:
        TypeError: A column holds no numbers, or there is one dictionary instead of one for each image.
        ValueError: No image has an object, or outputs and targets do not fit each other.

    Example:
        >>> box, label = torch.tensor([[0.0, 0.0, 8.0, 8.0]]), torch.tensor([1])
        >>> output = {"boxes": box, "labels": label, "scores": torch.tensor([0.9])}
        >>> print(average_precision([output] * 20, [{"boxes": box, "labels": label}] * 20, "box"))
        box AP 100.0 % (95 % interval 100.0 to 100.0; 20 images, COCO protocol)

    Source: Lin et al., "Microsoft COCO", ECCV 2014; cocodataset.org/#detection-eval.
    """
    thresholds = iou_thresholds(at)
    rows = []
    for number, (output, target) in enumerate(itertools.zip_longest(outputs, targets)):
        if output is None or target is None:
            raise ValueError(f"there are {number} {'outputs' if output is None else 'targets'} only. Pass one of each.")
        for what, each in (("outputs", output), ("targets", target)):
            if not isinstance(each, Mapping):
                raise TypeError(f"{what} hold {each!r:.60} and no dictionaries. Pass a list, with one for each image.")
        rows.append(match(output, {**target, "image_id": torch.tensor(number)}, kind, thresholds))
    return of_rows(precision_name(kind, at), rows, at, level, protocol).score()


def match(output: Detections, target: Detections, kind: Kind, thresholds: Tensor) -> Tensor:
    """Match the detections of one image with its objects: all of it that average precision needs.

    Args:
        output: What a detector says of the image.
        target: What is there, with its `image_id`.
        kind: `"mask"` or `"box"`.
        thresholds: `(T,)` least IoU of a match.

    Returns:
        `(1 + G + D, 4 + T)` `float64`, where ids are exact to 2^53: the image's id, whether the row is of the image, an
        object or a detection, its class, its score, and what it is at each threshold. Crowds have no row.

    Raises:
        TypeError: A column holds no numbers.
        ValueError: Output and target do not fit each other.
    """
    size = size_of(target) or size_of(output)
    output = checked_instances(output, "output", kind, size)
    target = checked_instances(target, "target", kind, size)
    image, labels, scores = int(target["image_id"]), target["labels"], output["scores"]
    crowd = target["iscrowd"].bool() if "iscrowd" in target else torch.zeros(len(labels), dtype=torch.bool)
    # In the order of falling score, of each class the first hundred.
    order = scores.sort(descending=True, stable=True).indices
    same = output["labels"][order][:, None] == output["labels"][order]
    best = order[same.tril(-1).sum(dim=1) < MOST_DETECTIONS]
    classes = output["labels"][best]
    ious = pairwise_iou(regions(output, kind)[best], regions(target, kind), crowd)
    outcomes = match_as_coco(ious.where(classes[:, None] == labels, -1.0), crowd, thresholds)
    objects = labels[~crowd]
    rows = torch.zeros(1 + len(objects) + len(best), 4 + len(thresholds), dtype=torch.float64)
    rows[:, 0] = image
    rows[1 : 1 + len(objects), 1], rows[1 : 1 + len(objects), 2] = OBJECT, objects.double()
    best_rows = rows[1 + len(objects) :]
    best_rows[:, 1], best_rows[:, 2], best_rows[:, 3], best_rows[:, 4:] = DETECTION, classes, scores[best], outcomes
    return rows


class _Class(NamedTuple):
    """One class over all images, its detections in the order of falling score."""

    image: Tensor  # (D,) place of each detection's image
    outcomes: Tensor  # (D, T)
    objects: Tensor  # (N,) float64, how many each image has


def statistic_of(rows: Tensor) -> tuple[Callable[[Tensor], Tensor], int]:
    """Return what turns how often each image counts, `(B, N)`, into average precision `(B,)`, and N.

    Images are in the order of their ids, as are detections of equal score. Without objects it is NaN.

    Raises:
        ValueError: Two images have one id.
    """
    images, times = rows[rows[:, 1] == IMAGE, 0].unique(return_counts=True)
    if (times > 1).any():
        twice = int(images[times > 1][0])
        raise ValueError(
            f"image_id={twice} was seen {int(times.max())} times. Give every picture an id and show it once."
        )
    objects, detections = rows[rows[:, 1] == OBJECT], rows[rows[:, 1] == DETECTION]
    classes = []
    for label in objects[:, 2].unique():
        own = detections[detections[:, 2] == label]
        own = own[own[:, 0].sort(stable=True).indices]
        own = own[own[:, 3].sort(descending=True, stable=True).indices]
        places = torch.searchsorted(images, objects[objects[:, 2] == label, 0].contiguous())
        held = torch.bincount(places, minlength=len(images)).double()
        classes.append(_Class(torch.searchsorted(images, own[:, 0].contiguous()), own[:, 4:].long(), held))
    return functools.partial(_mean_over_classes, classes), len(images)


def _mean_over_classes(classes: Sequence[_Class], counts: Tensor) -> Tensor:
    if not classes:
        return torch.full((len(counts),), torch.nan, dtype=torch.float64)
    each = []
    for one in classes:
        weights, objects = counts.double()[:, one.image], counts.double() @ one.objects
        so_far = weights.cumsum(dim=1)
        at = [_precision_at(weights, so_far, objects, outcomes) for outcomes in one.outcomes.T]
        each.append(torch.where(objects > 0, torch.stack(at).mean(dim=0), torch.nan))
    return torch.stack(each).nanmean(dim=0)


def _precision_at(weights: Tensor, so_far: Tensor, objects: Tensor, outcomes: Tensor) -> Tensor:
    """Average the precision over recalls; it can only peak where an object is found, so only there is it computed."""
    true = (outcomes == TRUE_POSITIVE).nonzero()[:, 0]
    hits, counted = weights[:, true].cumsum(dim=1), so_far[:, true]
    if (outcomes == IN_CROWD).any():
        counted = counted - (weights * (outcomes == IN_CROWD)).cumsum(dim=1)[:, true]
    precision = hits / counted.clamp(min=1)
    best_from_here = precision.flip(1).cummax(dim=1).values.flip(1)
    recalls = 0.01 * torch.arange(101, dtype=torch.float64)
    reached = torch.bucketize(hits / objects.clamp(min=1)[:, None], recalls, right=True)
    return (best_from_here * reached.diff(dim=1, prepend=torch.zeros_like(objects[:, None]))).sum(dim=1) / 101


register_statistic("average precision", Statistic.of_set(statistic_of, "an object"))


def precision_name(kind: Kind, at: float | None) -> str:
    """Return a score's name, such as `mask AP50`."""
    return f"{kind} AP{'' if at is None else format(100 * at, 'g')}"


def of_rows(
    name: str,
    rows: Sequence[Tensor],
    at: float | None,
    level: float = 0.95,
    protocol: Mapping[str, Any] | None = None,
) -> Measurement:
    """Bind what `match` gave of images to the protocol.

    Args:
        name: Of the score.
        rows: Of each image.
        at: One IoU threshold; COCO's ten if `None`.
        level: Confidence level.
        protocol: What else there is to say.

    Raises:
        ValueError: There is no image.
    """
    if not rows:
        raise ValueError("there are 0 pictures. Pass an output and a target for each of one or more.")
    said = {
        "in_words": "COCO protocol",
        "iou_thresholds": "0.5:0.05:0.95" if at is None else at,
        "recalls": 101,
        "detections": f"the best {MOST_DETECTIONS} of each class and picture",
        "crowd": "detections in crowds are ignored",
        "objects_of_any_area": True,
        **(protocol or {}),
    }
    return Measurement(name, torch.cat(list(rows)), said, level, "average precision")
