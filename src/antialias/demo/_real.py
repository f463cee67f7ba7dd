"""Part (b): a network with real ImageNet weights on real photographs."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import antialias.report as pages
from antialias.metrics import ClassScores
from antialias.models import build
from antialias.nn import Adaptive
from antialias.report import Report
from antialias.retrofit import Retrofit, RetrofitConfig, retrofit_
from antialias.surgery import convert_

from ._photographs import MEASURED, crops, lessons
from ._settings import Settings, Stage

ORIGINAL, CONVERTED, RETROFITTED = "original", "converted", "retrofitted"


@dataclass(frozen=True)
class Real:
    """What part (b) found.

    Attributes:
        report: Scores, curves, sliders and filter maps of the original and of the converted network, taught or not.
        change: Relative change of the logits by the conversion alone.
        same: Share of crops whose answer the conversion alone kept.
        sites: Number of filters that the conversion placed.
        retrofit: What the retrofit did, if there was one.
    """

    report: Report
    change: float
    same: float
    sites: int
    retrofit: Retrofit | None

    @property
    def learned(self) -> bool:
        """Whether the network that was measured beside the original is another one than it."""
        return self.retrofit is not None and self.retrofit.changed

    @property
    def flips(self) -> float:
        """Share of one-pixel moves that change the original's answer."""
        assert self.report.table is not None
        original = dict(zip(self.report.table.columns, self.report.table.rows[0].cells, strict=True))
        return next(cell.value or 0.0 for column, cell in original.items() if column.key == "flips")


def measure_real(settings: Settings, stage: Stage) -> Real:
    """Measure EfficientNet-Lite0, convert it without changing it, teach it if time allows, and measure again."""
    images = crops(MEASURED, settings.crops)
    original = build("antialias:EfficientNetLite0").eval().to(memory_format=torch.channels_last)
    network = copy.deepcopy(original)
    conversion = convert_(network, Adaptive())
    change, same = compare(original, network, images)
    retrofit = _teach(network, settings, stage) if settings.retrofit_steps else None
    name = RETROFITTED if retrofit is not None and retrofit.changed else CONVERTED
    with stage("Measuring EfficientNet-Lite0 on photographs") as progress:
        networks: dict[str, nn.Module] = {ORIGINAL: original, name: network}
        report = pages.measure(networks, images, pictures=list(MEASURED), progress=progress)
    return Real(report, change, same, len(conversion.changed), retrofit)


def _teach(network: nn.Module, settings: Settings, stage: Stage) -> Retrofit:
    learn = lessons(settings.retrofit_pictures)
    config = RetrofitConfig(steps=settings.retrofit_steps, evaluate_every=settings.retrofit_steps, passes=2, shares=())
    with stage("Retrofitting EfficientNet-Lite0 without labels") as progress:
        return retrofit_(network, learn, config=config, progress=progress)


@torch.no_grad()
def compare(before: nn.Module, after: nn.Module, images: Tensor) -> tuple[float, float]:
    """Return the relative change of the logits, and the share of pictures with the same answer."""
    inputs = ClassScores(before).inputs(images)
    old, new = before(inputs), after(inputs)
    return float((new - old).norm() / old.norm()), float((new.argmax(1) == old.argmax(1)).float().mean())
