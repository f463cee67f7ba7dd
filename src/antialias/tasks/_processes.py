"""Several processes that measure one data set together, as torchrun or Lightning started them."""

from __future__ import annotations

import torch.distributed as dist


def is_main_process() -> bool:
    """Say whether this process is the one that prints and writes: the only one, or the first."""
    return rank() == 0


def rank() -> int:
    """Return the number of this process."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def processes() -> int:
    """Return how many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
