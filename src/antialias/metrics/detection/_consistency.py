"""Instance segmentation consistency: do the same objects come out of two overlapping crops of one picture?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Unpack

import torch
from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics._adapter import Instances, Model, Options, check_positive
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._measurement import Measurement, Statistic, register_statistic
from antialias.metrics._score import Score
from antialias.metrics.detection._instances import (
    Detections,
    Kind,
    areas,
    checked_instances,
    of_classes,
    pairwise_iou,
    regions,
    size_of,
)
from antialias.metrics.detection._matching import MATCHINGS, Matching
from antialias.metrics.inputs._crops import Crops, random_crops, words_of_pairs
from antialias.metrics.inputs._images import Images, Sample


@dataclass(frozen=True, kw_only=True)
class SameInstance:
    """When two predicted instances are one and the same.

    Attributes:
        iou: They are, if their IoU within the overlap is above this.
        score: Predictions below this score do not exist.
        min_area: An instance of the first crop counts if it covers as many pixels of the overlap.
        matching: `"greedy"` pairs them in the order of falling IoU; `"one-to-one"` pairs as many as possible.

    Raises:
        ValueError: A number is outside of [0, 1] or below 0, or the matching is unknown.
    """

    iou: float = 0.9
    score: float = 0.5
    min_area: float = 16
    matching: Matching = "greedy"

    def __post_init__(self) -> None:
        for name in ("iou", "score"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)} is not between 0 and 1. Use {name}=0.5.")
        if self.min_area < 0:
            raise ValueError(f"min_area={self.min_area} is below 0. Use a number of pixels.")
        if self.matching not in MATCHINGS:
            raise ValueError(f"matching={self.matching!r} is unknown. Use one of: {', '.join(MATCHINGS)}.")


class NothingDetected(ValueError):
    """There is no instance whose consistency could be measured."""


@renamed_keywords(repeats="passes", pairs="passes")
def instance_consistency(
    model: Model,
    images: Images,
    kind: Kind = "mask",
    *,
    passes: int = 5,
    crop: float = 0.875,
    same: SameInstance | None = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> Score:
    """Measure mAISC: the share of a crop's predicted instances that another crop of the picture predicts as well.

    Two random crops of a picture overlap. The instances predicted in each are restricted to the overlap; one of the
    first crop is consistent if the second has its own counterpart for it, of the same class and with an IoU above 0.9.
    A detector that finds little has little to be inconsistent about: show AP beside it.

    Args:
        model: Takes a list of pictures `(3, h, w)` and returns one dictionary each, as torchvision's detectors do:
            `boxes`, `labels`, `scores` and, for masks, `masks`. A module runs in eval mode, then gets its training
            flags back.
        images: Floats in [0, 1]: `(N, 3, H, W)`, or an iterable of `(3, H, W)` of any sizes.
        kind: `"mask"` or `"box"`; `measure_detector` gives both for the price of one.
        passes: Pairs of crops per picture.
        crop: Height and width of a crop, as a share of the picture's.
        same: When two instances are the same one.
        seed: Chooses the places of the crops.
        **options: `normalize`, `batch_size`, `level`, `first`, `progress`: see `Options`.

    Raises:
        NothingDetected: No first crop of any picture has an instance that counts.
        ValueError: Pictures, crops or predictions cannot be measured.

    Example:
        >>> def corner(pictures):
        ...     box = torch.tensor([[0.0, 0.0, 9.0, 9.0]])
        ...     return [{"boxes": box, "labels": torch.tensor([1]), "scores": torch.ones(1)} for _ in pictures]
        >>> print(instance_consistency(corner, torch.rand(20, 3, 64, 64), "box").value < 0.5)
        True

    Source: after Zou et al., BMVC 2020, section 4.2, who released no implementation: docs/protocols.md defines it.
    """
    adapter = Instances.of(model, **options)
    return measure_pairs(adapter, images, [Group(kind)], passes, crop, seed, same or SameInstance())[0].score()


def instance_agreement(
    output: Detections, reference: Detections, kind: Kind = "mask", *, same: SameInstance | None = None
) -> float:
    """Return the share of a reference's instances that another detector finds in the same image as well.

    Args:
        output: What it finds.
        reference: What another one finds.
        kind: `"mask"` or `"box"`.
        same: When two instances are the same one.

    Returns:
        The share, NaN where the reference has no instance that counts.

    Example:
        >>> boxes, one = torch.tensor([[0.0, 0.0, 9.0, 9.0], [5.0, 5.0, 20.0, 20.0]]), torch.ones(2)
        >>> both = {"boxes": boxes, "labels": one.long(), "scores": one}
        >>> instance_agreement({name: column[:1] for name, column in both.items()}, both, "box")
        0.5
    """
    same = same or SameInstance()
    size = size_of(reference) or size_of(output) or (2**24, 2**24)  # boxes alone end nowhere
    ours, theirs = (likely(one, same.score, kind, size) for one in (output, reference))
    return _share_of_pair(theirs, ours, torch.zeros(2, 2, dtype=torch.int64), size, kind, same)


class Group(NamedTuple):
    """What is scored of each image's predictions: regions of a kind, of some classes if `labels` says which."""

    kind: Kind
    labels: frozenset[int] | None = None


def measure_pairs(
    adapter: Instances,
    images: Images,
    groups: Sequence[Group],
    passes: int,
    crop: float,
    seed: int,
    same: SameInstance,
) -> list[Measurement]:
    """Measure each image's share of consistent instances `(N,)`, NaN where none counts, of each group.

    Args:
        adapter: The detector.
        images: What is shown of it.
        groups: What is scored of its answers, each by itself.
        passes: Pairs of crops per image.
        crop: Height and width of a crop, as a share of the image's.
        seed: Chooses the places.
        same: When two instances are the same one.
    """
    check_positive(passes=passes)

    def crops(sample: Sample) -> Crops:
        return instance_crops(sample.pixels, passes=passes, crop=crop, seed=seed, index=sample.index)

    def row(sample: Sample, answers: Sequence[Detections]) -> Tensor:
        cut = crops(sample)
        corners = cut.corners.unflatten(0, (-1, 2))
        shares = []
        for kind, labels in groups:
            instances = [likely(answer, same.score, kind, cut.size) for answer in answers]
            instances = instances if labels is None else [of_classes(one, labels) for one in instances]
            shares.append(consistent_share(instances[::2], instances[1::2], corners, cut.size, kind, same))
        return torch.stack(shares)[None]

    measured = measure(images, [Show(adapter, lambda sample: crops(sample).frames)], row)
    said: dict[str, Any] = {
        "passes": passes,
        "crop": crop,
        "seed": seed,
        "same_instance": asdict(same),
        "empty": "a pair whose first crop has no instance in the overlap does not count",
        "border": "instances cut off by a crop's border count like others",
    }
    return [
        about(
            measured,
            consistency_name(kind),
            words_of_pairs(passes, crop, seed),
            measured.rows[:, column],
            statistic="share of instances",
            **(said if labels is None else {**said, "labels": sorted(labels)}),
        )
        for column, (kind, labels) in enumerate(groups)
    ]


def _share_of_instances(measurement: Measurement) -> Score:
    if measurement.empty:
        least = measurement.protocol.get("same_instance", {}).get("score", 0)
        raise NothingDetected(
            f"nothing was detected in {len(measurement.rows)} pictures with a score of {least:g} or more. "
            "Train longer, or use same=SameInstance(score=...)."
        )
    return Score.from_images(measurement.name, measurement.rows, measurement.protocol, measurement.level)


register_statistic(
    "share of instances",
    Statistic(_share_of_instances, lambda measurement: float(measurement.rows.double().nanmean())),
)


def consistency_name(kind: Kind) -> str:
    """Return the score's name."""
    return f"instance consistency of {'masks' if kind == 'mask' else 'boxes'}"


@renamed_keywords(repeats="passes", pairs="passes")
def instance_crops(image: Tensor, *, passes: int = 5, crop: float = 0.875, seed: int = 0, index: int = 0) -> Crops:
    """Cut the random pairs of crops of `instance_consistency` from a picture.

    Args:
        image: `(3, H, W)`.
        passes: Pairs.
        crop: Height and width of a crop, as a share of the picture's.
        seed: Chooses the places.
        index: Number of the picture within its data set: its crops depend on that and on the seed alone.

    Raises:
        ValueError: Fewer than two places fit along a side.

    Example:
        >>> crops = instance_crops(torch.zeros(3, 64, 96), passes=2)
        >>> len(crops.frames), crops.size
        (4, (56, 84))
    """
    return random_crops(image, passes, crop=crop, seed=seed, index=index)


def likely(output: Detections, least: float, kind: Kind, size: tuple[int, int]) -> Detections:
    """Return the predictions in a crop whose score reaches `least`, with boxes in `float64`.

    Args:
        output: What a detector says of the crop.
        least: Least score.
        kind: `"mask"` or `"box"`.
        size: Height and width of the crop.
    """
    output = checked_instances(output, "output", kind, size)
    enough = output["scores"] >= least
    columns = {name: output[name][enough] for name in ("boxes", "labels", "scores", "masks") if name in output}
    return {name: column.double() if name == "boxes" else column for name, column in columns.items()}


def consistent_share(
    first: Sequence[Detections],
    second: Sequence[Detections],
    corners: Tensor,
    size: tuple[int, int],
    kind: Kind,
    same: SameInstance,
) -> Tensor:
    """Return the mean over P pairs of crops of one picture of the share of consistent instances, NaN if none counts.

    Args:
        first: Predictions in the first crop of each pair.
        second: Predictions in the second.
        corners: `(P, 2, 2)` where they were cut, y and x.
        size: Height and width of the crops.
        kind: `"mask"` or `"box"`.
        same: When two instances are the same one.
    """
    shares = [
        _share_of_pair(a, b, places, size, kind, same) for a, b, places in zip(first, second, corners, strict=True)
    ]
    return torch.tensor(shares, dtype=torch.float32).nanmean()


def _share_of_pair(
    a: Detections, b: Detections, corners: Tensor, size: tuple[int, int], kind: Kind, same: SameInstance
) -> float:
    start, apart = corners.amax(0), (corners.amax(0) - corners.amin(0)).tolist()
    overlap = (size[0] - apart[0], size[1] - apart[1])
    seen_a, seen_b = (
        regions(Instances.within(one, (start - own).tolist(), overlap), kind)
        for one, own in zip((a, b), corners, strict=True)
    )
    counts = areas(seen_a) >= max(same.min_area, 1e-6)
    if not bool(counts.any()):
        return float("nan")
    alike = a["labels"][counts][:, None] == b["labels"]
    ious = pairwise_iou(seen_a[counts], seen_b).where(alike, -1.0)
    return MATCHINGS[same.matching](ious, same.iou) / int(counts.sum())
