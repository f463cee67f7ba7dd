"""What is measured of a classifier, by the names that files, tables and verdicts call it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Unpack

from torch import Tensor

from antialias.metrics import (
    Images,
    Model,
    Options,
    Score,
    accuracy,
    agreement,
    consistency,
    one_pixel_changes,
)

ClassifierScore = Literal["accuracy", "top5_accuracy", "consistency", "top1_change", "mean_absolute_change"]


def classifier_scores(
    model: Model,
    images: Images,
    labels: Tensor | None = None,
    *,
    names: Sequence[ClassifierScore] = ("accuracy", "consistency", "top1_change"),
    window: int | None = None,
    seed: int = 0,
    reference: Model | None = None,
    **options: Unpack[Options],
) -> dict[str, Score]:
    """Measure a classifier: its answer beside its stability.

    Args:
        model: Any callable from images `(N, 3, h, w)` to logits `(N, K)`.
        images: As in `antialias.metrics.consistency`.
        labels: Classes `(N,)`, where the images do not come with them.
        names: Which scores.
        window: Side of the windows that the network sees; default: each score's own.
        seed: Chooses the windows.
        reference: Network with which `agreement` is measured, too.
        **options: `normalize`, `resize`, `batch_size`, `level`, `first`, `progress`: see `antialias.metrics`; progress
            begins anew with each pass over the pictures.

    Example:
        >>> import torch
        >>> brightness = lambda x: torch.stack([x.mean((1, 2, 3)), 1 - x.mean((1, 2, 3))], 1)
        >>> scores = classifier_scores(brightness, torch.ones(12, 3, 32, 32), names=["consistency", "top1_change"])
        >>> [(name, score.value) for name, score in scores.items()]
        [('consistency', 1.0), ('top1_change', 0.0)]
    """
    scores: dict[str, Score] = {}
    if "accuracy" in names:
        scores["accuracy"] = accuracy(model, images, labels, window=window, **options)
    if "top5_accuracy" in names:
        scores["top5_accuracy"] = accuracy(model, images, labels, window=window, top=5, **options)
    if "consistency" in names:
        scores["consistency"] = consistency(model, images, window=window, seed=seed, **options)
    if "top1_change" in names or "mean_absolute_change" in names:
        scores |= one_pixel_changes(model, images, size=window, seed=seed, **options)._asdict()
    if reference is not None:
        scores["agreement"] = agreement(model, reference, images, **options)
    return {name: score for name, score in scores.items() if name in (*names, "agreement")}
