from __future__ import annotations

import sys
from types import ModuleType

import pytest
from torch import nn

from antialias.tasks import TrainConfig


@pytest.fixture
def small() -> TrainConfig:
    return TrainConfig(
        epochs=2, batch_size=16, size=40, window=32, train_length=64, test_length=24, accelerator="cpu", devices=1
    )


@pytest.fixture
def dropout_model(monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a network that draws random numbers while it trains, and has running statistics."""

    def build(num_classes: int = 20) -> nn.Module:
        stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.5))
        return nn.Sequential(stem, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, num_classes))

    module = ModuleType("drawing_networks")
    module.build = build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "drawing_networks", module)
    return "drawing_networks:build"
