"""Move each picture's window to where its content meets a network's grid always alike."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antialias.ops import PaddingMode, binomial, blur, check_padding_mode, check_samples, in_layout_of, pad

from ._polyphase import samples_at

# Binomials of five taps one after the other are one of 17, with a standard deviation of 2 pixels, and there is a kernel
# for five.
_TAPS, _TIMES = 5, 4
_REACH = _TIMES * (_TAPS // 2)


class PhaseAlign2d(nn.Module):
    """Move the window of each image so that its most contrasted place has one place in a grid of so many pixels.

    That place moves with what the image shows, and the window with it, so that a network behind sees the same samples
    of an image that moved by whole pixels, but for its borders. The window jumps where the place enters another cell of
    the grid, which of moves by one pixel one of `period` in each direction does, and where another place gets ahead.

    Contrast is the energy of the gradient of the mean over channels, under a Gaussian of two pixels.

    Args:
        period: Pixels between the lines of the grid. The window moves by half of that at most.
        padding_mode: How images are continued.

    Shape:
        `(N, C, H, W)` to `(N, C, H, W)`.

    Raises:
        ValueError: `period` is not 2 to 64, or the padding mode is unknown.

    Source: Kaba et al., "Equivariance with learned canonicalization functions", ICML 2023, of which this is one that is
        not learned; Chaman & Dokmanic, "Truly shift-invariant convolutional neural networks", CVPR 2021, choose the
        phase by content at each stride.

    Example:
        >>> image = torch.zeros(1, 1, 96, 96)
        >>> image[..., 43, 41] = 1.0
        >>> torch.equal(PhaseAlign2d()(image), PhaseAlign2d()(image.roll((3, 1), (2, 3))))
        True
    """

    macs_of_a_pixel = 2 * _TAPS * _TIMES + 2

    def __init__(self, period: int = 8, padding_mode: PaddingMode = "reflect") -> None:
        super().__init__()
        check_padding_mode(padding_mode)
        self.period, self.padding_mode = check_period(period), padding_mode

    def offsets(self, images: Tensor) -> Tensor:
        """Return the rows and columns that the window of each image moves by, `(N, 2)`: half a period either way.

        Args:
            images: `(N, C, H, W)`.
        """
        check_samples(images)
        height, width = images.shape[2:]
        brightness = images.detach().to(torch.promote_types(images.dtype, torch.float32)).mean(1, keepdim=True)
        longer = pad(brightness, [(0, 1), (0, 1)], "replicate")
        down, right = longer[:, :, 1:, :-1] - brightness, longer[:, :, :-1, 1:] - brightness
        taps = binomial(_TAPS, dtype=brightness.dtype, device=brightness.device)
        contrast = down * down + right * right
        for _ in range(_TIMES):
            contrast = blur(contrast, (taps, taps))
        contrast = contrast[:, 0]
        # What is reflected at a border does not move with the image. Of a small one the middle half is looked at.
        for dim, side in ((-2, height), (-1, width)):
            place = torch.arange(side, device=images.device)
            border = torch.minimum(place, side - 1 - place)
            outside = (border < _REACH) & (4 * border < side - 3)
            contrast = contrast.masked_fill(outside[:, None] if dim == -2 else outside, -1)
        anchor = torch.stack([contrast.amax(2).argmax(1), contrast.amax(1).argmax(1)], 1)
        return anchor % self.period - self.period // 2

    def moved(self, images: Tensor, offsets: Tensor) -> Tensor:
        """Return images `(N, C, H, W)` as windows show them that are moved by offsets `(N, 2)`."""
        before = self.period // 2
        longer = pad(images, [(before, self.period - 1 - before)] * 2, self.padding_mode)
        rows, columns = (
            offset[:, None] + before + torch.arange(side, device=images.device)
            for offset, side in zip(offsets.unbind(1), images.shape[2:], strict=True)
        )
        return in_layout_of(images, samples_at(longer, rows, columns))

    def forward(self, x: Tensor) -> Tensor:
        """Return images as their own windows show them."""
        return self.moved(x, self.offsets(x))

    def extra_repr(self) -> str:
        """Show the arguments."""
        return f"period={self.period}, padding_mode={self.padding_mode!r}"


def check_period(period: int) -> int:
    """Return the period of a grid.

    Raises:
        ValueError: It is none that a window can be aligned to.
    """
    if type(period) is not int or period not in range(2, 65):
        raise ValueError(f"period={period!r} is not offered. Use 2 to 64 pixels, such as 8.")
    return period
