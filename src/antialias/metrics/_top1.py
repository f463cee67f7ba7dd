"""The class that an answer names."""

from __future__ import annotations

from torch import Tensor


def top1(logits: Tensor) -> Tensor:
    """Return the best class of logits `(..., K)`: `(...)`.

    Raises:
        ValueError: a NaN, whose arg max would look perfectly stable, or fewer than two classes.
    """
    if logits.shape[-1] < 2:
        raise ValueError(f"top-1 needs 2 classes and there is {logits.shape[-1]}. Use torch.cat([-z, z], -1).")
    if bool(logits.isnan().any()):
        raise ValueError(f"{int(logits.isnan().sum())} of {logits.numel()} logits are NaN. Check model and normalize=.")
    return logits.argmax(-1)
