"""Run a network on several sampling phases, in the batch, and average its answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias._torch import forward_hooks, forward_pre_hooks, own_children, tree_leaves, tree_map_only
from antialias.nn import Filter, PhaseAverage, PhaseRepeat2d, PhaseSplit2d, PolyphasePool2d
from antialias.ops import pad

from ._edits import Edit, Insert
from ._functional import JOIN, patch, unpatch
from ._places import remove_hooks

_MOST_RUNS = 2**14
_LOST = (
    "A tool has taken a layer that splits phases away; let it work on the network before convert_, or undo the "
    "conversion first: conversion_of(model).revert_()."
)
Steps = tuple[int, int, float, float]
"""Of one group of sites: its stride `(s_h, s_w)`, and how far a map moves for each row and column of a phase."""


def combined(config: Filter, groups: Iterable[Sequence[Any]]) -> list[tuple[float, float]]:
    """Return how far each run moves a map, in the order in which nested groups put the runs into the batch.

    Args:
        config: The `PhaseAverage`.
        groups: `Steps` of each group, the one that runs first first.

    Raises:
        ValueError: They are more runs than any conversion makes.
    """
    assert isinstance(config, PhaseAverage)
    moves = [(0.0, 0.0)]
    for rows, columns, down, right in groups:
        if rows * columns * len(moves) > _MOST_RUNS:
            raise ValueError(f"strides of {rows}x{columns} behind {len(moves)} runs are more than {_MOST_RUNS} runs.")
        offsets = config.offsets((rows, columns))
        moves = [(i * down + y, j * right + x) for i, j in offsets for y, x in moves]
    return moves


@dataclass(frozen=True, kw_only=True)
class MoveInput(Insert):
    """Give a module that keeps its stride its input moved: by each phase, or to the one that the content selects."""

    saved_as: ClassVar[str] = "MoveInput"

    def build(self, config: Filter, **options: Any) -> nn.Module:
        """Make the layer that moves the input."""
        if not isinstance(config, PhaseAverage):
            return PolyphasePool2d(self.channels, self.stride, "input_norm", config.padding_mode)
        offsets = config.offsets((self.stride[0], self.stride[1]))
        return PhaseSplit2d(self.channels, self.stride, offsets, config.padding_mode, subsample=False)


@dataclass(frozen=True, kw_only=True)
class WrapEnd(Edit):
    """Let a window that does not overlap the next one read on in a circle where a phase moves it over the end.

    Attributes:
        stride: The former stride, `(s_h, s_w)`. Maps that it does not divide are no circle, and stay what they are.
        after: Rows and columns added behind.
    """

    saved_as: ClassVar[str] = "WrapEnd"

    stride: tuple[int, int]
    after: tuple[int, int]

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        hook = ContinueInput((self.stride[0], self.stride[1]), (self.after[0], self.after[1]))
        model.get_submodule(self.module).register_forward_pre_hook(hook)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        remove_hooks(forward_pre_hooks(model.get_submodule(self.module)), ContinueInput)


@dataclass(frozen=True)
class ContinueInput:
    """Continue the first argument of a module in a circle, where its sides are multiples of a stride.

    Attributes:
        stride: The stride.
        after: Rows and columns added behind.
    """

    stride: tuple[int, int]
    after: tuple[int, int]

    def __call__(self, module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        sizes = args[0].shape[2:]
        ends = [0 if size % s else more for size, s, more in zip(sizes, self.stride, self.after, strict=True)]
        return (pad(args[0], [(0, end) for end in ends], "circular"), *args[1:])


@dataclass(frozen=True, kw_only=True)
class JoinPhases(Edit):
    """Repeat a map, or what else there is one of for each image, where a module joins it to phases of another.

    Attributes:
        function: What joins them, such as `"cat"`.
        index: Which of the module's calls of it.
        groups: `Steps` of each group of sites that split the other map and not this one.
    """

    saved_as: ClassVar[str] = "JoinPhases"

    function: str
    index: int
    groups: tuple[Steps, ...]

    @property
    def child(self) -> str:
        """Name of the layer that repeats, in the module."""
        return f"{JOIN}{self.function}{self.index}"

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        owner = model.get_submodule(self.module)
        moves = [(round(i), round(j)) for i, j in combined(config, self.groups)]
        owner.add_module(self.child, PhaseRepeat2d(moves, config.padding_mode))
        patch(owner)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        owner = model.get_submodule(self.module)
        del own_children(owner)[self.child]
        unpatch(owner)


@dataclass(frozen=True, kw_only=True)
class AveragePhases(Edit):
    """Average what the network returns over its phases; maps are moved back first.

    Attributes:
        outputs: For each tensor that the network returns, `Steps` of each group of sites that split it.
        ended: Phases were averaged inside of the network, too, so that every answer has to be one for each image.
    """

    saved_as: ClassVar[str] = "AveragePhases"

    outputs: tuple[tuple[Steps, ...], ...]
    ended: bool = False

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        moves = tuple(tuple(combined(config, groups)) for groups in self.outputs)
        hook = AverageOutput(moves, config.padding_mode == "circular", self.ended)
        model.get_submodule(self.module).register_forward_hook(hook, with_kwargs=True)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        remove_hooks(forward_hooks(model.get_submodule(self.module)), AverageOutput)


@dataclass(frozen=True)
class AverageOutput:
    """Average what a module returns over the phases in its batch.

    Attributes:
        moves: For each tensor, how far each of its phases is moved, in its own rows and columns.
        circular: Maps are moved back in a circle.
        ended: Tensors that are in no phases any more have to have a row for each image.
    """

    moves: tuple[tuple[tuple[float, float], ...], ...]
    circular: bool
    ended: bool = False

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Any:
        images = next(leaf.shape[0] for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
        waiting = iter(self.moves)

        def average(tensor: Tensor) -> Tensor:
            moves = next(waiting)
            if len(moves) == 1 and not self.ended:
                return tensor
            if tensor.shape[0] != len(moves) * images:
                raise RuntimeError(
                    f"{type(module).__name__} returns {tensor.shape[0]} answers for {images} images in {len(moves)} "
                    f"phases. {_LOST}"
                )
            if len(moves) == 1:
                return tensor
            if not (tensor.is_floating_point() or tensor.is_complex()):
                raise RuntimeError(
                    f"{type(module).__name__} returns {tensor.dtype}, which has no average over phases. Convert the "
                    "part of it that returns logits."
                )
            return averaged(tensor.unflatten(0, (len(moves), images)), moves, self.circular)

        return tree_map_only(Tensor, average, output)


@dataclass(frozen=True, kw_only=True)
class EndPhases(Edit):
    """Average what a module returns over the phases that run there, so that what follows runs once.

    Attributes:
        groups: `Steps` of each group of sites that split its map.
    """

    saved_as: ClassVar[str] = "EndPhases"

    groups: tuple[Steps, ...]

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        hook = AverageMap(tuple(combined(config, self.groups)), config.padding_mode == "circular")
        model.get_submodule(self.module).register_forward_hook(hook)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        remove_hooks(forward_hooks(model.get_submodule(self.module)), AverageMap)


@dataclass(frozen=True)
class AverageMap:
    """Average a map over the phases in its batch.

    Phases that lie a position or more away are moved back by whole positions. What is left, a part of a position, is
    what the average is taken for: it blurs the map a little, at the rate of its samples, where they are most.

    Attributes:
        moves: How far each phase is moved, in rows and columns of the map.
        circular: The map is moved back in a circle.
    """

    moves: tuple[tuple[float, float], ...]
    circular: bool

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        if output.shape[0] % len(self.moves):
            raise RuntimeError(
                f"{type(module).__name__} returns a batch of {output.shape[0]}, which are not {len(self.moves)} phases "
                f"of each image. {_LOST}"
            )
        whole = [(math.floor(i), math.floor(j)) for i, j in self.moves]
        return averaged(output.unflatten(0, (len(whole), -1)), whole, self.circular)


@dataclass(frozen=True, kw_only=True)
class PickPhase(Edit):
    """Answer for one of the phases alone; maps stay where that phase has them.

    Attributes:
        index: Which of the phases.
        runs: How many there are.
    """

    saved_as: ClassVar[str] = "PickPhase"

    index: int
    runs: int

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        model.get_submodule(self.module).register_forward_hook(PickOutput(self.index, self.runs), with_kwargs=True)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        remove_hooks(forward_hooks(model.get_submodule(self.module)), PickOutput)


@dataclass(frozen=True)
class PickOutput:
    """Return what a module returns for one of the phases in its batch.

    Attributes:
        index: Which of the phases.
        runs: How many there are.
    """

    index: int
    runs: int

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Any:
        images = next(leaf.shape[0] for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))

        def pick(tensor: Tensor) -> Tensor:
            own = tensor.shape[0] == self.runs * images
            return tensor.unflatten(0, (self.runs, images))[self.index] if own else tensor

        return tree_map_only(Tensor, pick, output)


def averaged(phases: Tensor, moves: Sequence[tuple[float, float]], circular: bool) -> Tensor:
    """Move maps back and average them over phases, at each place over those that have it.

    Args:
        phases: `(P, N, *)`; where any is moved, maps `(P, N, C, H, W)`.
        moves: Rows and columns that each was moved by; fractions are interpolated linearly.
        circular: Move in a circle.
    """
    if not any(i or j for i, j in moves):
        return phases.mean(0)
    if circular:
        return torch.stack([_moved_back(maps, move, True) for maps, move in zip(phases, moves, strict=True)]).mean(0)
    here = phases.new_ones((1, 1, *phases.shape[-2:]))
    total, count = torch.zeros_like(phases[0]), torch.zeros_like(here)
    for maps, move in zip(phases, moves, strict=True):
        total, count = total + _moved_back(maps, move, False), count + _moved_back(here, move, False)
    return total / count


def _moved_back(maps: Tensor, move: tuple[float, float], circular: bool) -> Tensor:
    for dim, amount in zip((-2, -1), move, strict=True):
        whole = math.floor(amount)
        near = _rolled(maps, whole, dim, circular)
        maps = near if amount == whole else torch.lerp(near, _rolled(maps, whole + 1, dim, circular), amount - whole)
    return maps


def _rolled(maps: Tensor, amount: int, dim: int, circular: bool) -> Tensor:
    if circular:
        return maps.roll(amount, dim)
    size = maps.shape[dim]
    border = (amount, 0) if dim == -1 else (0, 0, amount, 0)
    return F.pad(maps.narrow(dim, 0, max(size - amount, 0)), border).narrow(dim, 0, size)
