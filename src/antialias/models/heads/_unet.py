"""A U-Net small enough for tests, whose decoder upsamples by transposed convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TinyUNet(nn.Module):
    """Classify pixels with a U-Net of three scales: max pools on the way down, transposed convolutions on the way up.

    The one network here that learns how it upsamples, which is where checkerboards and images come from:
    `aa.convert_(network, sites="up")` filters behind each of its two transposed convolutions.

    Args:
        num_classes: Number of outputs, background included.

    Shape:
        `(N, 3, H, W)`, sides multiples of 4, to logits `(N, num_classes, H, W)`.

    Attributes:
        input_size: `(3, 64, 64)`, the images it is meant for.
        normalization: `(mean, std)` to apply to images in [0, 1].

    Source: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
    figure 1, with padded convolutions and norms.

    Example:
        >>> TinyUNet(num_classes=4)(torch.zeros(2, 3, 32, 48)).shape
        torch.Size([2, 4, 32, 48])
    """

    input_size = (3, 64, 64)
    normalization = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))

    def __init__(self, num_classes: int = 21) -> None:
        super().__init__()
        self.fine, self.middle, self.coarse = _twice(3, 16), _twice(16, 32), _twice(32, 64)
        self.pool1, self.pool2 = nn.MaxPool2d(2), nn.MaxPool2d(2)
        self.up2, self.up1 = nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)
        self.join2, self.join1 = _twice(64, 32), _twice(32, 16)
        self.classifier = nn.Conv2d(16, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Classify the pixels of images."""
        fine = self.fine(x)
        middle = self.middle(self.pool1(fine))
        x = self.up2(self.coarse(self.pool2(middle)))
        x = self.up1(self.join2(torch.cat([middle, x], 1)))
        return self.classifier(self.join1(torch.cat([fine, x], 1)))


def _twice(in_channels: int, channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (in_channels, channels):
        layers += [nn.Conv2d(width, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
