"""Several sampling phases of a map at once, in the batch, for a network that averages its answers over them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from antialias.nn._checks import check_channels, check_maps, per_dimension
from antialias.ops import PaddingMode, check_padding_mode, is_exporting, pad

Offset = tuple[int, int]
"""Where a phase starts: its first row and its first column."""


class PhaseSplit2d(nn.Module):
    """Keep several phases of a map instead of one, one after another in the batch.

    Phase `(i, j)` has the samples of rows `i, i + s_h, i + 2 s_h, ...` and columns `j, j + s_w, ...`. All phases have
    the size of phase (0, 0); rows and columns that the map does not have are continued by `padding_mode`.

    Args:
        channels: Number of channels `C`.
        stride: Samples per kept sample, one number or `(s_h, s_w)`.
        offsets: The first row and column of each phase.
        padding_mode: How the map is continued: `"reflect"`, `"replicate"`, `"zeros"` or `"circular"`.
        subsample: Keep only every `stride`-th sample. Without it, the phases are the map moved by the offsets, for what
            subsamples behind.

    Shape:
        `(N, C, H, W)` to `(P * N, C, ceil(H / s_h), ceil(W / s_w))`, the images of the first phase first; to
        `(P * N, C, H, W)` without `subsample`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Example:
        >>> x = torch.arange(4.0).view(1, 1, 1, 4)
        >>> PhaseSplit2d(1, (1, 2), [(0, 0), (0, 1)])(x).flatten(1).tolist()
        [[0.0, 2.0], [1.0, 3.0]]
    """

    def __init__(
        self,
        channels: int,
        stride: int | Sequence[int] = 2,
        offsets: Sequence[Offset] = ((0, 0), (0, 1), (1, 0), (1, 1)),
        padding_mode: PaddingMode = "replicate",
        *,
        subsample: bool = True,
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_padding_mode(padding_mode)
        self.channels = channels
        rows, columns = per_dimension(stride, 2, "stride")
        self.stride, self.offsets, self.subsample = (rows, columns), tuple(offsets), subsample
        self.padding_mode: PaddingMode = padding_mode
        if not offsets or any(not (0 <= i < rows and 0 <= j < columns) for i, j in offsets):
            raise ValueError(f"offsets={list(offsets)} start outside of stride={self.stride}. Use 0 to stride - 1.")

    def forward(self, x: Tensor) -> Tensor:
        """Split maps `(N, C, H, W)` into phases."""
        check_maps(x, self.channels, verb="splits")
        return split(x, self.offsets, self.padding_mode, self.stride if self.subsample else (1, 1))

    def extra_repr(self) -> str:
        moved = "" if self.subsample else ", subsample=False"
        return (
            f"{self.channels}, stride={self.stride}, offsets={self.offsets}, padding_mode={self.padding_mode!r}{moved}"
        )


class PhaseRepeat2d(nn.Module):
    """Repeat what meets the phases of another map, and move maps as those were moved.

    Args:
        offsets: Rows and columns that each copy is moved by, towards the first row and column.
        padding_mode: How the map is continued.

    Shape:
        `(N, *)` to `(P * N, *)`; only maps `(N, C, H, W)` are moved.

    Example:
        >>> PhaseRepeat2d([(0, 0), (0, 1)])(torch.arange(3.0).view(1, 1, 1, 3)).flatten(1).tolist()
        [[0.0, 1.0, 2.0], [1.0, 2.0, 2.0]]
    """

    def __init__(self, offsets: Sequence[Offset], padding_mode: PaddingMode = "replicate") -> None:
        super().__init__()
        check_padding_mode(padding_mode)
        self.offsets = tuple(offsets)
        self.padding_mode: PaddingMode = padding_mode

    def forward(self, x: Tensor) -> Tensor:
        """Repeat a tensor `(N, *)`."""
        if x.dim() == 4:
            return split(x, self.offsets, self.padding_mode, (1, 1))
        return torch.cat([x] * len(self.offsets))

    def extra_repr(self) -> str:
        return f"offsets={self.offsets}, padding_mode={self.padding_mode!r}"


def split(x: Tensor, offsets: Sequence[Offset], mode: PaddingMode, stride: tuple[int, int]) -> Tensor:
    """Return the phases of maps that start at `offsets`, one after another in the batch.

    Args:
        x: Maps `(N, C, H, W)`.
        offsets: First row and column of each phase.
        mode: How maps are continued where they have no more samples.
        stride: Samples per kept sample.
    """
    (height, width), (rows, columns) = x.shape[2:], stride
    if is_exporting():  # of a map of any size: as much as can be missing
        missing = [(0, max(starts)) for starts in zip(*offsets, strict=True)]
    else:
        missing = [
            (0, max((size - 1) // step * step + max(starts) + 1 - size, 0))
            for size, step, starts in zip((height, width), stride, zip(*offsets, strict=True), strict=True)
        ]
    longer = pad(x, missing, mode)
    last = ((height - 1) // rows * rows + 1, (width - 1) // columns * columns + 1)
    return torch.cat([longer[:, :, i : i + last[0] : rows, j : j + last[1] : columns] for i, j in offsets])
