"""The second of two processes: it sees every second picture, and two metrics never."""

from __future__ import annotations

import sys
from datetime import timedelta

import torch
import torch.distributed as dist

from antialias.metrics import DataSetMeanIoU, SegmentationConsistency

CLASSES = 5


def scores(rank: int, store: str) -> list[object]:
    """Return the scores of all pictures: of which this process sees its half, then of which the first sees all."""
    init_method, limit = f"file://{store}", timedelta(seconds=60)
    dist.init_process_group("gloo", init_method=init_method, rank=rank, world_size=2, timeout=limit)
    logits, masks = torch.load(f"{store}.pictures")
    metric, plain, same = DataSetMeanIoU(CLASSES), DataSetMeanIoU(CLASSES, interval=False), SegmentationConsistency(1)
    lonely, lonely_plain = DataSetMeanIoU(CLASSES), DataSetMeanIoU(CLASSES, interval=False)
    for i in range(rank, len(logits), 2):
        metric.update(logits[i], masks[i], torch.tensor([i]))
        plain.update(logits[i], masks[i])
        same.update(logits[i].repeat(2, 1, 1, 1), torch.tensor([[0, 0], [1, i % 3]]))
    for i in range(len(logits)) if rank == 0 else []:
        lonely.update(logits[i], masks[i], torch.tensor([i]))
        lonely_plain.update(logits[i], masks[i])
    computed = [metric.compute().to_dict(per_image=True), plain.compute().item()]
    computed += [lonely.compute().to_dict(per_image=True), lonely_plain.compute().item(), same.compute().to_dict()]
    dist.destroy_process_group()
    return computed


if __name__ == "__main__":
    scores(1, sys.argv[1])
