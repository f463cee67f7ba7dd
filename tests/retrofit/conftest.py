from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from antialias.nn import Adaptive
from antialias.surgery import convert_


class Sampler(nn.Module):
    """A classifier that looks at one pixel of each 4x4: a picture moved by one pixel is another picture to it."""

    input_size = (3, 32, 32)
    normalization = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(16, 16, 1, stride=2, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(16, 16, 1)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        return self.fc(self.dropout(self.conv3(x).relu().mean((2, 3))))


def sampler() -> Sampler:
    """Return the classifier with statistics of its own and with answers that differ between pictures."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Sampler()
        network.train()
        for _ in range(30):
            network(2 * noise(64, seed=1) - 1)
        network.eval()
        with torch.no_grad():
            features = network(2 * noise(256, seed=2) - 1)
            network.fc.weight.mul_(100)
            network.fc.bias.sub_(100 * features.mean(0) - 99 * network.fc.bias)
        return network


def noise(count: int, seed: int, side: int = 32) -> Tensor:
    """Return pictures of coloured noise, fine and coarse, of another hue each."""
    generator = torch.Generator().manual_seed(seed)
    fine = torch.rand(count, 3, side, side, generator=generator)
    hue = torch.rand(count, 3, 1, 1, generator=generator)
    return 0.6 * fine + 0.4 * hue


@pytest.fixture
def plain() -> Sampler:
    return sampler()


@pytest.fixture
def converted(plain: Sampler) -> Sampler:
    convert_(plain, Adaptive(groups=4), stem=True)
    return plain


@pytest.fixture(scope="session")
def pictures() -> Tensor:
    return noise(64, seed=3)


@pytest.fixture(scope="session")
def held_out() -> Tensor:
    return noise(50, seed=4)


@pytest.fixture(scope="session")
def more_held_out() -> Tensor:
    return noise(100, seed=5)
