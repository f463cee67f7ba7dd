"""The second of two processes: it sees every second picture, and two metrics never."""

from __future__ import annotations

import sys
from datetime import timedelta

import torch
import torch.distributed as dist

from antialias.metrics import AveragePrecision, InstanceConsistency


def scores(rank: int, store: str) -> list[dict[str, object]]:
    """Return the scores of all pictures: of which this process sees its half, then of which the first sees all."""
    init_method, limit = f"file://{store}", timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=init_method, rank=rank, world_size=2, timeout=limit)
    outputs, targets = torch.load(f"{store}.pictures")
    metrics = [AveragePrecision("mask"), AveragePrecision("box", at=0.5)]
    lonely = [AveragePrecision("mask"), AveragePrecision("box", at=0.5)]
    for i in range(rank, len(outputs), 2):
        for metric in metrics:
            metric.update(outputs[i : i + 1], targets[i : i + 1])
    for metric in lonely if rank == 0 else []:
        metric.update(outputs, targets)
    same = InstanceConsistency("box")
    for i in range(0, len(outputs) - 1, 2) if rank == 0 else []:
        same.update(outputs[i : i + 2], torch.tensor([[0, 0], [1, 2]]), (24, 24))
    results = [metric.compute().to_dict(per_image=True) for metric in (*metrics, *lonely, same)]
    dist.destroy_process_group()
    return results


if __name__ == "__main__":
    scores(1, sys.argv[1])
