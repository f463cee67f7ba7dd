from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(autouse=True)
def one_thread(single_thread: None) -> None:
    """Images here are small."""


class TwoSites(nn.Module):
    """Names the channel that is brightest at fine detail: a strided stem, a pool, a strided block with its shortcut."""

    def __init__(self, padding_mode: str = "zeros") -> None:
        super().__init__()
        torch.manual_seed(1)
        pad = {"padding": 1, "padding_mode": padding_mode}
        self.conv1 = nn.Conv2d(3, 6, 3, stride=2, bias=False, **pad)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(6, 8, 3, stride=2, bias=False, **pad)
        self.shortcut = nn.Conv2d(6, 8, 1, stride=2, bias=False)
        self.fc = nn.Linear(8, 8, bias=False)
        with torch.no_grad():  # channels of equal strength on noise, so that the answer flickers
            for layer in (self.conv1, self.conv2, self.shortcut):
                layer.weight -= layer.weight.mean((1, 2, 3), keepdim=True)
                layer.weight /= layer.weight.flatten(1).norm(dim=1)[:, None, None, None]
            self.fc.weight.copy_(torch.eye(8))

    def maps(self, x: Tensor) -> Tensor:
        x = self.relu(self.conv1(x))
        return (self.conv2(x) + self.shortcut(x)).relu()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(10 * self.maps(x)[:, :, 2:-1, 2:-1].mean((2, 3)))


@pytest.fixture
def network() -> TwoSites:
    return TwoSites().eval()


@pytest.fixture(scope="session")
def images() -> Tensor:
    """Return images of coloured noise, each of a hue of its own."""
    generator = torch.Generator().manual_seed(3)
    fine = torch.rand(24, 3, 32, 32, generator=generator)
    hue = torch.rand(24, 3, 1, 1, generator=generator)
    return 0.7 * fine + 0.3 * hue
