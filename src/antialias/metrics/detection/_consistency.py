"""Instance segmentation consistency: do the same objects come out of two overlapping crops of one picture?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Unpack

import torch
from torch import Tensor

from antialias.metrics._loop import Model, check_positive, evaluating
from antialias.metrics._measurement import PictureValues
from antialias.metrics._score import Score
from antialias.metrics.detection._average_precision import (
    KINDS,
    Detections,
    Kind,
    areas,
    of_classes,
    pairwise_iou,
    regions,
)
from antialias.metrics.detection._detector import Detector, DetectorOptions, DetectorSettings
from antialias.metrics.detection._matching import MATCHINGS, Matching
from antialias.metrics.inputs._crops import Crops, random_crops
from antialias.metrics.inputs._images import Images, Picture, Pictures


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


class InstanceConsistencies(NamedTuple):
    """Both scores of the same predictions."""

    mask: Score
    box: Score


def instance_consistency(
    model: Model,
    images: Images,
    kind: Kind = "mask",
    *,
    passes: int = 5,
    crop: float = 0.875,
    same: SameInstance | None = None,
    seed: int = 0,
    **options: Unpack[DetectorOptions],
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
        kind: `"mask"` or `"box"`; `instance_consistencies` gives both for the price of one.
        passes: Pairs of crops per picture.
        crop: Height and width of a crop, as a share of the picture's.
        same: When two instances are the same one.
        seed: Chooses the places of the crops.
        **options: `normalize`, `batch_size`, `level`, `first`, `progress`: see `DetectorOptions`.

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
    pairs = _Pairs(passes, crop, seed, same or SameInstance())
    return _scores(model, images, (_Part(kind),), pairs, DetectorSettings(**options))[0]


def instance_consistencies(
    model: Model,
    images: Images,
    *,
    passes: int = 5,
    crop: float = 0.875,
    same: SameInstance | None = None,
    seed: int = 0,
    **options: Unpack[DetectorOptions],
) -> InstanceConsistencies:
    """Measure `instance_consistency` of masks and of boxes on the same predictions."""
    pairs = _Pairs(passes, crop, seed, same or SameInstance())
    parts = [_Part(kind) for kind in KINDS]
    return InstanceConsistencies(*_scores(model, images, parts, pairs, DetectorSettings(**options)))


def instance_consistencies_of_classes(
    model: Model,
    images: Images,
    classes: Mapping[str, Collection[int]],
    *,
    passes: int = 5,
    crop: float = 0.875,
    same: SameInstance | None = None,
    seed: int = 0,
    **options: Unpack[DetectorOptions],
) -> dict[str, InstanceConsistencies]:
    """Measure `instance_consistency` of sets of classes, for the price of one.

    Args:
        model: As in `instance_consistency`.
        images: As there.
        classes: The labels of each set, by its name.
        passes: Pairs of crops per picture.
        crop: Height and width of a crop, as a share of the picture's.
        same: When two instances are the same one.
        seed: Chooses the places of the crops.
        **options: See `DetectorOptions`.

    Returns:
        Both scores by the sets' names; a set of which nothing was detected is left out.
    """
    how: Any = {"passes": passes, "crop": crop, "same": same, "seed": seed, **options}
    shares = instance_shares_of_classes(model, images, classes, **how)
    scores = {name: [score_of_instance_shares(kind) for kind in both] for name, both in shares.items()}
    return {
        name: InstanceConsistencies(mask, box)
        for name, (mask, box) in scores.items()
        if isinstance(mask, Score) and isinstance(box, Score)
    }


class InstanceShares(NamedTuple):
    """What instance consistency is made of, `(N,)` a picture, NaN where it has no instance that counts."""

    mask: PictureValues
    box: PictureValues


def instance_shares_of_classes(
    model: Model,
    images: Images,
    classes: Mapping[str, Collection[int]],
    *,
    passes: int = 5,
    crop: float = 0.875,
    same: SameInstance | None = None,
    seed: int = 0,
    **options: Unpack[DetectorOptions],
) -> dict[str, InstanceShares]:
    """Return what `instance_consistencies_of_classes` measures of each picture.

    Parts of a set, each with its `first`, can be measured apart and joined.
    """
    pairs = _Pairs(passes, crop, seed, same or SameInstance())
    parts = [_Part(kind, frozenset(labels)) for labels in classes.values() for kind in KINDS]
    shares = _shares(model, images, parts, pairs, DetectorSettings(**options))
    return {name: InstanceShares(*shares[2 * k :][:2]) for k, name in enumerate(classes)}


def score_of_instance_shares(shares: PictureValues) -> Score | NothingDetected:
    """Return the score of shares, or the reason why there is none."""
    if bool(shares.values.isnan().all()):
        return NothingDetected(
            f"nothing was detected in {len(shares.values)} pictures with a score of "
            f"{shares.protocol['same_instance']['score']:g} or more. Train longer, or use same=SameInstance(score=...)."
        )
    return Score.from_pictures(shares.name, shares.values, shares.protocol, shares.level)


class _Part(NamedTuple):
    """What is scored of each picture's predictions."""

    kind: Kind
    labels: frozenset[int] | None = None

    def of(self, output: Detections) -> Detections:
        return output if self.labels is None else of_classes(output, self.labels)

    def protocol(self) -> dict[str, Any]:
        return {} if self.labels is None else {"labels": sorted(self.labels)}


@dataclass(frozen=True)
class _Pairs:
    """What is asked of each picture."""

    passes: int
    crop: float
    seed: int
    same: SameInstance

    def shares(self, ask: Detector, picture: Picture, parts: Sequence[_Part]) -> Tensor:
        """Return one picture's share of consistent instances for each part, NaN where none counts."""
        crops = instance_crops(picture.pixels, passes=self.passes, crop=self.crop, seed=self.seed, index=picture.index)
        found = [likely(output, self.same.score) for output in ask(crops.frames)]
        return torch.stack([self._share([part.of(one) for one in found], crops, part.kind) for part in parts])

    def _share(self, found: Sequence[Detections], crops: Crops, kind: Kind) -> Tensor:
        corners = crops.corners.unflatten(0, (-1, 2))
        return consistent_share(found[::2], found[1::2], corners, crops.size, kind, self.same)

    def protocol(self) -> dict[str, Any]:
        """Say every free choice."""
        many = f"{self.passes} pair{'s' * (self.passes > 1)} each"
        return {
            "in_words": f"{many} of crops of {self.crop:g} of the sides, seed {self.seed}",
            "passes": self.passes,
            "crop": self.crop,
            "seed": self.seed,
            "same_instance": asdict(self.same),
            "empty": "a pair whose first crop has no instance in the overlap does not count",
            "border": "instances cut off by a crop's border count like others",
        }


def _scores(
    model: Model, images: Images, parts: Sequence[_Part], pairs: _Pairs, settings: DetectorSettings
) -> list[Score]:
    """Score each part, or raise."""
    scores = [score_of_instance_shares(part) for part in _shares(model, images, parts, pairs, settings)]
    for score in scores:
        if isinstance(score, NothingDetected):
            raise score
    return [score for score in scores if isinstance(score, Score)]


def _shares(
    model: Model, images: Images, parts: Sequence[_Part], pairs: _Pairs, settings: DetectorSettings
) -> list[PictureValues]:
    """Return each part's shares, `(N,)`."""
    check_positive(passes=pairs.passes)
    ask, pictures = Detector.of(model, settings), Pictures(images, first=settings.first)
    values: list[Tensor] = []
    with evaluating(model):
        for picture in pictures:
            values.append(pairs.shares(ask, picture, parts))
            if settings.progress is not None:
                settings.progress(len(values), pictures.total)
    said = {**pairs.protocol(), "pictures": pictures.protocol(), "normalisation": ask.normalization.protocol}
    return [
        PictureValues(consistency_name(part.kind), column, {**said, **part.protocol()}, settings.level)
        for part, column in zip(parts, torch.stack(values).unbind(1), strict=True)
    ]


def consistency_name(kind: Kind) -> str:
    """Return the score's name."""
    return f"instance consistency of {'masks' if kind == 'mask' else 'boxes'}"


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


def likely(output: Detections, least: float) -> Detections:
    """Return the predictions whose score reaches `least`."""
    kept = output["scores"] >= least
    return {name: values[kept] for name, values in output.items()}


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
    shares = [_share(*pair, size, kind, same) for pair in zip(first, second, corners, strict=True)]
    return torch.tensor(shares, dtype=torch.float32).nanmean()


def _share(
    a: Detections, b: Detections, corners: Tensor, size: tuple[int, int], kind: Kind, same: SameInstance
) -> float:
    start, apart = corners.amax(0), (corners.amax(0) - corners.amin(0)).tolist()
    seen_a, seen_b = (
        _within(regions(one, kind), (start - own).tolist(), apart, size)
        for one, own in zip((a, b), corners, strict=True)
    )
    counts = areas(seen_a) >= max(same.min_area, 1e-6)
    if not bool(counts.any()):
        return float("nan")
    alike = a["labels"].cpu()[counts][:, None] == b["labels"].cpu()
    ious = pairwise_iou(seen_a[counts], seen_b).where(alike, -1.0)
    return MATCHINGS[same.matching](ious, same.iou) / int(counts.sum())


def _within(regions: Tensor, corner: list[int], apart: list[int], size: tuple[int, int]) -> Tensor:
    """Restrict a crop's regions to the overlap at `corner` of it, whose sides are `size` less what lies `apart`."""
    (top, left), (height, width) = corner, (size[0] - apart[0], size[1] - apart[1])
    if regions.ndim == 3:
        return regions[:, top : top + height, left : left + width]
    low, high = regions.new_zeros(4), regions.new_tensor([width, height, width, height])
    return (regions - regions.new_tensor([left, top, left, top])).clamp(low, high)
