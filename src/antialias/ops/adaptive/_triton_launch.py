"""The grids and arguments with which the Triton kernels are launched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from .._layout import memory_format_of
from ._reference import Settings

# Elements that a program works on at a time: as many as registers hold (benchmarks/triton_resources.csv).
_TILE = 1024
_GRADIENT_TILE = 2048
WARPS = 4


class Launch(NamedTuple):
    """A kernel by name, with the grid and the arguments of one launch."""

    kernel: str
    grid: tuple[int, int, int]
    arguments: dict[str, Any]


def forward_launch(x: Tensor, logits: Tensor, y: Tensor, settings: Settings) -> Launch:
    """Prepare the forward kernel.

    Args:
        x: Maps; only shapes, strides and types are looked at, so meta tensors do.
        logits: Logits.
        y: Room for the output.
        settings: Of the filter.
    """
    shared, maps = _sizes_and_constants(x, logits, y, settings), {"x": x, "logits": logits, "y": y}
    positions, groups, per_group = shared["positions"], shared["groups"], shared["per_group"]
    block_c, block_p = _tile(x, per_group, positions)
    own = {"TAPS": triton.next_power_of_2(settings.kernel_size**2), "BLOCK_C": block_c, "BLOCK_P": block_p}
    grid = (triton.cdiv(positions, block_p), groups * triton.cdiv(per_group, block_c), len(x))
    return Launch("forward", grid, {**maps, **shared, **_strides(maps), **own})


def backward_launches(
    grad_y: Tensor, x: Tensor, logits: Tensor, grad_x: Tensor, grad_logits: Tensor, settings: Settings
) -> tuple[Launch, Launch]:
    """Prepare both kernels of the backward pass: the logits' gradient with the softmax' statistics, then the map's.

    Args:
        grad_y: Gradient of the output.
        x: Maps; only shapes, strides and types are looked at, so meta tensors do.
        logits: Logits.
        grad_x: Room for the gradient of the maps.
        grad_logits: Room for that of the logits.
        settings: Of the filter.
    """
    shared: dict[str, Any] = _sizes_and_constants(x, logits, grad_y, settings)
    positions, groups, per_group = shared["positions"], shared["groups"], shared["per_group"]
    programs, taps = 1 if settings.joint else groups, triton.next_power_of_2(settings.kernel_size**2)
    precise = torch.promote_types(x.dtype, torch.float32)
    statistics = torch.empty((2, len(x), programs, positions), dtype=precise, device=x.device)
    shared |= {"grad_y": grad_y, "logits": logits, "statistics": statistics, "plane": statistics[0].numel()}

    block_c = min(triton.next_power_of_2(per_group), 8) if memory_format_of(x) == torch.channels_last else 1
    block_p = min(max(_GRADIENT_TILE // (taps * block_c), 16), 128, max(triton.next_power_of_2(positions), 16))
    strides = _strides({"grad": grad_y, "x": x, "logits": logits, "out": grad_logits})
    own = {"x": x, "grad_logits": grad_logits, "TAPS": taps, "BLOCK_C": block_c, "BLOCK_P": block_p}
    grid = (triton.cdiv(positions, block_p), programs, len(x))
    logits_launch = Launch("backward_logits", grid, {**shared, **strides, **own})

    (height, width), half = x.shape[2:], settings.kernel_size // 2
    block_c, block_q = _tile(x, per_group, width)
    strides = _strides({"grad": grad_y, "logits": logits, "out": grad_x})
    own = {"grad_x": grad_x, "kept_height": grad_y.shape[2], "BLOCK_C": block_c, "BLOCK_Q": block_q}
    own["IMAGES_H"] = _images(shared["MODE_H"], height, half)
    own["IMAGES_W"] = _images(shared["MODE_W"], width, half)
    grid = (height * triton.cdiv(width, block_q), groups * triton.cdiv(per_group, block_c), len(x))
    shared = {key: value for key, value in shared.items() if key != "positions"}
    return logits_launch, Launch("backward_x", grid, {**shared, **strides, **own})


def _tile(x: Tensor, per_group: int, places: int) -> tuple[int, int]:
    """Return how many channels and places a program takes; those that lie side by side in memory get more."""
    most = 32 if memory_format_of(x) == torch.channels_last else 16
    channels = min(triton.next_power_of_2(per_group), most)
    return channels, min(max(_TILE // channels, 16), max(triton.next_power_of_2(places), 16))


def _strides(maps: Mapping[str, Tensor]) -> dict[str, int]:
    pairs = ((name, tensor.stride()) for name, tensor in maps.items())
    return {f"{name}_{axis}": step for name, steps in pairs for axis, step in zip("nchw", steps, strict=True)}


def _sizes_and_constants(x: Tensor, logits: Tensor, y: Tensor, settings: Settings) -> dict[str, Any]:
    # One sample has no neighbour to reflect: it is repeated.
    mode, groups = settings.padding_mode, logits.shape[1] // settings.kernel_size**2
    modes = ["replicate" if mode == "reflect" and size == 1 else mode for size in x.shape[2:]]
    return {
        "height": x.shape[2],
        "width": x.shape[3],
        "kept_width": y.shape[3],
        "positions": y.shape[2] * y.shape[3],
        "groups": groups,
        "per_group": x.shape[1] // groups,
        "STRIDE_H": settings.stride_h,
        "STRIDE_W": settings.stride_w,
        "K": settings.kernel_size,
        "JOINT": settings.joint,
        "MODE_H": modes[0],
        "MODE_W": modes[1],
        "DOUBLE": torch.promote_types(x.dtype, torch.float32) == torch.float64,
    }


def _images(mode: str, size: int, half: int) -> int:
    """Count the padded indices that can stand for one sample, those out of reach included."""
    if mode == "zeros":
        return 1
    if mode == "replicate":
        return 1 + 2 * half
    if mode == "circular":
        return 1 + 2 * triton.cdiv(half, size)
    return 2 * (1 + 2 * triton.cdiv(half + size - 1, 2 * (size - 1)))
