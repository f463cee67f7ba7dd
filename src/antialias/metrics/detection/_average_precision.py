"""Average precision of masks and boxes as COCO defines it, with its interval over pictures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from antialias.metrics._score import Score
from antialias.metrics.detection._matching import IGNORED, TRUE, verdicts

Kind = Literal["mask", "box"]
Detections = Mapping[str, Tensor]
"""What torchvision's detectors return of a picture, or take as its target: `boxes`, `labels`, `masks` and so on."""

KINDS: tuple[Kind, ...] = ("mask", "box")
MOST_DETECTIONS = 100
_PIXELS_AT_ONCE = 2**20


def iou_thresholds(at: float | None = None) -> Tensor:
    """Return COCO's ten thresholds 0.5, 0.55 .. 0.95, or one."""
    step = (0.95 - 0.5) / 9  # as numpy.linspace rounds it, which decides ties such as an IoU of 3 / 5
    return 0.5 + step * torch.arange(10, dtype=torch.float64) if at is None else torch.tensor([at]).double()


def _recalls() -> Tensor:
    return 0.01 * torch.arange(101, dtype=torch.float64)


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

    The value is pycocotools'. Which detection found which object is settled picture by picture, so a resample of the
    pictures needs new sums only, and the interval costs seconds.

    Args:
        outputs: One a picture: `boxes` `(D, 4)` `x1, y1, x2, y2`, `labels` `(D,)`, `scores` `(D,)` and, for masks,
            `masks` `(D, 1, H, W)` of probabilities (a pixel counts above 0.5) or `(D, H, W)` of `bool`. Both
            iterables are read once, side by side.
        targets: One a picture: `boxes`, `labels`, `masks` `(G, H, W)` and, where there are crowds, `iscrowd` `(G,)`.
        kind: `"mask"` or `"box"`.
        at: One IoU threshold, such as 0.5 for AP50; COCO's ten if `None`.
        level: Confidence level of the interval.
        protocol: What else there is to say; `"in_words"` is printed.

    Raises:
        ValueError: No picture has an object, or outputs and targets do not fit each other.

    Example:
        >>> box, label = torch.tensor([[0.0, 0.0, 8.0, 8.0]]), torch.tensor([1])
        >>> output = {"boxes": box, "labels": label, "scores": torch.tensor([0.9])}
        >>> print(average_precision([output] * 20, [{"boxes": box, "labels": label}] * 20, "box"))
        box AP 100.0 % (95 % interval 100.0 to 100.0; 20 images, COCO protocol)

    Source: Lin et al., "Microsoft COCO", ECCV 2014; cocodataset.org/#detection-eval.
    """
    thresholds = iou_thresholds(at)
    matched = [
        match(output, {**target, "image_id": torch.tensor(number)}, kind, thresholds)
        for number, (output, target) in enumerate(zip(outputs, targets, strict=True))
    ]
    return score_of(name_of(kind, at), join(matched), at, level, protocol)


class Matches(NamedTuple):
    """What is left of pictures once detections and objects are matched: all that average precision needs.

    Attributes:
        pictures: `(N,)` their ids.
        objects: `(G, 2)` picture and class of each object that counts.
        detections: `(D, 3 + T)` picture, class and score of each detection, and its verdict at each threshold.
    """

    pictures: Tensor
    objects: Tensor
    detections: Tensor


def join(matches: Sequence[Matches]) -> Matches:
    """Put the matches of many pictures together."""
    if not matches:
        raise ValueError("there are 0 pictures. Pass an output and a target for each of one or more.")
    return Matches(*(torch.cat(part) for part in zip(*matches, strict=True)))


def match(output: Detections, target: Detections, kind: Kind, thresholds: Tensor) -> Matches:
    """Match the detections of one picture with its objects; `float64` throughout, where ids are exact to 2^53."""
    _check(output, target, kind)
    picture, labels = int(target["image_id"]), target["labels"].cpu()
    crowd = target["iscrowd"].cpu().bool() if "iscrowd" in target else torch.zeros(len(labels), dtype=torch.bool)
    best = _best_of_each_class(output["labels"].cpu(), output["scores"].cpu())
    classes = output["labels"].cpu()[best]
    ious = pairwise_iou(regions(output, kind)[best], regions(target, kind), crowd)
    found = verdicts(ious.where(classes[:, None] == labels, -1.0), crowd, thresholds)
    columns = (torch.full_like(classes, picture), classes, output["scores"].cpu()[best])
    return Matches(
        torch.tensor([picture]).double(),
        torch.stack([torch.full_like(labels, picture), labels], dim=1)[~crowd].double(),
        torch.cat([torch.stack([column.double() for column in columns], dim=1), found.double()], dim=1),
    )


def _best_of_each_class(labels: Tensor, scores: Tensor) -> Tensor:
    """Return the detections in the order of falling score, of each class the first hundred."""
    order = scores.sort(descending=True, stable=True).indices
    same = labels[order][:, None] == labels[order]
    return order[same.tril(-1).sum(dim=1) < MOST_DETECTIONS]


def _check(output: Detections, target: Detections, kind: Kind) -> None:
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is unknown. Use one of: {', '.join(KINDS)}.")
    where = {"mask": "masks", "box": "boxes"}[kind]
    wanted = (("output", output, ("labels", "scores", where)), ("target", target, ("labels", "image_id", where)))
    for role, values, names in wanted:
        if missing := [name for name in names if name not in values]:
            raise ValueError(f"the {role} of a picture has no {missing[0]!r}. Pass {', '.join(names)}.")
    sizes = [tuple(values[where].shape[-2:]) for values in (output, target)]
    if kind == "mask" and sizes[0] != sizes[1]:
        raise ValueError(
            f"masks of one picture are {sizes[0]} in the output and {sizes[1]} in the target. Use one size."
        )


def regions(values: Detections, kind: Kind) -> Tensor:
    """Return masks `(M, H, W)` as `bool`, probabilities above 0.5 being true, or boxes `(M, 4)` as `float64`."""
    if kind == "box":
        return values["boxes"].cpu().double()
    masks = values["masks"].cpu()
    masks = masks[:, 0] if masks.ndim == 4 else masks
    return masks > 0.5 if masks.is_floating_point() else masks.bool()


def of_classes(values: Detections, labels: Collection[int]) -> Detections:
    """Return the detections or objects of one picture that are of some classes only.

    Average precision and instance consistency of what is left are those of these classes, since no class has a say in
    another's: the first is a mean over classes, and the second pairs instances of one class.

    Example:
        >>> of_classes({"labels": torch.tensor([3, 1, 2]), "image_id": torch.tensor(7)}, (1, 3))
        {'labels': tensor([3, 1]), 'image_id': tensor(7)}
    """
    kept = torch.isin(values["labels"], torch.tensor(list(labels), device=values["labels"].device))
    return {name: column[kept] if column.ndim else column for name, column in values.items()}


def areas(regions: Tensor) -> Tensor:
    """Return the areas `(M,)` of masks `(M, H, W)` or boxes `(M, 4)` in pixels."""
    if regions.ndim == 3:
        return regions.sum(dim=(1, 2)).double()
    return (regions[:, 2:] - regions[:, :2]).clamp(min=0).prod(dim=1)


def pairwise_iou(first: Tensor, second: Tensor, crowd: Tensor | None = None) -> Tensor:
    """Return the IoU `(A, B)` of masks or boxes; with a crowd of `second`, the share of `first` inside of it."""
    shared = _intersections(first, second)
    union = areas(first)[:, None] + areas(second) - shared
    if crowd is not None:
        union = torch.where(crowd, areas(first)[:, None], union)
    return shared / union.clamp(min=1e-12)


def _intersections(first: Tensor, second: Tensor) -> Tensor:
    if first.ndim == 2:
        low, high = torch.maximum(first[:, None, :2], second[:, :2]), torch.minimum(first[:, None, 2:], second[:, 2:])
        return (high - low).clamp(min=0).prod(dim=2)
    shared = torch.zeros(len(first), len(second), dtype=torch.float64)
    parts = (masks.flatten(1).split(_PIXELS_AT_ONCE, dim=1) for masks in (first, second))
    for a, b in zip(*parts, strict=True):
        shared += a.float() @ b.float().T  # exact: counts below 2^24
    return shared


class _Class(NamedTuple):
    """One class over all pictures, its detections in the order of falling score."""

    picture: Tensor  # (D,) place of each detection's picture
    found: Tensor  # (D, T) verdicts
    objects: Tensor  # (N,) float64, how many each picture has


def statistic_of(matches: Matches) -> Callable[[Tensor], Tensor]:
    """Return what turns how often each picture counts, `(B, N)`, into average precision `(B,)`, NaN without objects.

    Pictures are in the order of their ids, as are detections of equal score.

    Raises:
        ValueError: Two pictures have one id.
    """
    pictures, seen = matches.pictures.unique(return_counts=True)
    if (seen > 1).any():
        twice = int(pictures[seen > 1][0])
        raise ValueError(
            f"image_id={twice} was seen {int(seen.max())} times. Give every picture an id and show it once."
        )
    classes = [_of_class(matches, label, pictures) for label in matches.objects[:, 1].unique()]
    return functools.partial(_mean_over_classes, classes)


def _of_class(matches: Matches, label: Tensor, pictures: Tensor) -> _Class:
    objects, detections = (rows[rows[:, 1] == label] for rows in (matches.objects, matches.detections))
    detections = detections[detections[:, 0].sort(stable=True).indices]
    detections = detections[detections[:, 2].sort(descending=True, stable=True).indices]
    held = torch.bincount(torch.searchsorted(pictures, objects[:, 0].contiguous()), minlength=len(pictures))
    places = torch.searchsorted(pictures, detections[:, 0].contiguous())
    return _Class(places, detections[:, 3:].long(), held.double())


def _mean_over_classes(classes: Sequence[_Class], counts: Tensor) -> Tensor:
    if not classes:
        return torch.full((len(counts),), torch.nan, dtype=torch.float64)
    return torch.stack([_precision_of_class(one, counts.double()) for one in classes]).nanmean(dim=0)


def _precision_of_class(one: _Class, counts: Tensor) -> Tensor:
    weights, objects = counts[:, one.picture], counts @ one.objects
    so_far = weights.cumsum(dim=1)
    each = [_precision_at(weights, so_far, objects, found) for found in one.found.T]
    return torch.where(objects > 0, torch.stack(each).mean(dim=0), torch.nan)


def _precision_at(weights: Tensor, so_far: Tensor, objects: Tensor, found: Tensor) -> Tensor:
    """Average the precision over recalls; it can only peak where an object is found, so only there is it computed."""
    true = (found == TRUE).nonzero()[:, 0]
    hits, counted = weights[:, true].cumsum(dim=1), so_far[:, true]
    if (found == IGNORED).any():
        counted = counted - (weights * (found == IGNORED)).cumsum(dim=1)[:, true]
    precision = hits / counted.clamp(min=1)
    best_from_here = precision.flip(1).cummax(dim=1).values.flip(1)
    reached = torch.bucketize(hits / objects.clamp(min=1)[:, None], _recalls(), right=True)
    return (best_from_here * reached.diff(dim=1, prepend=torch.zeros_like(objects[:, None]))).sum(dim=1) / 101


def point_of(matches: Matches) -> float:
    """Return average precision alone, NaN where no picture has an object."""
    return float(statistic_of(matches)(torch.ones(1, len(matches.pictures))))


def score_of_matches(
    matches: Matches,
    kind: Kind = "mask",
    *,
    at: float | None = None,
    level: float = 0.95,
    protocol: Mapping[str, Any] | None = None,
) -> Score:
    """Return average precision of matches, such as `AveragePrecision.matches` gives of a part of a set.

    Raises:
        ValueError: No picture has an object, or one was matched twice.
    """
    return score_of(name_of(kind, at), matches, at, level, protocol)


def name_of(kind: Kind, at: float | None) -> str:
    """Return a score's name, such as `mask AP50`."""
    return f"{kind} AP{'' if at is None else format(100 * at, 'g')}"


def score_of(name: str, matches: Matches, at: float | None, level: float, protocol: Mapping[str, Any] | None) -> Score:
    """Bind average precision to its interval and protocol."""
    if not len(matches.objects):
        raise ValueError(f"{name}: none of {len(matches.pictures)} pictures has an object. Add some.")
    said = {
        "in_words": "COCO protocol",
        "iou_thresholds": "0.5:0.05:0.95" if at is None else at,
        "recalls": 101,
        "detections": f"the best {MOST_DETECTIONS} of each class and picture",
        "crowd": "detections in crowds are ignored",
        "objects_of_any_area": True,
        **(protocol or {}),
    }
    return Score.from_statistic(name, statistic_of(matches), len(matches.pictures), said, level)
