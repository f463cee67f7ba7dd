"""Subsampling that moves with the image: of all phases of the grid, keep the one that the content selects."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias.nn._checks import check_channels, check_maps, check_one_of, per_dimension
from antialias.ops import PaddingMode, check_padding_mode, in_layout_of, is_exporting, pad

Phase = Literal["norm", "learned", "input_norm"]
PHASES: tuple[str, ...] = get_args(Phase)

_SCORER_CHANNELS = 32


class PhaseSelection(threading.local):
    """The phases of the last images, held by the layer that selected them and by those that follow it.

    Each thread has its own, as replicas of a network that run at the same time share this object. Copies and files
    start without one: they hold no activations.

    Attributes:
        phases: `(N,)` `int64`, the phase `row * s_w + column` of each image; `None` before the first call.
        weights: `(N, s_h * s_w)`, one-hot with the gradient of a draw, where one was drawn.
    """

    def __init__(self) -> None:
        self.phases: Tensor | None = None
        self.weights: Tensor | None = None

    def starts(self, images: int, columns: int) -> tuple[Tensor, Tensor]:
        """Return the first row and column `(N,)` that were kept of each image.

        Args:
            images: Number of images that are asked for.
            columns: Stride along a row.

        Raises:
            RuntimeError: The phases are of another number of images.
        """
        if self.phases is None or self.phases.shape[0] != images:
            raise RuntimeError("the layer that chooses the phases has not run on these images. Run it first.")
        return self.phases // columns, self.phases % columns

    def __reduce__(self) -> tuple[type[PhaseSelection], tuple[()]]:
        return PhaseSelection, ()


class PolyphasePool2d(nn.Module):
    """Keep one sample of every `stride`, starting at the phase that the content selects in each image.

    A strided layer keeps the samples 0, s, 2s, ... wherever the image lies, so an image moved by one pixel is
    sampled at other points. Here all `s_h * s_w` ways to start are compared, and the one with the largest norm, or the
    one that a small learned network prefers, is kept. Which one that is moves with the image: for maps that are
    divisible by the stride, a circular shift of the input only shifts the output.

    Other sizes run too: rows and columns that are missing to a multiple of the stride are continued by `padding_mode`.

    Args:
        channels: Number of channels `C`.
        stride: Samples per kept sample, one number or `(s_h, s_w)`.
        phase: `"norm"` (largest Euclidean norm), `"learned"` (a network of two convolutions gives each phase a score;
            in training one is drawn by straight-through Gumbel-softmax, so that it learns with the rest), or
            `"input_norm"` (largest norm before the filter, which then runs at the kept positions only: another choice,
            for a fraction of the time. The map is moved so that the chosen phase is its first; where it is not
            circular, the filter does not see the rows and columns before that).
        padding_mode: How a map that is not divisible is continued, and how the learned network continues its borders.
        filter: Low-pass filter that runs first, at stride 1. With `"input_norm"`, one that subsamples after the choice;
            without it the moved map is handed on as large as it is, to a strided layer behind.
        device: Device of the learned network's parameters.
        dtype: Type of the learned network's parameters.

    Attributes:
        selection: What the last call selected, for layers that follow this one.
        judge: The learned network, or `None`; it has this name in files.

    Shape:
        `(N, C, H, W)` to `(N, C, ceil(H / s_h), ceil(W / s_w))`.

    Raises:
        ValueError: An argument is out of range, or the input does not fit.

    Source: Chaman & Dokmanic, "Truly Shift-Invariant Convolutional Neural Networks", CVPR 2021, section 4 (norm);
    Rojas-Gomez et al., "Learnable Polyphase Sampling for Shift Invariant and Equivariant Convolutional Networks",
    NeurIPS 2022, section 4 (learned).

    Example:
        >>> pool, x = PolyphasePool2d(4), torch.randn(1, 4, 8, 8)
        >>> moved = pool(x.roll((1, 1), (2, 3)))
        >>> any(torch.equal(moved, pool(x).roll((i, j), (2, 3))) for i in (0, 1) for j in (0, 1))
        True
    """

    judge: PhaseScorer | None
    filter: nn.Module | None

    def __init__(
        self,
        channels: int,
        stride: int | Sequence[int] = 2,
        phase: Phase = "norm",
        padding_mode: PaddingMode = "circular",
        *,
        filter: nn.Module | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_channels(channels)
        check_one_of("phase", phase, PHASES)
        check_padding_mode(padding_mode)
        self.channels, self.phase = channels, phase
        rows, columns = per_dimension(stride, 2, "stride")
        self.stride = (rows, columns)
        if phase == "input_norm" and filter is not None and filter.stride != self.stride:
            raise ValueError(
                f"phase='input_norm' is chosen before filter, whose stride is {filter.stride}. "
                f"Pass a layer of stride={self.stride}."
            )
        self.padding_mode: PaddingMode = padding_mode
        self.filter = filter
        self.judge = PhaseScorer(channels, padding_mode, device=device, dtype=dtype) if phase == "learned" else None
        self.selection = PhaseSelection()
        self.follows = False

    def follow(self, leader: PolyphasePool2d) -> None:
        """Take the phases that `leader` selected for the same images, as maps that are added must.

        The leader has to run first. A network of its own is dropped.

        Raises:
            ValueError: The strides differ.
        """
        if leader.stride != self.stride:
            raise ValueError(f"stride={self.stride} cannot follow stride={leader.stride}. Use equal strides.")
        self.selection, self.follows, self.judge = leader.selection, True, None

    def forward(self, x: Tensor) -> Tensor:
        """Subsample maps `(N, C, H, W)`."""
        check_maps(x, self.channels, verb="subsamples")
        first = self.phase == "input_norm"
        x = self._continued(x if first or self.filter is None else self.filter(x))
        if not self.follows:
            self._select(x)
        rows, columns = self.selection.starts(x.shape[0], self.stride[1])
        if first:
            moved = _moved(x, (rows, columns), self.stride, self.padding_mode)
            return moved if self.filter is None else self.filter(moved)
        phases = self._split(x)
        if (weights := self.selection.weights) is not None:
            kept = _drawn(phases.flatten(1, 2), weights.to(phases.dtype)[..., None, None, None])
        else:
            kept = phases[torch.arange(phases.shape[0], device=phases.device), rows, columns]
        return in_layout_of(x, kept)

    def phases(self, x: Tensor) -> Tensor:
        """View all ways to subsample `x`: `(N, s_h, s_w, C, ceil(H / s_h), ceil(W / s_w))`."""
        return self._split(self._continued(x))

    def _continued(self, x: Tensor) -> Tensor:
        (rows, columns), (height, width) = self.stride, x.shape[2:]
        if is_exporting():  # of a map of any size: by more than can be missing, and always cut; ONNX rounds -h // 2 up
            longer = pad(x, [(0, rows), (0, columns)], self.padding_mode)
            return longer[:, :, : ((height - 1) // rows + 1) * rows, : ((width - 1) // columns + 1) * columns]
        return pad(x, [(0, -height % rows), (0, -width % columns)], self.padding_mode)

    def _split(self, x: Tensor) -> Tensor:
        rows, columns = self.stride
        return x.unflatten(3, (-1, columns)).unflatten(2, (-1, rows)).permute(0, 3, 5, 1, 2, 4)

    def _select(self, x: Tensor) -> None:
        weights = None
        if self.judge is None:
            scores = self._split(_energy(x)).sum((3, 4, 5)).flatten(1)
        else:
            scores = self.judge(self._split(_standardized(x)))
            if self.training:
                scores = weights = F.gumbel_softmax(scores, hard=True)
        self.selection.phases, self.selection.weights = scores.detach().argmax(1), weights

    def extra_repr(self) -> str:
        follows = ", follows=True" if self.follows else ""
        return (
            f"{self.channels}, stride={self.stride}, phase={self.phase!r}, padding_mode={self.padding_mode!r}{follows}"
        )


class PhaseReturn2d(nn.Module):
    """Put maps that were upsampled back where a `PolyphasePool2d` took them from.

    Upsampling by `s` puts the samples at 0, s, 2s, ...; after polyphase subsampling they were taken from another start.
    Rolling by that start makes the way down and up again move with the image.

    Args:
        *pools: The layers that subsampled, in their order; they have to run first on the same images. Several are
            needed where maps are upsampled by the product of several strides at once.

    Shape:
        `(N, C, H, W)` to `(N, C, H, W)`.

    Source: Chaman & Dokmanic, "Truly Shift-Equivariant Convolutional Neural Networks with Adaptive Polyphase
    Upsampling", 2021, section 3.

    Example:
        >>> pool = PolyphasePool2d(1)
        >>> back, x = PhaseReturn2d(pool), torch.randn(1, 1, 4, 4)
        >>> there_and_back = back(F.interpolate(pool(x), scale_factor=2))
        >>> moved = back(F.interpolate(pool(x.roll(1, 3)), scale_factor=2))
        >>> torch.equal(moved, there_and_back.roll(1, 3))
        True
    """

    def __init__(self, *pools: PolyphasePool2d) -> None:
        super().__init__()
        self.selections, self.strides = [pool.selection for pool in pools], [pool.stride for pool in pools]

    def forward(self, x: Tensor) -> Tensor:
        """Roll each image's maps by the phase that was selected for it."""
        # Row and column of the upsampled grid that the first kept sample came from: of each image, over all pools.
        rows, columns, step_h, step_w = x.new_zeros((), dtype=torch.int64), x.new_zeros((), dtype=torch.int64), 1, 1
        for selection, stride in zip(self.selections, self.strides, strict=True):
            row, column = selection.starts(x.shape[0], stride[1])
            rows, columns = rows + step_h * row, columns + step_w * column
            step_h, step_w = step_h * stride[0], step_w * stride[1]
        for dim, starts in enumerate((rows, columns), start=2):
            index = (torch.arange(x.shape[dim], device=x.device) - starts[:, None]) % x.shape[dim]
            x = x.gather(dim, (index[:, None, :, None] if dim == 2 else index[:, None, None, :]).expand_as(x))
        return x


class PhaseScorer(nn.Module):
    """Give each phase of a map a score, the same for a map and its circular shifts.

    Two convolutions and the mean over places. The published network sees the maps as they are. Where none of its
    ReLUs bends, as on maps that hardly vary around a large mean, it is linear: it then compares the means of the
    phases, which any filter with a zero at the limit of the grid, such as a binomial one, makes equal. Here it sees
    what is left of each channel without its mean, at unit scale, which bends every ReLU.

    Args:
        channels: Number of channels of the map.
        padding_mode: How the borders of a phase are continued.
        device: Device of the parameters.
        dtype: Type of the parameters.

    Shape:
        `(N, s_h, s_w, C, H, W)`, standardized, to `(N, s_h * s_w)`.
    """

    def __init__(
        self,
        channels: int,
        padding_mode: PaddingMode,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.padding_mode: PaddingMode = padding_mode
        width = min(channels, _SCORER_CHANNELS)
        self.conv1 = nn.Conv2d(channels, width, 3, device=device, dtype=dtype)
        self.conv2 = nn.Conv2d(width, 1, 3, device=device, dtype=dtype)

    def forward(self, phases: Tensor) -> Tensor:
        """Score the phases of standardized maps, `(N, s_h, s_w, C, H, W)`, as `(N, s_h * s_w)`."""
        border = [(1, 1), (1, 1)]
        x = phases.flatten(0, 2)
        x = F.relu(self.conv1(pad(x, border, self.padding_mode)))
        scores: Tensor = self.conv2(pad(x, border, self.padding_mode)).mean((1, 2, 3))
        return scores.view(phases.shape[0], phases.shape[1] * phases.shape[2])


def _moved(x: Tensor, starts: tuple[Tensor, Tensor], stride: tuple[int, int], mode: PaddingMode) -> Tensor:
    """Move each of the maps `(N, C, H, W)` so that row and column `starts` of it, below `stride`, come first."""
    size, longer, wraps = x.shape[2:], x, mode == "circular" and not is_exporting()
    if not wraps:
        longer = pad(x, [(0, step - 1) for step in stride], mode)
    rows, columns = (
        start[:, None] + torch.arange(kept, device=x.device) for start, kept in zip(starts, size, strict=True)
    )
    if wraps:
        rows, columns = rows % size[0], columns % size[1]
    return in_layout_of(x, samples_at(longer, rows, columns))


def samples_at(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return of each map the rows and columns that are its own.

    Args:
        x: Maps `(N, C, H, W)`.
        rows: Numbers of the rows of each map, `(N, H')`.
        columns: Numbers of the columns of each map, `(N, W')`.

    Example:
        >>> x = torch.arange(8).view(2, 1, 2, 2)
        >>> samples_at(x, torch.tensor([[0], [1]]), torch.tensor([[0, 1], [1, 0]]))[:, 0].tolist()
        [[[0, 1]], [[7, 6]]]
    """
    index = (rows[:, :, None] * x.shape[3] + columns[:, None, :]).flatten(1)
    found = x.flatten(2).gather(2, index[:, None, :].expand(-1, x.shape[1], -1))
    return found.unflatten(2, (rows.shape[1], columns.shape[1]))


def _drawn(phases: Tensor, weights: Tensor) -> Tensor:
    """Return the phase of `(N, phases, ...)` whose weight is one, to the bit, with the gradient of the weighted sum.

    What was not drawn gets a gradient for its weight and leaves no trace, though it may hold what is no number.
    """
    change = weights - weights.detach()
    numbers = torch.where(phases.isfinite(), phases, 0)
    return torch.where(weights.detach() > 0.5, phases, 0).sum(1) + (change * numbers).sum(1)


def _energy(x: Tensor) -> Tensor:
    """Square maps `(N, C, H, W)` and sum over channels, in float64 where there is any.

    The sum at a place has the same order wherever a shift puts the place. The sum over places has not, and follows in
    the type returned here.
    """
    precise = torch.float32 if x.device.type == "mps" else torch.float64
    return _near_one(x.detach()).square().sum(1, keepdim=True).to(precise)


def _standardized(x: Tensor) -> Tensor:
    """Take each channel's mean away from maps `(N, C, H, W)`, and bring each image to unit scale.

    What is no number is seen as zero, or the score of every phase would be none.
    """
    scaled = _near_one(torch.where(x.isfinite(), x, 0))
    centred = scaled - scaled.mean((2, 3), keepdim=True)
    norm = torch.linalg.vector_norm(centred, dim=(1, 2, 3), keepdim=True)
    scale = norm * (x.shape[1:].numel() ** -0.5)
    return (centred / scale.clamp_min(torch.finfo(scale.dtype).tiny)).to(x.dtype)


def _near_one(x: Tensor) -> Tensor:
    """Return maps in float32 at least, each image times a power of two that brings its largest sample near one.

    Squares of very small or large samples would all be zero or infinite; a power of two changes no other bit.
    """
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    largest = x.detach().abs().amax((1, 2, 3), keepdim=True)
    octaves = torch.where(largest > 0, largest.log2().round().clamp(-120, 120), 0.0)
    return x * torch.exp2(-octaves)
