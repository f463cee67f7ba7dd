"""The class that an answer names."""

from __future__ import annotations

import torch
from torch import Tensor


def top1(logits: Tensor) -> Tensor:
    """Return the best class of logits `(..., K)`: `(...)`.

    Minus infinity is a class that is ruled out.

    Raises:
        ValueError: A NaN or plus infinity, whose arg max would look perfectly stable, nothing but ruled-out classes, or
            fewer than two classes.
    """
    if logits.shape[-1] < 2:
        raise ValueError(f"top-1 needs 2 classes and there is {logits.shape[-1]}. Use torch.cat([-z, z], -1).")
    if bool(logits.isnan().any()):
        raise ValueError(f"{int(logits.isnan().sum())} of {logits.numel()} logits are NaN. Check model and normalize=.")
    best = logits.amax(-1)
    if bool(best.isinf().any()):
        what = "plus infinity" if bool((best == torch.inf).any()) else "minus infinity for every class"
        raise ValueError(
            f"{int(best.isinf().sum())} of {best.numel()} answers are {what}. Check model, precision and normalize=."
        )
    return logits.argmax(-1)
