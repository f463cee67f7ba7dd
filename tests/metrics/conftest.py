from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from antialias.metrics._adapter import Model


@pytest.fixture(autouse=True)
def one_thread(single_thread: None) -> None:
    """Images here are small."""


@pytest.fixture
def network() -> nn.Module:
    """An aliasing network of random weights whose answers depend on the picture and on its position."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pool = nn.AdaptiveMaxPool2d(2)
        head = nn.Linear(32, 5, bias=False)
        head.weight.data -= head.weight.data.mean(1, keepdim=True)
        return nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), pool, nn.Flatten(), head)


@pytest.fixture
def pixel_threshold() -> Model:
    """Class 1 where the upper left pixel of the picture is bright, else class 0."""

    def classify(images: Tensor) -> Tensor:
        bright = (images[:, 0, 0, 0] > 0.5).float()
        return torch.stack([1 - bright, bright], 1)

    return classify


@pytest.fixture
def constant() -> Model:
    """The same answer to everything."""
    return lambda images: torch.tensor([0.1, 0.9]).expand(len(images), 2)


@pytest.fixture
def invariant() -> Model:
    """Counts bright pixels, which no circular shift changes."""

    def classify(images: Tensor) -> Tensor:
        share = (images > 0.5).float().mean((1, 2, 3))
        return torch.stack([share, 0.5 - share], 1)

    return classify


@pytest.fixture
def noise() -> Tensor:
    return torch.rand((7, 3, 32, 32), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def stripes() -> Tensor:
    """Columns alternately black and white: the answer of `pixel_threshold` is the parity of the window's column."""
    return (torch.arange(64) % 2).float().expand(12, 3, 64, 64)
