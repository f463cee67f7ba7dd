"""The second of two processes: it sees every second picture and one metric never."""

from __future__ import annotations

import sys
from datetime import timedelta

import torch
import torch.distributed as dist

from antialias.metrics import ClassificationConsistency, FlipRate, WorstOfGrid


def scores(rank: int, store: str) -> list[dict[str, object]]:
    """Return the scores of all pictures, of which this process sees its half."""
    init_method, limit = f"file://{store}", timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=init_method, rank=rank, world_size=2, timeout=limit)
    first, second, shifted = torch.load(f"{store}.logits")
    consistency, flips, worst = ClassificationConsistency(), FlipRate((1, 2)), WorstOfGrid()
    for i in range(rank, len(first), 2):
        consistency.update(first[i : i + 1], second[i : i + 1])
        flips.update(first[i : i + 1, 0], shifted[i : i + 1])
    if rank == 0:
        worst.update(shifted)
    results = [metric.compute().to_dict() for metric in (consistency, flips, worst)]
    dist.destroy_process_group()
    return results


if __name__ == "__main__":
    scores(1, sys.argv[1])
