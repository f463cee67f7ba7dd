"""Semantic segmentation consistency: do two overlapping crops of one picture give its pixels the same classes?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Unpack

import torch
from torch import Tensor

from antialias.metrics._loop import Model, check_positive, measure
from antialias.metrics._measurement import PictureValues
from antialias.metrics._score import Score
from antialias.metrics.inputs._crops import Crops, random_crops
from antialias.metrics.inputs._images import Images, Picture
from antialias.metrics.segmentation._overlaps import consistency_of, overlap_shares
from antialias.metrics.segmentation._segmenter import MapQuestion, SegmenterOptions, settings_of


class SegmentationConsistencies(NamedTuple):
    """Both scores of the same predictions; no score on correct pixels where no pixel is classified correctly."""

    all: Score
    on_correct: Score | None


def segmentation_consistency(
    model: Model,
    images: Images,
    *,
    repeats: int = 5,
    crop: float = 0.875,
    seed: int = 0,
    only_correct: bool = False,
    **options: Unpack[SegmenterOptions],
) -> Score:
    """Measure mASSC: the share of pixels that two overlapping random crops of a picture give the same class.

    A segmenter that calls everything background is 100 % consistent: show mean IoU beside it, or pass masks and
    `only_correct=True`, which counts the pixels that the first crop classifies correctly.

    Args:
        model: As in `mean_iou`.
        images: Floats in [0, 1], `(N, 3, H, W)`, or an iterable of such tensors or of `(images, masks)`.
        repeats: Pairs of crops per picture; `score.spread` is the standard deviation from one to the next.
        crop: Height and width of a crop, as a share of the picture's. Where the network takes multiples only, the
            crop's centre is shown whose sides are the next smaller multiples.
        seed: Chooses the places of the crops.
        only_correct: Count correctly classified pixels only.
        **options: `multiple`, `normalize`, `batch_size`, `level`, `first`, `progress`: see `SegmenterOptions`.

    Raises:
        ValueError: Pictures, crops or logits cannot be measured; the message says what to change.

    Example:
        >>> threshold = lambda x: torch.stack([1 - x[:, 0], x[:, 0]], 1)
        >>> print(segmentation_consistency(threshold, torch.rand(20, 3, 32, 32)))  # doctest: +NORMALIZE_WHITESPACE
        segmentation consistency 100.0 % +- 0.00 (95 % interval 83.9 to 100.0; 20 images, 5 pairs each of crops of
        0.875 of the sides, seed 0)

    Source: after Zou et al., BMVC 2020, section 4.3: docs/protocols.md defines it.
    """
    shares = _shares(model, images, _Pairs(repeats, crop, seed), options, (only_correct,))
    return _score(shares, 0, only_correct=only_correct)


def segmentation_consistencies(
    model: Model,
    pictures: Images,
    *,
    repeats: int = 5,
    crop: float = 0.875,
    seed: int = 0,
    **options: Unpack[SegmenterOptions],
) -> SegmentationConsistencies:
    """Measure `segmentation_consistency` of all and of correctly classified pixels, on the same predictions."""
    how = {"repeats": repeats, "crop": crop, "seed": seed}
    return scores_of_shares(segmentation_shares(model, pictures, **how, **options))


def segmentation_shares(
    model: Model,
    pictures: Images,
    *,
    repeats: int = 5,
    crop: float = 0.875,
    seed: int = 0,
    **options: Unpack[SegmenterOptions],
) -> PictureValues:
    """Measure what the pairs of crops agree on, of all and of correct pixels: `(N, 2, repeats)` of N pictures.

    Parts of a set, each with its `first`, can be measured apart and joined.
    """
    return _shares(model, pictures, _Pairs(repeats, crop, seed), options, (False, True))


def scores_of_shares(shares: PictureValues) -> SegmentationConsistencies:
    """Return the scores of what `segmentation_shares` measured."""
    correct = bool(shares.values[:, 1].isfinite().any())
    on_correct = _score(shares, 1, only_correct=True) if correct else None
    return SegmentationConsistencies(_score(shares, 0, only_correct=False), on_correct)


def _score(shares: PictureValues, column: int, *, only_correct: bool) -> Score:
    counted = "pixels of the overlap" + " that the first crop classifies as there" * only_correct
    protocol = {**shares.protocol, "counted": counted}
    return consistency_of(shares.values[:, column], protocol, shares.level, only_correct=only_correct)


@dataclass(frozen=True)
class _Pairs:
    """What is asked of each picture."""

    repeats: int
    crop: float
    seed: int

    def crops(self, picture: Picture, multiple: int) -> Crops:
        where = {"crop": self.crop, "seed": self.seed, "index": picture.index, "multiple": multiple}
        return random_crops(picture.pixels, self.repeats, **where)

    def protocol(self, multiple: int) -> dict[str, Any]:
        """Say every free choice."""
        many = f"{self.repeats} pair{'s' * (self.repeats > 1)} each"
        cut = f", their centres of multiples of {multiple}" * (multiple > 1)
        return {
            "in_words": f"{many} of crops of {self.crop:g} of the sides{cut}, seed {self.seed}",
            "repeats": self.repeats,
            "crop": self.crop,
            "multiple": multiple,
            "offsets": "per picture, uniform where the crop fits; both crops of a pair independently",
            "seed": self.seed,
        }


def _shares(
    model: Model, images: Images, pairs: _Pairs, options: SegmenterOptions, correct: tuple[bool, ...]
) -> PictureValues:
    """Return shares `(N, len(correct), R)`, of correct pixels alone where that is true."""
    check_positive(repeats=pairs.repeats)
    settings, multiple = settings_of(model, options)

    def frames(picture: Picture) -> Tensor:
        return torch.stack(pairs.crops(picture, multiple).frames)

    question = MapQuestion.about(model, frames, settings, multiple)

    def verdict(picture: Picture, maps: Tensor) -> Tensor:
        corners = pairs.crops(picture, multiple).corners
        truths = (question.truth_of(picture) if only else None for only in correct)
        return torch.stack([overlap_shares(maps, corners, truth) for truth in truths])

    measured = measure(images, [question], verdict, settings)
    protocol = {**pairs.protocol(multiple), **measured.protocol()}
    return PictureValues("segmentation shares", measured.values, protocol, settings.level)
