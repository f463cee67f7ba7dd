"""The adaptive filter as Triton kernels for CUDA, forward and backward, fused from the logits.

Only `x` and the logits are kept for the backward pass, which computes the weights again. The kernels stand in
`_triton_kernels.py`; this module says when they can run, launches them, and tells torch about them.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from ._layout import memory_format_of
from ._operation import empty_gradients, empty_output, register_adaptive
from ._pad import PaddingMode
from ._reference import Normalize
from ._reference import adaptive_blur2d as _reference

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
DESCRIPTION = "Triton for CUDA: adaptive filter"

# How far results may be from the reference in float64, for inputs of unit variance: this many `eps` of the value plus
# one. Sums are taken in float32 at least.
TOLERANCE = {torch.float64: 16.0, torch.float32: 16.0, torch.bfloat16: 2.0, torch.float16: 2.0}

_MISSING = "" if importlib.util.find_spec("triton") else "triton is not installed. Run: pip install triton"

# Elements that a program works on at a time: as many as registers hold (benchmarks/triton_resources.csv).
_TILE = 1024
_GRADIENT_TILE = 2048
WARPS = 4


class Settings(NamedTuple):
    """What the operations take beside tensors, in their order."""

    kernel_size: int
    stride_h: int
    stride_w: int
    joint: bool
    padding_mode: str


class Launch(NamedTuple):
    """A kernel by name, with the grid and the arguments of one launch."""

    kernel: str
    grid: tuple[int, int, int]
    arguments: dict[str, Any]


def why_not(x: Tensor) -> list[str]:
    """Say why the kernels cannot run on an input like `x`; an empty list means that they can."""
    reasons = []
    if x.device.type != "cuda" and not interpreted():
        reasons.append(f"x is on {x.device.type}, not on a CUDA device")
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        reasons.append("a transform of torch.func is active, which plain torch operations support best")
    if x.dtype not in DTYPES:
        reasons.append(f"x is {x.dtype}, not one of {', '.join(map(str, DTYPES))}")
    if _MISSING:
        reasons.append(_MISSING)
    # What is compiled has Triton at work already, and cannot be interrupted for a trial.
    if not reasons and not torch.compiler.is_compiling() and (failure := _failure()):
        reasons.append(failure)
    return reasons


def interpreted() -> bool:
    """Say whether Triton's interpreter runs the kernels, in Python and on any device."""
    return os.environ.get("TRITON_INTERPRET") == "1"


_tried: list[str] = []


def _failure() -> str:
    """Try the kernels, once in a process; return why they cannot be used, or nothing."""
    if not _tried:
        try:
            with _disable_current_modes():  # also where shapes alone are being traced
                _try("cpu" if interpreted() else "cuda")
            _tried.append("")
        except Exception as error:
            # Whatever goes wrong in somebody's compiler or driver, the reference still runs.
            _tried.append(f"its kernels do not run: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return _tried[0]


def _try(device: str) -> None:
    """Raise unless a small filter and its gradients come out as the reference's: no GPU is like another."""
    generator = torch.Generator().manual_seed(0)
    settings, shapes = Settings(3, 2, 2, False, "reflect"), ((1, 2, 3, 4), (1, 9, 2, 2), (1, 2, 2, 2))
    with torch.inference_mode(False), torch.enable_grad():
        drawn = (torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu") for shape in shapes)
        x, logits, grad_y = (tensor.to(device).requires_grad_() for tensor in drawn)
        y = _reference(x, logits, 3, (2, 2), "group", "reflect")
        expected = (y, *torch.autograd.grad(y, (x, logits), grad_y))
    with torch.no_grad():
        found = (_forward(x, logits, *settings), *_gradients(grad_y, x, logits, *settings))
        for name, ours, theirs in zip(("y", "grad_x", "grad_logits"), found, expected, strict=True):
            if not torch.allclose(ours, theirs, atol=1e-4):
                raise RuntimeError(f"{name} differs from the reference's by {(ours - theirs).abs().max():.1e}")


def adaptive_blur2d(
    x: Tensor, logits: Tensor, kernel_size: int, stride: tuple[int, int], normalize: Normalize, mode: PaddingMode
) -> Tensor:
    return torch.ops.antialias.triton_adaptive_blur2d(x, logits, kernel_size, *stride, normalize == "joint", mode)


def adaptive_gradients(
    grad_y: Tensor,
    x: Tensor,
    logits: Tensor,
    kernel_size: int,
    stride: tuple[int, int],
    normalize: Normalize,
    mode: PaddingMode,
) -> tuple[Tensor, Tensor]:
    joint = normalize == "joint"
    return torch.ops.antialias.triton_adaptive_blur2d_backward(grad_y, x, logits, kernel_size, *stride, joint, mode)


def forward_launch(x: Tensor, logits: Tensor, y: Tensor, settings: Settings) -> Launch:
    """Prepare the forward kernel; only shapes, strides and types are looked at, so meta tensors do."""
    sizes, constants = _sizes(x, logits, y, settings), _constants(x, settings)
    block_c, block_p = _tile(x, sizes["per_group"], sizes["positions"])
    maps = {"x": x, "logits": logits, "y": y}
    arguments = maps | sizes | _strides(maps) | constants
    arguments |= {"TAPS": _power(settings.kernel_size**2), "BLOCK_C": block_c, "BLOCK_P": block_p}
    grid = (_blocks(sizes["positions"], block_p), sizes["groups"] * _blocks(sizes["per_group"], block_c), len(x))
    return Launch("forward", grid, arguments)


def backward_launches(
    grad_y: Tensor, x: Tensor, logits: Tensor, grad_x: Tensor, grad_logits: Tensor, settings: Settings
) -> tuple[Launch, Launch]:
    """Prepare both kernels of the backward pass: the logits' gradient with the softmax' statistics, then the map's."""
    sizes = _sizes(x, logits, grad_y, settings)
    shape = (2, len(x), 1 if settings.joint else sizes["groups"], sizes["positions"])
    statistics = torch.empty(shape, dtype=_precise(x), device=x.device)
    shared = {"grad_y": grad_y, "logits": logits, "statistics": statistics, "plane": statistics[0].numel()}
    shared |= sizes | _constants(x, settings)
    return _logits_launch(x, grad_logits, shared, settings), _map_launch(x, grad_x, shared, settings)


def _logits_launch(x: Tensor, grad_logits: Tensor, shared: Mapping[str, Any], settings: Settings) -> Launch:
    taps, positions = _power(settings.kernel_size**2), shared["positions"]
    block_c = min(_power(shared["per_group"]), 8) if _is_channels_last(x) else 1
    block_p = min(max(_GRADIENT_TILE // (taps * block_c), 16), 128, max(_power(positions), 16))
    strides = _strides({"grad": shared["grad_y"], "x": x, "logits": shared["logits"], "out": grad_logits})
    grid = (_blocks(positions, block_p), 1 if settings.joint else shared["groups"], len(x))
    own = {"x": x, "grad_logits": grad_logits, "TAPS": taps, "BLOCK_C": block_c, "BLOCK_P": block_p}
    return Launch("backward_logits", grid, {**shared, **strides, **own})


def _map_launch(x: Tensor, grad_x: Tensor, shared: Mapping[str, Any], settings: Settings) -> Launch:
    height, width = x.shape[2:]
    block_c, block_q = _tile(x, shared["per_group"], width)
    strides = _strides({"grad": shared["grad_y"], "logits": shared["logits"], "out": grad_x})
    own = {"grad_x": grad_x, "kept_height": shared["grad_y"].shape[2], "BLOCK_C": block_c, "BLOCK_Q": block_q}
    own["IMAGES_H"] = _images(shared["MODE_H"], height, settings.kernel_size // 2)
    own["IMAGES_W"] = _images(shared["MODE_W"], width, settings.kernel_size // 2)
    grid = (height * _blocks(width, block_q), shared["groups"] * _blocks(shared["per_group"], block_c), len(x))
    rest = {key: value for key, value in shared.items() if key != "positions"}
    return Launch("backward_x", grid, {**rest, **strides, **own})


def _tile(x: Tensor, per_group: int, places: int) -> tuple[int, int]:
    """Return how many channels and places a program takes; those that lie side by side in memory get more."""
    channels = min(_power(per_group), 32 if _is_channels_last(x) else 16)
    return channels, min(max(_TILE // channels, 16), max(_power(places), 16))


def _is_channels_last(x: Tensor) -> bool:
    return memory_format_of(x) == torch.channels_last


def _sizes(x: Tensor, logits: Tensor, y: Tensor, settings: Settings) -> dict[str, int]:
    groups = logits.shape[1] // settings.kernel_size**2
    sizes = {"height": x.shape[2], "width": x.shape[3], "kept_width": y.shape[3]}
    return sizes | {"positions": y.shape[2] * y.shape[3], "groups": groups, "per_group": x.shape[1] // groups}


def _strides(maps: Mapping[str, Tensor]) -> dict[str, int]:
    pairs = ((name, tensor.stride()) for name, tensor in maps.items())
    return {f"{name}_{axis}": step for name, steps in pairs for axis, step in zip("nchw", steps, strict=True)}


def _constants(x: Tensor, settings: Settings) -> dict[str, Any]:
    # One sample has no neighbour to reflect: it is repeated.
    mode = settings.padding_mode
    modes = ["replicate" if mode == "reflect" and size == 1 else mode for size in x.shape[2:]]
    strides = {"STRIDE_H": settings.stride_h, "STRIDE_W": settings.stride_w}
    kind = {"K": settings.kernel_size, "JOINT": settings.joint, "DOUBLE": _precise(x) == torch.float64}
    return strides | kind | {"MODE_H": modes[0], "MODE_W": modes[1]}


def _images(mode: str, size: int, half: int) -> int:
    """Count the padded indices that can stand for one sample, those out of reach included."""
    if mode == "zeros":
        return 1
    if mode == "replicate":
        return 1 + 2 * half
    if mode == "circular":
        return 1 + 2 * _blocks(half, size)
    return 2 * (1 + 2 * _blocks(half + size - 1, 2 * (size - 1)))


def _precise(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _power(count: int) -> int:
    """Return the next power of two."""
    return 1 << max(count - 1, 0).bit_length()


def _blocks(count: int, size: int) -> int:
    return -(-count // size)


def _run(launch: Launch) -> None:
    from . import _triton_kernels as kernels  # imports Triton, which may be missing

    with torch.cuda.device_of(launch.arguments["logits"]):  # Triton launches on the current device
        getattr(kernels, launch.kernel)[launch.grid](**launch.arguments, num_warps=WARPS)


def _forward(
    x: Tensor, logits: Tensor, kernel_size: int, stride_h: int, stride_w: int, joint: bool, padding_mode: str
) -> Tensor:
    y = empty_output(x, logits)
    if y.numel():
        _run(forward_launch(x, logits, y, Settings(kernel_size, stride_h, stride_w, joint, padding_mode)))
    return y


def _gradients(
    grad_y: Tensor,
    x: Tensor,
    logits: Tensor,
    kernel_size: int,
    stride_h: int,
    stride_w: int,
    joint: bool,
    padding_mode: str,
) -> tuple[Tensor, Tensor]:
    grad_x, grad_logits = empty_gradients(grad_y, x, logits)
    if not grad_y.numel():
        return grad_x.zero_(), grad_logits.zero_()
    settings = Settings(kernel_size, stride_h, stride_w, joint, padding_mode)
    for launch in backward_launches(grad_y, x, logits, grad_x, grad_logits, settings):
        _run(launch)
    return grad_x, grad_logits


# Opaque to torch.compile: there is nothing to fuse them with.
_OPERATIONS = (
    torch.library.custom_op("antialias::triton_adaptive_blur2d", _forward, mutates_args=()),
    torch.library.custom_op("antialias::triton_adaptive_blur2d_backward", _gradients, mutates_args=()),
)
register_adaptive("antialias::triton_adaptive_blur2d", "antialias::triton_adaptive_blur2d_backward")
