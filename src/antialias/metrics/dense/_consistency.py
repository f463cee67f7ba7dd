"""Consistency of dense values: how far apart are the values that two overlapping crops of one image give a pixel?"""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import Tensor

from antialias.metrics._adapter import DenseValues, Model, Options, check_positive
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._measurement import Measurement
from antialias.metrics._score import Score
from antialias.metrics.inputs._crops import OFFSETS, Crops, random_crops, words_of_pairs
from antialias.metrics.inputs._images import Images, Sample

_MOST = 100.0
"""Decibels of values that are the same."""


def dense_consistency(
    model: Model,
    images: Images,
    *,
    passes: int = 5,
    crop: float = 0.875,
    seed: int = 0,
    **options: Unpack[Options],
) -> Score:
    """Measure how far apart the values are that two overlapping random crops of an image give the same pixels.

    The score is the root mean square difference within the overlap, relative to the spread (standard deviation) of the
    values there: 0 for a network that only moves its answer along, 1.41 for one whose values have nothing to do with
    each other. It is no share, so lower is better and its unit is printed.

    Args:
        model: Any callable from images `(N, 3, H, W)` to values `(N, H, W)` or `(N, C, H, W)`, or to a mapping with
            them at `"out"`. The spread is that of each of the C channels; the score is their mean.
        images: Floats in [0, 1], `(N, 3, H, W)`, or an iterable of such tensors.
        passes: Pairs of crops per image; `score.spread` is the standard deviation from one to the next.
        crop: Height and width of a crop, as a share of the image's.
        seed: Chooses the places of the crops, which are those of `segmentation_consistency`.
        **options: `multiple`, `normalize`, `batch_size`, `level`, `first`, `progress`: see `Options`.

    Raises:
        ValueError: Images, crops or values cannot be measured, or there is one image only.

    Example:
        >>> images = torch.rand((12, 3, 32, 32), generator=torch.Generator().manual_seed(0))
        >>> print(dense_consistency(lambda x: x.mean(1), images))  # doctest: +NORMALIZE_WHITESPACE
        dense consistency 0 spreads +- 0 (95 % interval 0 to 0; 12 images, difference of 5 pairs each of crops of 0.875
        of the sides, seed 0)
    """
    return measure_dense(model, images, passes=passes, crop=crop, seed=seed, **options)["dense_consistency"].score()


def measure_dense(
    model: Model,
    images: Images,
    *,
    passes: int = 5,
    crop: float = 0.875,
    seed: int = 0,
    **options: Unpack[Options],
) -> dict[str, Measurement]:
    """Measure all that there is to measure of dense values, from the same crops.

    Args:
        model: As in `dense_consistency`.
        images: As there.
        passes: As there.
        crop: As there.
        seed: As there.
        **options: See `Options`. Parts of a set, each with its `first`, can be measured apart and joined.

    Returns:
        `dense_consistency`, and `dense_psnr`: the peak signal-to-noise ratio in decibels between the values that both
        crops of a pair give the same pixels, the peak being the range of both crops' values there; higher is better,
        and 100 is the most, for values that are the same. Of several channels it is the mean.

    Example:
        >>> images = torch.rand((12, 3, 32, 32), generator=torch.Generator().manual_seed(0))
        >>> print(measure_dense(lambda x: x.mean(1), images)["dense_psnr"].score().value)
        100.0
    """
    check_positive(passes=passes)
    adapter = DenseValues.of(model, **options)

    def crops(sample: Sample) -> Crops:
        size = {"crop": crop, "multiple": adapter.sides_of}
        return random_crops(sample.pixels, passes, seed=seed, index=sample.index, **size)

    def row(sample: Sample, values: Tensor) -> Tensor:
        cut, compared = crops(sample), []
        for first, second, places in zip(values[::2], values[1::2], cut.corners.unflatten(0, (-1, 2)), strict=True):
            start = places.amax(0)
            size = (torch.tensor(cut.size) - (start - places.amin(0))).tolist()
            shared = (
                adapter.within(one, (start - own).tolist(), size).double().flatten(1)
                for one, own in zip((first, second), places, strict=True)
            )
            compared.append(_compare(*shared))
        return torch.stack(compared, 1)[None].float()

    measured = measure(images, [Show(adapter, lambda sample: torch.stack(crops(sample).frames))], row)
    pairs = words_of_pairs(passes, crop, seed)
    said: dict[str, Any] = {
        "passes": passes,
        "crop": crop,
        "multiple": adapter.sides_of,
        "offsets": OFFSETS,
        "seed": seed,
    }
    return {
        "dense_consistency": about(
            measured,
            "dense consistency",
            f"difference of {pairs}",
            measured.rows[:, 0],
            score_unit="spreads",
            value="root mean square difference in the overlap / standard deviation of both crops' values there",
            **said,
        ),
        "dense_psnr": about(
            measured,
            "dense PSNR",
            pairs,
            measured.rows[:, 1],
            score_unit="dB",
            value="20 log10(range of both crops' values in the overlap / root mean square difference), 100 at most",
            **said,
        ),
    }


def _compare(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean difference of two answers `(C, P)` to the same pixels, in spreads and in decibels."""
    both = torch.cat([a, b], 1)
    spread, peak = both.std(1, correction=0), both.amax(1) - both.amin(1)
    distance = (a - b).square().mean(1).sqrt()
    # Values that are all the same do not differ either.
    in_spreads = (distance / torch.where(spread > 0, spread, 1)).mean()
    decibels = (20 * (peak / distance).log10()).nan_to_num(_MOST, _MOST).clamp(max=_MOST).mean()
    return torch.stack([in_spreads, decibels])
