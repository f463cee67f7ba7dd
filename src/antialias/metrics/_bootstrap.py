"""Intervals over pictures: percentile bootstrap, and Wilson's where resampling cannot see the other answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import torch
from torch import Tensor

RESAMPLES = 2000
FEW = 10
"""Below this many pictures off the extreme, resampling says nothing about the tail and Wilson's interval is used."""
_CHUNK = 4_000_000
_FEW_DISTINCT = 64


class Interval(NamedTuple):
    """Bounds and the method that gave them."""

    low: float
    high: float
    method: str


def interval_of_mean(values: Tensor, level: float) -> Interval:
    """Bound the mean of per-picture values `(N,)` in [0, 1]; the order of the pictures does not matter.

    Fewer than `FEW` pictures away from 0, or away from 1 (so also fewer than `FEW` pictures), or no two different
    values: Wilson's score interval, which is conservative here because no variable in [0, 1] varies more than a
    Bernoulli variable of the same mean. Otherwise: percentile bootstrap, `RESAMPLES` draws of N pictures.
    """
    values = values.double().sort().values
    off_extreme = min(int((values > 0).sum()), int((values < 1).sum()))
    if off_extreme < FEW or values[0] == values[-1]:
        return Interval(*wilson(float(values.mean()), len(values), level), "Wilson")
    return Interval(*percentiles(resampled_means(values), level), "percentile bootstrap")


def interval_of_mean_difference(differences: Tensor, level: float) -> Interval:
    """Bound the mean of paired per-picture differences `(N,)` in [-1, 1].

    With fewer than `FEW` pictures that differ at all, gains and losses are bounded separately by Wilson's interval and
    the bounds subtracted, which is conservative; otherwise percentile bootstrap over pictures.
    """
    differences = differences.double().sort().values
    if int((differences != 0).sum()) >= FEW and differences[0] != differences[-1]:
        return Interval(*percentiles(resampled_means(differences), level), "paired percentile bootstrap")
    gains = wilson(float(differences.clamp(min=0).mean()), len(differences), level)
    losses = wilson(float((-differences).clamp(min=0).mean()), len(differences), level)
    return Interval(gains[0] - losses[1], gains[1] - losses[0], "Wilson, gains and losses apart")


def interval_of_amounts(values: Tensor, level: float) -> Interval:
    """Bound the mean of per-image values `(N,)` that are no shares, such as pixels, or of their differences.

    Nothing bounds such values, so nothing is known of what a single image could have been.

    Raises:
        ValueError: There is one image only.
    """
    if len(values) < 2:
        raise ValueError("1 picture that counts gives no interval of a score that is no share. Add pictures.")
    return Interval(*percentiles(resampled_means(values.double().sort().values), level), "percentile bootstrap")


def wilson(share: float, count: int, level: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share of `count` trials (Wilson 1927, JASA 22:209).

    >>> [round(bound, 3) for bound in wilson(1.0, 100, 0.95)]
    [0.963, 1.0]
    """
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2 * share * (1 - share) / count + z2**2 / (4 * count**2)) / (1 + z2 / count)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def resampled_means(values: Tensor, resamples: int = RESAMPLES, seed: int = 0) -> Tensor:
    """Return the means `(resamples,)` of samples of N pictures drawn with replacement from values `(N,)`.

    Shares of a few pairs take few distinct values: then how often each is drawn is multinomial and cheap at any N.
    """
    generator = torch.Generator().manual_seed(seed)
    distinct, counts = values.unique(return_counts=True)
    if len(distinct) <= _FEW_DISTINCT:
        return _multinomial(counts, resamples, generator) @ distinct / len(values)
    rows = max(1, _CHUNK // len(values))
    draws = (
        torch.randint(len(values), (min(rows, resamples - start), len(values)), generator=generator)
        for start in range(0, resamples, rows)
    )
    return torch.cat([values[draw].mean(1) for draw in draws])


def _multinomial(counts: Tensor, resamples: int, generator: torch.Generator) -> Tensor:
    """Draw `counts.sum()` pictures with shares `counts` `(K,)`, one binomial after the other: `(resamples, K)`."""
    weights = counts.double()
    shares = weights / weights.flip(0).cumsum(0).flip(0)
    left = weights.sum().expand(resamples)
    drawn = []
    for share in shares:
        drawn.append(torch.binomial(left, share.expand(resamples), generator=generator))
        left = left - drawn[-1]
    return torch.stack(drawn, 1)


def resampled_statistic(
    statistic: Callable[[Tensor], Tensor], images: int, resamples: int = RESAMPLES, seed: int = 0
) -> Tensor:
    """Return a statistic of how often each picture was drawn, `(B, images)` to `(B,)`, for every resample.

    The resamples depend on `images` and `seed` alone, so two statistics of the same images are paired.

    Args:
        statistic: Turns how often each image counts into the score of each row.
        images: How many images there are.
        resamples: How many resamples.
        seed: Chooses them.
    """
    generator = torch.Generator().manual_seed(seed)
    rows = max(1, _CHUNK // images)
    values = []
    for start in range(0, resamples, rows):
        draws = torch.randint(images, (min(rows, resamples - start), images), generator=generator)
        counts = torch.zeros_like(draws).scatter_add_(1, draws, torch.ones_like(draws))
        values.append(statistic(counts).double())
    return torch.cat(values)


def percentiles(values: Tensor, level: float) -> tuple[float, float]:
    """Return the bounds between which the middle share `level` of `values` lies; NaN does not count."""
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=values.dtype)
    low, high = torch.nanquantile(values, tails).tolist()
    return low, high
