from __future__ import annotations

import torch

from antialias import PhaseAlignment, ShiftAverage, convert_
from antialias.models import TinyResNet
from antialias.nn import PhaseAlign2d
from antialias.results import cost_of


def test_shifted_copies_cost_the_runs_that_images_took() -> None:
    network, images = TinyResNet().eval(), torch.rand(4, 3, 32, 32)
    once = cost_of(network, 32, batch_size=1).macs
    convert_(network, ShiftAverage(copies=3, threshold=1e-9), example=images)
    assert cost_of(network, 32, batch_size=1).macs == 3 * once  # before it has answered anything, the most
    convert_(network := TinyResNet().eval(), ShiftAverage(copies=3, threshold=1e-9), example=images)
    with torch.no_grad():
        network(images)
    assert cost_of(network, 32, batch_size=1).macs == once


def test_aligning_is_counted() -> None:
    network = TinyResNet().eval()
    plain = cost_of(network, 32, batch_size=1).macs
    convert_(network, PhaseAlignment(), example=torch.rand(3, 3, 64, 64))
    assert cost_of(network, 32, batch_size=1).macs == plain + PhaseAlign2d.macs_of_a_pixel * 32 * 32
