"""Consistency of dense values: how far apart are the values that two overlapping crops of one image give a pixel?"""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from antialias.metrics._adapter import DenseValues, Model, Options, check_positive
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._score import Score
from antialias.metrics.inputs._crops import Crops, random_crops
from antialias.metrics.inputs._images import Images, Sample


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
    check_positive(passes=passes)
    adapter = DenseValues.of(model, **options)

    def crops(sample: Sample) -> Crops:
        size = {"crop": crop, "multiple": adapter.sides_of}
        return random_crops(sample.pixels, passes, seed=seed, index=sample.index, **size)

    def row(sample: Sample, values: Tensor) -> Tensor:
        cut, distances = crops(sample), []
        for first, second, places in zip(values[::2], values[1::2], cut.corners.unflatten(0, (-1, 2)), strict=True):
            start = places.amax(0)
            size = (torch.tensor(cut.size) - (start - places.amin(0))).tolist()
            a, b = (
                adapter.within(one, (start - own).tolist(), size).double().flatten(1)
                for one, own in zip((first, second), places, strict=True)
            )
            spread = torch.cat([a, b], 1).std(1, correction=0)
            distance = (a - b).square().mean(1).sqrt()
            # Values that are all the same do not differ either.
            distances.append((distance / torch.where(spread > 0, spread, 1)).mean())
        return torch.stack(distances)[None].float()

    measured = measure(images, [Show(adapter, lambda sample: torch.stack(crops(sample).frames))], row)
    return about(
        measured,
        "dense consistency",
        f"difference of {passes} pair{'s' * (passes > 1)} each of crops of {crop:g} of the sides, seed {seed}",
        score_unit="spreads",
        passes=passes,
        crop=crop,
        multiple=adapter.sides_of,
        value="root mean square difference in the overlap / standard deviation of both crops' values there",
        offsets="per picture, uniform where the crop fits; both crops of a pair independently",
        seed=seed,
    ).score()
