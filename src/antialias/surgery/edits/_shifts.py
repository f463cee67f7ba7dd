"""Average a classifier's answers to shifted copies of its images, as many as each image needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from antialias._torch import forward_hooks, tree_leaves, tree_map_only
from antialias.nn import Filter, ShiftAverage
from antialias.ops import PaddingMode, is_exporting, pad

from ..dataflow import is_one_run, one_run
from ._edits import Edit
from ._places import remove_hooks


@dataclass(frozen=True, kw_only=True)
class AverageShifts(Edit):
    """Let a network answer shifted copies of an image until its two best classes are told apart."""

    saved_as: ClassVar[str] = "AverageShifts"

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        assert isinstance(config, ShiftAverage)
        model.get_submodule(self.module).register_forward_hook(AnswerCopies(config), with_kwargs=True)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        remove_hooks(forward_hooks(model.get_submodule(self.module)), AnswerCopies)


class AnswerCopies:
    """Average what a network answers to an image with what it answers to copies of it; in training, do nothing.

    Args:
        config: Which copies, and when they are enough.

    Attributes:
        images: Images that were answered.
        runs: Runs of the network that they took, each of one image.
    """

    def __init__(self, config: ShiftAverage) -> None:
        self.config, self.images, self.runs = config, 0, 0

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Any:
        if module.training or is_one_run():
            return None
        if is_exporting() or torch.jit.is_tracing():
            raise RuntimeError(
                f"{type(module).__name__} averages answers to shifted copies, as many as an image needs, which no "
                "exported graph can count. Export it without: conversion_of(model).revert_()."
            )
        offsets, threshold, images = self.config.offsets, self.config.threshold, (args, dict(kwargs))
        first = logits_of(module, output)
        total = first.float()
        answered = torch.ones_like(total[:, 0])
        rows = torch.arange(len(total), device=total.device)
        self.images, self.runs = self.images + len(total), self.runs + len(total)

        for offset in offsets[1:]:
            if threshold is not None:
                best = total[rows].topk(2).values
                rows = rows[best[:, 0] - best[:, 1] < threshold]
            if not len(rows):
                break
            with one_run():
                copy = partial(moved_rows, rows, len(total), offset, self.config.padding_mode)
                args, kwargs = tree_map_only(Tensor, copy, images)
                again = logits_of(module, module(*args, **kwargs))
            total = total.index_add(0, rows, again.float())
            answered[rows] += 1
            self.runs += len(rows)
        mean = (total / answered[:, None]).to(first.dtype)
        return tree_map_only(Tensor, lambda tensor: mean if tensor is first else tensor, output)


def runs_of(model: nn.Module) -> float:
    """Return how often a network ran for an image on average so far; before it has answered any, how often at most.

    Args:
        model: A network. One that does not average over shifted copies runs once.

    Example:
        >>> runs_of(nn.Identity())
        1.0
    """
    for hook in forward_hooks(model).values():
        if isinstance(hook, AnswerCopies):
            return hook.runs / hook.images if hook.images else float(hook.config.copies)
    return 1.0


def moved(images: Tensor, offset: tuple[int, int], padding_mode: PaddingMode) -> Tensor:
    """Return images as a window of their size shows them that is moved by an offset.

    Args:
        images: `(N, C, H, W)`.
        offset: Rows and columns that the window is moved by.
        padding_mode: How images are continued.

    Example:
        >>> moved(torch.arange(3.0).view(1, 1, 1, 3), (0, 1), "replicate").tolist()
        [[[[1.0, 2.0, 2.0]]]]
    """
    (height, width), (down, right) = images.shape[2:], offset
    border = [(max(-step, 0), max(step, 0)) for step in offset]
    return pad(images, border, padding_mode)[:, :, max(down, 0) :, max(right, 0) :][:, :, :height, :width]


def moved_rows(rows: Tensor, images: int, offset: tuple[int, int], padding_mode: PaddingMode, tensor: Tensor) -> Tensor:
    """Return some rows of what a network was given, moved if they are images; what has no row an image as it is.

    Args:
        rows: Numbers of the images.
        images: How many there are.
        offset: Rows and columns that windows are moved by.
        padding_mode: How images are continued.
        tensor: One of the network's arguments.
    """
    if tensor.dim() == 0 or len(tensor) != images:
        return tensor
    return moved(tensor[rows], offset, padding_mode) if tensor.dim() == 4 else tensor[rows]


def logits_of(module: nn.Module, output: Any) -> Tensor:
    """Return the logits `(N, K)` in what a classifier returned.

    Args:
        module: The classifier.
        output: What it returned: logits, or something that holds them and no other tensor of two dimensions.

    Raises:
        ValueError: There are none of two classes or more, or several.
    """
    leaves = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor) and leaf.dim() == 2]
    if len(leaves) != 1 or leaves[0].shape[1] < 2 or not leaves[0].is_floating_point():
        shapes = ", ".join(str(tuple(leaf.shape)) for leaf in tree_leaves(output) if isinstance(leaf, Tensor))
        raise ValueError(
            f"{type(module).__name__} returns {shapes or type(output).__name__}, not the logits (N, K) of two classes "
            "or more, whose average over shifted copies would be an answer. For maps and detections use "
            "PhaseAverage(), which moves them back."
        )
    return leaves[0]
