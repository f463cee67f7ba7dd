"""Let a network see its images in windows that are aligned with what they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from antialias._torch import forward_pre_hooks, tree_leaves, tree_map_only
from antialias.nn import Filter, PhaseAlign2d, PhaseAlignment

from ..dataflow import is_one_run
from ._edits import Edit
from ._places import remove_hooks


@dataclass(frozen=True, kw_only=True)
class AlignPhases(Edit):
    """Move the images that a network is given to where what they show meets its strides always alike."""

    saved_as: ClassVar[str] = "AlignPhases"

    def apply(self, model: nn.Module, config: Filter) -> dict[str, Any]:
        assert isinstance(config, PhaseAlignment)
        hook = AlignImages(PhaseAlign2d(config.period, config.padding_mode))
        model.get_submodule(self.module).register_forward_pre_hook(hook, with_kwargs=True)
        return {}

    def undo(self, model: nn.Module, before: Mapping[str, Any]) -> None:
        remove_hooks(forward_pre_hooks(model.get_submodule(self.module)), AlignImages)


def aligning_macs(model: nn.Module, height: int, width: int) -> int:
    """Return the multiply-adds that a network spends on aligning an image; 0 of one that does not.

    Args:
        model: The network.
        height: Of the image.
        width: Of the image.
    """
    hooks = forward_pre_hooks(model).values()
    return sum(PhaseAlign2d.macs_of_a_pixel * height * width for hook in hooks if isinstance(hook, AlignImages))


class AlignImages:
    """Move the images among a network's arguments, all by what the first of them show; in training, do nothing.

    Args:
        layer: Moves them.
    """

    def __init__(self, layer: PhaseAlign2d) -> None:
        self.layer = layer

    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if module.training or is_one_run():
            return None
        inputs = (args, dict(kwargs))
        images = next((leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor) and leaf.dim() == 4), None)
        if images is None:
            raise ValueError(
                f"{type(module).__name__} is given no images (N, C, H, W), which could be aligned. Pass such, or take "
                "the alignment back: conversion_of(model).revert_()."
            )
        offsets, size = self.layer.offsets(images), images[:, 0].shape

        def moved(tensor: Tensor) -> Tensor:
            return self.layer.moved(tensor, offsets) if tensor.dim() == 4 and tensor[:, 0].shape == size else tensor

        return tree_map_only(Tensor, moved, inputs)
