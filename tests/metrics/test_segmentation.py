"""Mean IoU against a count of pixels one by one."""

from __future__ import annotations

import torch

from antialias.metrics._segmentation import mean_iou_of, overlaps


def test_mean_iou_is_a_count_of_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randint(4, (6, 7, 5), generator=generator)
    truth = torch.randint(4, (6, 7, 5), generator=generator)
    truth[torch.rand(truth.shape, generator=generator) < 0.2] = 255
    pairs = [(p, t) for p, t in zip(predicted.flatten().tolist(), truth.flatten().tolist(), strict=True) if t != 255]
    ious = [sum(p == k == t for p, t in pairs) / sum(k in pair for pair in pairs) for k in range(4)]
    both, either = map(torch.stack, zip(*map(overlaps, predicted, truth, [5] * 6), strict=True))
    assert mean_iou_of(both, either).value == sum(ious) / 4  # the fifth class is nowhere
