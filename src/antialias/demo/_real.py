"""Part (b): a network with real ImageNet weights on real photographs."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

import antialias.report as pages
from antialias.metrics import normalization_of
from antialias.models import build
from antialias.nn import Adaptive
from antialias.report import Report
from antialias.surgery import convert_

from ._photographs import MEASURED, crops
from ._settings import Settings, Stage

ORIGINAL, CONVERTED = "original", "converted"


@dataclass(frozen=True)
class Real:
    """What part (b) found.

    Attributes:
        report: Scores, curves and sliders of the networks.
        change: Relative change of the logits by the conversion.
        same: Share of crops whose answer the conversion kept.
        sites: Number of filters that the conversion placed.
    """

    report: Report
    change: float
    same: float
    sites: int


def measure_real(settings: Settings, stage: Stage) -> Real:
    """Measure EfficientNet-Lite0, convert it without changing it, and measure again."""
    images = crops(MEASURED, settings.crops)
    original = build("antialias:EfficientNetLite0").eval()
    converted = copy.deepcopy(original)
    conversion = convert_(converted, Adaptive())
    change, same = compare(original, converted, images)
    networks: dict[str, nn.Module] = {ORIGINAL: original, CONVERTED: converted}
    with stage("Measuring EfficientNet-Lite0 on photographs") as progress:
        report = pages.measure(networks, images, pictures=len(MEASURED), progress=progress)
    return Real(_named(report), change, same, len(conversion.changed))


def _named(report: Report) -> Report:
    """Call the pictures of the page by the photographs they were cut from."""
    pairs = zip(report.sliders, MEASURED, strict=False)
    sliders = (replace(slider, picture=replace(slider.picture, name=name)) for slider, name in pairs)
    return replace(report, sliders=tuple(sliders))


@torch.no_grad()
def compare(before: nn.Module, after: nn.Module, images: Tensor) -> tuple[float, float]:
    """Return the relative change of the logits, and the share of pictures with the same answer."""
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in normalization_of(before) or (0.0, 1.0))
    inputs = (images - mean) / std
    old, new = before(inputs), after(inputs)
    return float((new - old).norm() / old.norm()), float((new.argmax(1) == old.argmax(1)).float().mean())
