"""A generator of images, which does nothing but upsample."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

_WIDTHS = (64, 32, 16, 3)


class TinyGenerator(nn.Module):
    """Make images of maps of noise by transposed convolutions of 4x4 at stride 2, as the generator of DCGAN does.

    It takes maps of any size and gives images of eight times their side. Nothing in it subsamples, and nothing is
    trained: it is what `aa.convert_(network, sites="up")` is tried on.

    Attributes:
        input_size: `(64, 4, 4)`, the noise for an image of 32 x 32.

    Shape:
        `(N, 64, H, W)` to images `(N, 3, 8 * H, 8 * W)` in [-1, 1].

    Source: Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", ICLR 2016, figure 1.

    Example:
        >>> import torch
        >>> TinyGenerator()(torch.zeros(2, 64, 4, 6)).shape
        torch.Size([2, 3, 32, 48])
    """

    input_size = (64, 4, 4)

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(_WIDTHS)):
            layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
            last = number == len(_WIDTHS) - 2
            layers += [nn.Tanh()] if last else [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Make images of noise."""
        return self.layers(x)
