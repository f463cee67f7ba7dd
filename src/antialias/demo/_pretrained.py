"""Part (b): a network with real ImageNet weights on real photographs."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from antialias.metrics import ClassScores
from antialias.models import build
from antialias.nn import Adaptive
from antialias.report import Report, measure
from antialias.retrofit import Retrofit, RetrofitConfig, retrofit_
from antialias.surgery import convert_

from ._config import DemoConfig, Stage
from ._photographs import TEST_PHOTOGRAPHS, crops, training_images

ORIGINAL, CONVERTED, RETROFITTED = "original", "converted", "retrofitted"


@dataclass(frozen=True)
class Pretrained:
    """Hold what part (b) measured.

    Attributes:
        report: Scores, curves, viewers and filter maps of the original and of the converted network, taught or not.
        change: Relative change of the logits by the conversion alone.
        same: Share of crops whose prediction the conversion alone kept.
        sites: Number of filters that the conversion placed.
        retrofit: What the retrofit did, if there was one.
    """

    report: Report
    change: float
    same: float
    sites: int
    retrofit: Retrofit | None

    @property
    def retrofitted(self) -> bool:
        """Whether the network that was measured beside the original is another one than it."""
        return self.retrofit is not None and self.retrofit.changed

    @property
    def headline(self) -> str:
        """How often the original flips, in a sentence."""
        assert self.report.table is not None
        flips = self.report.table.cell(ORIGINAL, "top1_change").value or 0.0
        return f"EfficientNet-Lite0 changes its answer on {flips:.1%} of one-pixel moves of photographs"

    @property
    def points(self) -> list[str]:
        """What the conversion and the retrofit did, a sentence each."""
        points = [
            f"Converting EfficientNet-Lite0, {self.sites} adaptive filters that start as identities, changed its "
            f"logits by {self.change:.0e} of their size and kept its answer on {self.same:.0%} of the crops."
        ]
        if self.retrofit is not None:
            points.append(f"Retrofitting it without labels: {self.retrofit.verdict}")
        if self.retrofitted and self.report.verdict is not None:
            points.extend(self.report.verdict.points)
        return points


def measure_pretrained(config: DemoConfig, stage: Stage) -> Pretrained:
    """Measure EfficientNet-Lite0, convert it without changing it, teach it if time allows, and measure again.

    Args:
        config: How much.
        stage: Opens a progress bar for a part that is named.
    """
    images = crops(TEST_PHOTOGRAPHS, config.crops)
    original = build("antialias:EfficientNetLite0").eval().to(memory_format=torch.channels_last)
    network = copy.deepcopy(original)
    conversion = convert_(network, Adaptive())
    change, same = change_of_logits(original, network, images)
    retrofit = None
    if config.retrofit_steps:
        steps, learn = config.retrofit_steps, training_images(config.retrofit_images)
        how = RetrofitConfig(steps=steps, evaluate_every=steps, passes=2, shares=())
        with stage("Retrofitting EfficientNet-Lite0 without labels") as progress:
            retrofit = retrofit_(network, learn, config=how, progress=progress)
    name = RETROFITTED if retrofit is not None and retrofit.changed else CONVERTED
    with stage("Measuring EfficientNet-Lite0 on photographs") as progress:
        networks: dict[str, nn.Module] = {ORIGINAL: original, name: network}
        report = measure(networks, images, pictures=list(TEST_PHOTOGRAPHS), progress=progress)
    return Pretrained(report, change, same, len(conversion.changed), retrofit)


@torch.no_grad()
def change_of_logits(before: nn.Module, after: nn.Module, images: Tensor) -> tuple[float, float]:
    """Return the relative change of the logits, and the share of pictures with the same prediction."""
    inputs = ClassScores(before).inputs(images)
    old, new = before(inputs), after(inputs)
    return float((new - old).norm() / old.norm()), float((new.argmax(1) == old.argmax(1)).float().mean())
