"""How often an answer is another one when the image moves, for any kind of answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from antialias.metrics._adapter import (
    Adapter,
    ClassScores,
    DenseValues,
    Instances,
    LabelMaps,
    Model,
    check_positive,
    evaluating,
)
from antialias.metrics._loop import Show, about, measure
from antialias.metrics._measurement import Measurement
from antialias.metrics._top1 import top1
from antialias.metrics.detection._consistency import SameInstance, consistent_share, likely
from antialias.metrics.detection._instances import Kind
from antialias.metrics.inputs import _shifts
from antialias.metrics.inputs._images import Images, Sample

STEPS = ((0, 1), (1, 0), (1, 1))
"""Moves by one pixel (y, x): horizontal, vertical, diagonal."""


@dataclass(frozen=True)
class View:
    """What a network is shown of an image beside the first window, and what its answer stands for.

    Attributes:
        adapter: Shows it.
        window: Rows and columns by which the window is moved.
        moved: Rows and columns by which the answer counts as moved; the window's by default.
    """

    adapter: Adapter
    window: tuple[int, int] = (0, 0)
    moved: tuple[int, int] | None = None


def adapter_for(model: Model, image: Tensor, **options: Any) -> Adapter:
    """Find out by showing it an image what a network answers: class scores, a map of labels, instances or dense values.

    Args:
        model: The network, or an adapter, which is taken with other options.
        image: Pixels `(C, H, W)` in [0, 1].
        **options: See `Options`.

    Raises:
        TypeError: Its answer is none of these.
        RuntimeError: It does not run on the image.

    Example:
        >>> type(adapter_for(lambda images: images.mean((2, 3)), torch.rand(3, 8, 8))).__name__
        'ClassScores'
    """
    if isinstance(model, Adapter):
        return type(model).of(model, **options)
    adapter = LabelMaps(model, **options)
    inputs = adapter.inputs(image[None])
    with evaluating(model), torch.no_grad():
        answer = adapter.network(inputs)
    if isinstance(answer, (list, tuple)) and answer and isinstance(answer[0], Mapping) and "boxes" in answer[0]:
        return Instances(model, **options)
    maps = answer.get("out") if isinstance(answer, Mapping) else answer
    if isinstance(maps, Tensor) and maps.ndim == 2:
        return ClassScores(model, **options)
    if isinstance(maps, Tensor) and maps.ndim == 4 and maps.shape[1] > 1:
        return LabelMaps(model, **options)
    if isinstance(maps, Tensor) and maps.ndim in (3, 4) and (len(maps), *maps.shape[-2:]) == (1, *inputs.shape[-2:]):
        return DenseValues(model, **options)
    shape = f"a tensor {tuple(maps.shape)}" if isinstance(maps, Tensor) else f"a {type(answer).__name__}"
    raise TypeError(
        f"the model returned {shape}, neither class scores (N, K), nor logits (N, K, H, W), nor instances, nor values "
        "(N, H, W). Pass an adapter: antialias.metrics.ClassScores(model), LabelMaps(model), Instances(model) or "
        "DenseValues(model)."
    )


@dataclass(frozen=True)
class Windows:
    """Windows of an image at several moves from one random start: 7/8 of its sides, less where a move needs room.

    Attributes:
        adapter: Class scores are of central squares, label maps of multiples of what their network takes.
        longest: Longest move there is room for.
        size: Height and width, where they are not 7/8 of the sides.
        seed: Chooses the start, together with the image's number.
    """

    adapter: Adapter
    longest: int = 1
    size: tuple[int, int] | None = None
    seed: int = 0

    def size_in(self, sample: Sample) -> tuple[int, int]:
        """Return height and width of the windows of an image.

        Raises:
            ValueError: There is no room for the longest move.
        """
        multiple = self.adapter.sides_of if isinstance(self.adapter, LabelMaps) else 1
        sides = self._pixels(sample).shape[-2:]
        parts = [min(_shifts.default_window(side), side - self.longest) // multiple * multiple for side in sides]
        height, width = self.size or parts
        if min(height, width) < 1 or height + self.longest > sides[0] or width + self.longest > sides[1]:
            raise ValueError(
                f"picture {sample.index} of {sides[0]}x{sides[1]} has no room for windows of {max(height, 1)}x"
                f"{max(width, 1)} that move by {self.longest}. Use larger pictures."
            )
        return height, width

    def cut(self, sample: Sample, moves: Sequence[tuple[int, int]] = ((0, 0),)) -> Tensor:
        """Cut the windows at some moves (y, x) from an image: `(M, C, h, w)`."""
        pixels, size = self._pixels(sample), self.size_in(sample)
        room = [side - part - self.longest + 1 for side, part in zip(pixels.shape[-2:], size, strict=True)]
        y, x = (
            int(_shifts.random_offsets(places, 1, seed=self.seed, index=sample.index)[0, side])
            for side, places in enumerate(room)
        )
        return torch.stack([pixels[:, y + i : y + i + size[0], x + j : x + j + size[1]] for i, j in moves])

    def _pixels(self, sample: Sample) -> Tensor:
        return _shifts.central_square(sample.batch)[0] if isinstance(self.adapter, ClassScores) else sample.pixels


def measure_changes(
    first: Adapter,
    views: Sequence[View],
    images: Images,
    *,
    window: tuple[int, int] | None = None,
    seed: int = 0,
    same: SameInstance | None = None,
) -> Measurement:
    """Measure how often the answer to each view is another one than that to an image's first window `(N, V)`.

    Class scores change if the first class does; of label maps the share of pixels counts that both windows show and
    whose class changes, of instances the share of those in the first window that the other has no counterpart of.
    An image without one does not count.

    Args:
        first: The network that the first window is shown to.
        views: What is compared with its answer.
        images: What windows are cut from, as in `consistency`; class scores see central squares.
        window: Height and width of the windows; 7/8 of the sides by default.
        seed: Chooses the places.
        same: When two instances are one.

    Raises:
        ValueError: The windows do not fit, or the answers cannot be measured.
        TypeError: This kind of answer does not change or stay: it is of numbers.

    Example:
        >>> corner = ClassScores(lambda x: torch.stack([x[:, 0, 0, 0], 1 - x[:, 0, 0, 0]], 1))
        >>> stripes = (torch.arange(64) % 2).float().expand(12, 3, 64, 64)
        >>> views = [View(corner, step) for step in STEPS]
        >>> measure_changes(corner, views, stripes).rows.mean(0).tolist()
        [1.0, 0.0, 1.0]
    """
    check_positive(views=len(views))
    same = same or SameInstance()
    longest = max((1, *(max(view.window) for view in views)))
    windows = Windows(first, longest, window, seed)
    adapters = {id(adapter): adapter for adapter in (first, *(view.adapter for view in views))}
    seen = {key: [(0, 0)] if key == id(first) else list[tuple[int, int]]() for key in adapters}
    for view in views:
        if view.window not in seen[id(view.adapter)]:
            seen[id(view.adapter)].append(view.window)

    def row(sample: Sample, *answers: Any) -> Tensor:
        of_view = {
            (key, move): answer
            for (key, moves), all_of_one in zip(seen.items(), answers, strict=True)
            for move, answer in zip(moves, all_of_one, strict=True)
        }
        size, base = windows.size_in(sample), of_view[id(first), (0, 0)]
        moved = [view.window if view.moved is None else view.moved for view in views]
        answered = [of_view[id(view.adapter), view.window] for view in views]
        pairs = zip(answered, moved, strict=True)
        return torch.tensor([[changed(first, base, answer, by, size, same) for answer, by in pairs]])

    shows = [Show(adapters[key], lambda sample, moves=moves: windows.cut(sample, moves)) for key, moves in seen.items()]
    measured = measure(images, shows, row)
    words = f"windows of 7/8 of the sides from one random start, seed {seed}"
    protocol: dict[str, Any] = {"seed": seed, "window": window}
    if isinstance(first, Instances):
        protocol["same_instance"] = {"iou": same.iou, "score": same.score, "matching": same.matching}
    return about(measured, "changed answers", words, **protocol)


def changed(
    adapter: Adapter,
    first: Any,
    second: Any,
    moved: tuple[int, int],
    size: tuple[int, int],
    same: SameInstance,
) -> float:
    """Return how much of an answer is another one in a window that has moved; NaN where nothing counts.

    Args:
        adapter: Of which kind the answers are.
        first: The answer to a window.
        second: The answer to the window that has moved.
        moved: By how many rows and columns, up and to the left if negative; so far that the windows overlap.
        size: Height and width of the windows.
        same: When two instances are one.

    Raises:
        TypeError: The answers are of numbers, which neither change nor stay.

    Example:
        >>> first, second = torch.tensor([[[0, 1, 1]], [[0, 0, 1]]])
        >>> maps = LabelMaps(lambda x: x)
        >>> [changed(maps, first, second, (0, by), (1, 3), SameInstance()) for by in (0, 1, -1)]
        [0.3333333432674408, 1.0, 0.0]
    """
    if isinstance(adapter, ClassScores):
        return float(top1(first[None])[0] != top1(second[None])[0])
    if isinstance(adapter, LabelMaps):
        overlap = [side - abs(by) for side, by in zip(size, moved, strict=True)]
        before = adapter.within(first, [max(by, 0) for by in moved], overlap)
        after = adapter.within(second, [max(-by, 0) for by in moved], overlap)
        return float((before != after).float().mean())
    if isinstance(adapter, Instances):
        kind: Kind = "mask" if "masks" in first else "box"
        a, b = (likely(answer, same.score, kind, size) for answer in (first, second))
        corners = torch.tensor([[(0, 0), moved]])
        return 1 - float(consistent_share([a], [b], corners, size, kind, same))
    raise TypeError(f"{type(adapter).__name__} gives numbers, which neither change nor stay. Use class scores or maps.")
