from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(autouse=True)
def one_thread(single_thread: None) -> None:
    """Images here are small."""


class Sampler(nn.Module):
    """Names the channel that is brightest on average, of one pixel of each 4x4: it flickers on fine noise."""

    input_size = (3, 28, 28)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(3, 3, 3, stride=2, padding=1, bias=False)
        self.fc = nn.Linear(3, 3)
        with torch.no_grad():
            for layer in (self.conv1, self.conv2):
                torch.nn.init.dirac_(layer.weight)
            self.fc.weight.copy_(20 * torch.eye(3))
            self.fc.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv2(self.conv1(x)).mean((2, 3)))


class Steady(nn.Module):
    """Names the channel that is brightest on average, of all pixels, and reads some of them again for nothing."""

    input_size = (3, 28, 28)

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 3, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(3, 3, 3, stride=2, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return 20 * x.mean((2, 3)).round(decimals=1) + 0 * self.conv2(self.conv1(x)).mean((2, 3))


def noise(count: int, seed: int, side: int = 32) -> Tensor:
    """Return images of coloured noise, each of a hue of its own."""
    generator = torch.Generator().manual_seed(seed)
    fine = torch.rand(count, 3, side, side, generator=generator)
    hue = torch.rand(count, 3, 1, 1, generator=generator)
    return 0.7 * fine + 0.3 * hue


@pytest.fixture
def network() -> Sampler:
    return Sampler().eval()


@pytest.fixture(scope="session")
def images() -> Tensor:
    return noise(160, seed=3)
