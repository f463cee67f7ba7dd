"""Semantic segmentation consistency: do two overlapping crops of one image give its pixels the same classes?"""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import Tensor

from antialias._renamed import renamed_keywords
from antialias.metrics._adapter import LabelMaps, Model, Options, check_positive
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._measurement import Measurement
from antialias.metrics._score import Score
from antialias.metrics.inputs._crops import OFFSETS, Crops, random_crops, words_of_pairs
from antialias.metrics.inputs._images import Images, Sample
from antialias.metrics.segmentation._mean_iou import measure_overlaps
from antialias.metrics.segmentation._overlaps import overlap_shares, truth_of


@renamed_keywords(repeats="passes", pairs="passes")
def segmentation_consistency(
    model: Model,
    images: Images,
    *,
    passes: int = 5,
    crop: float = 0.875,
    seed: int = 0,
    only_correct: bool = False,
    **options: Unpack[Options],
) -> Score:
    """Measure mASSC: the share of pixels that two overlapping random crops of an image give the same class.

    A segmenter that calls everything background is 100 % consistent: show mean IoU beside it, or pass masks and
    `only_correct=True`, which counts the pixels that the first crop classifies correctly.

    Args:
        model: As in `mean_iou`.
        images: Floats in [0, 1], `(N, 3, H, W)`, or an iterable of such tensors or of `(images, masks)`.
        passes: Pairs of crops per image; `score.spread` is the standard deviation from one to the next.
        crop: Height and width of a crop, as a share of the image's. Where the network takes multiples only, the
            crop's centre is shown whose sides are the next smaller multiples.
        seed: Chooses the places of the crops.
        only_correct: Count correctly classified pixels only.
        **options: `multiple`, `normalize`, `batch_size`, `level`, `first`, `progress`: see `Options`.

    Raises:
        ValueError: Images, crops or logits cannot be measured; the message says what to change.

    Example:
        >>> threshold = lambda x: torch.stack([1 - x[:, 0], x[:, 0]], 1)
        >>> print(segmentation_consistency(threshold, torch.rand(20, 3, 32, 32)))  # doctest: +NORMALIZE_WHITESPACE
        segmentation consistency 100.0 % +- 0.00 (95 % interval 83.9 to 100.0; 20 images, 5 pairs each of crops of
        0.875 of the sides, seed 0)

    Source: after Zou et al., BMVC 2020, section 4.3: docs/protocols.md defines it.
    """
    adapter = LabelMaps.of(model, **options)
    key = "segmentation_consistency" + "_on_correct" * only_correct
    return _measure_pairs(adapter, images, passes, crop, seed, (only_correct,))[key].score()


def measure_segmenter(
    model: Model,
    images: Images,
    *,
    passes: int = 5,
    crop: float = 0.875,
    seed: int = 0,
    **options: Unpack[Options],
) -> dict[str, Measurement]:
    """Measure all that there is to measure of a segmenter, with every answer used for all scores that it is for.

    Args:
        model: As in `mean_iou`.
        images: An iterable of `(images, masks)` that can be read twice.
        passes: As in `segmentation_consistency`.
        crop: As there.
        seed: As there.
        **options: See `Options`. Parts of a set, each with its `first`, can be measured apart and joined.

    Returns:
        `mean_iou`, `pixel_accuracy`, `segmentation_consistency` and `segmentation_consistency_on_correct`; the last
        is `empty` where no pixel is classified correctly.

    Raises:
        ValueError: As in `mean_iou` and `segmentation_consistency`.

    Example:
        >>> threshold = lambda x: torch.stack([1 - x[:, 0], x[:, 0]], 1)
        >>> images = torch.rand(20, 3, 32, 32)
        >>> measured = measure_segmenter(threshold, [(images, (images[:, 0] > 0.5).long())])
        >>> [f"{one.score().value:.1f}" for one in measured.values()]
        ['1.0', '1.0', '1.0', '1.0']
    """
    adapter = LabelMaps.of(model, **options)
    return measure_overlaps(adapter, images) | _measure_pairs(adapter, images, passes, crop, seed, (False, True))


def _measure_pairs(
    adapter: LabelMaps, images: Images, passes: int, crop: float, seed: int, correct: tuple[bool, ...]
) -> dict[str, Measurement]:
    """Measure what pairs of crops agree on `(N, P)`, of correct pixels alone where `correct` is true."""
    check_positive(passes=passes)
    multiple = adapter.sides_of

    def crops(sample: Sample) -> Crops:
        return random_crops(sample.pixels, passes, crop=crop, seed=seed, index=sample.index, multiple=multiple)

    def row(sample: Sample, maps: Tensor) -> Tensor:
        truths = (truth_of(sample, adapter) if only else None for only in correct)
        return torch.stack([overlap_shares(maps, crops(sample).corners, truth) for truth in truths])[None]

    measured = measure(images, [Show(adapter, lambda sample: torch.stack(crops(sample).frames))], row)
    said: dict[str, Any] = {
        "repeats": passes,
        "crop": crop,
        "multiple": multiple,
        "offsets": OFFSETS,
        "seed": seed,
    }
    overlap = "pixels of the overlap"
    return {
        "segmentation_consistency" + "_on_correct" * only: about(
            measured,
            consistency_name(only_correct=only),
            words_of_pairs(passes, crop, seed, multiple),
            measured.rows[:, column],
            counted=overlap + " that the first crop classifies as there" * only,
            **said,
        )
        for column, only in enumerate(correct)
    }


def consistency_name(*, only_correct: bool) -> str:
    """Return the score's name."""
    return "segmentation consistency" + " on correctly classified pixels" * only_correct
