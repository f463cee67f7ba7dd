"""A classifier's answers to pixels, with the normalisation it was trained for."""

from __future__ import annotations

import time
from statistics import median

from torch import Tensor, nn

from antialias.metrics import Model, Normalize, shift_averaged_answers


def probabilities(model: Model, frames: Tensor, normalize: Normalize) -> Tensor:
    """Return class probabilities `(N, K)` of square pixels in [0, 1], `(N, 3, s, s)`; a module runs in eval mode."""
    whole = {"shifts": 0, "window": frames.shape[-1]}
    return shift_averaged_answers(model, frames, **whole, normalize=normalize, batch_size=16).cpu()


def milliseconds(model: Model, frame: Tensor, normalize: Normalize, repeats: int = 5) -> float:
    """Time one forward pass of one picture: the median of `repeats`, after one that does not count."""
    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        probabilities(model, frame, normalize)
        taken.append(1000 * (time.perf_counter() - start))
    return median(taken[1:])


def million_parameters(model: Model) -> float | None:
    """Count a module's parameters, in millions; `None` for a callable that is no module."""
    return sum(p.numel() for p in model.parameters()) / 1e6 if isinstance(model, nn.Module) else None
