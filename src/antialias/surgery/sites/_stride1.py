"""How an operation gives up its stride and keeps the map: sampled with the old stride, it is what it was."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import nn

from ..dataflow import Graph, each
from ..edits import CropToPhase, Edit, KeepPhase, SetAttributes, Stride1Pool, is_foldable
from ._find import Candidate

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_TORCH_FORWARDS = [kind.forward for kind in (*_CONVOLUTIONS, *_POOLS)]


def why_not_at_stride_1(candidate: Candidate, graph: Graph) -> str:
    """Say why the module of a candidate cannot run at stride 1; empty if it can."""
    module: Any = candidate.module
    dims = len(candidate.strides)
    if len(candidate.ops) != len(graph.calls_of(module)):
        return f"{type(module).__name__} does not do the same in each of its calls"
    if max(candidate.stride) > 1 and each(module.stride, dims) != tuple(candidate.strides):
        return f"its stride {module.stride} is not the stride {candidate.strides} it runs with"
    own_forward = type(module).forward not in _TORCH_FORWARDS
    if "pool" in candidate.kind and module.ceil_mode and own_forward:
        return f"ceil_mode in a forward of {type(module).__name__}'s own"
    if "pool" in candidate.kind and module.ceil_mode and dims != 2:
        return "ceil_mode, whose windows over the end are kept in two dimensions only: use ceil_mode=False"
    if max(candidate.stride) > 1 and padding_of(module, dims) == "unknown":
        return f"{type(module).__name__} computes other positions at stride 1 than those between its own"
    return ""


def at_stride_1(candidate: Candidate, placement: str, circular: bool) -> list[Edit]:
    """Plan the edits that take a module's stride away.

    Args:
        candidate: What subsamples, by a module of its own.
        placement: `"exact"` keeps the window of a pool; `"paper"` shrinks it, or leaves it to the filter.
        circular: Borders close to a circle, where no window hangs over the end.
    """
    module: Any = candidate.module
    name, kind, stride, dims = candidate.call.name or "", candidate.kind, candidate.strides, len(candidate.strides)
    if max(stride) == 1:
        return []
    if placement == "paper" and kind == "average pool":
        nothing = {"kernel_size": 1, "stride": 1, "padding": 0, "ceil_mode": False}
        return [SetAttributes(module=name, attributes=nothing)]
    slides = type(module) is nn.MaxPool2d and not (module.ceil_mode or module.return_indices)
    if placement == "paper" and kind == "max pool" and max(each(module.padding, dims)) > 0:
        sides = zip(each(module.kernel_size, dims), each(module.padding, dims), strict=True)
        kernel = tuple(size - border for size, border in sides)
        smaller = SetAttributes(module=name, attributes={"kernel_size": kernel, "padding": 0})
        return [smaller, Stride1Pool(module=name) if slides else SetAttributes(module=name, attributes={"stride": 1})]
    if "pool" in kind and module.ceil_mode:
        flat = SetAttributes(module=name, attributes={"stride": 1, "ceil_mode": False})
        return [flat if circular else Stride1Pool(module=name)]
    if slides:
        return [Stride1Pool(module=name)]
    at_1 = SetAttributes(module=name, attributes={"stride": 1 if isinstance(module.stride, int) else (1,) * dims})
    return [at_1, KeepPhase(module=name, stride=stride)] if padding_of(module, dims) == "same" else [at_1]


def folded_at_stride_1(candidate: Candidate) -> list[Edit]:
    """Plan for modules around a candidate that fold into a convolution with a stride that they note themselves.

    Where their forward reads that stride it stays: it means more than the convolution's.
    """
    edits: list[Edit] = []
    dims = len(candidate.strides)
    for call in candidate.call.chain():
        own = getattr(call.module, "stride", None)
        if not call.name or call.module is candidate.module or not is_foldable(call.module):
            continue
        reads = "stride" in getattr(getattr(type(call.module).forward, "__code__", None), "co_names", ("stride",))
        theirs = isinstance(own, int | tuple) and each(own, dims) == tuple(candidate.strides)
        if theirs and max(candidate.stride) > 1 and not reads:
            at_1 = 1 if isinstance(own, int) else (1,) * dims
            edits.append(SetAttributes(module=call.name, attributes={"stride": at_1}))
    return edits


@torch.no_grad()
def padding_of(module: Any, dims: int = 2) -> Literal["its own", "same", "unknown"]:
    """Return how a layer's padding depends on its stride, from what it does with noise at several sizes.

    `"its own"`: not at all, so that stride 1 computes the positions in between. `"same"`: as TensorFlow's padding does,
    which starts elsewhere at stride 1. Layers with a forward of torch itself need not be tried.
    """
    kind = type(module)
    if kind.forward in _TORCH_FORWARDS and getattr(kind, "_conv_forward", None) in (
        None,
        *(convolution._conv_forward for convolution in _CONVOLUTIONS),
    ):
        return "its own"
    twin = copy.deepcopy(module).eval()
    if any(tensor.is_meta for tensor in twin.state_dict().values()):
        twin = twin.to_empty(device="cpu")
        for parameter in twin.parameters():
            nn.init.normal_(parameter)
    like = next(twin.parameters(), torch.empty(0))
    stride, at_1 = each(module.stride, dims), 1 if isinstance(module.stride, int) else (1,) * dims
    least = max(each(getattr(module, "dilation", 1), dims)) * max(each(module.kernel_size, dims)) + 2 * max(stride)
    paddings: list[Literal["its own", "same"]] = ["its own", "same"]
    for size in range(least, least + max(stride) + 1):
        shape = (1, getattr(module, "in_channels", 2), *range(size, size + dims))
        noise = torch.randn(shape, generator=torch.Generator())
        twin.stride, x = module.stride, noise.to(like)
        strided = kind.forward(twin, x)
        twin.stride = at_1
        dense = kind.forward(twin, x)
        maps = {"its own": dense, "same": CropToPhase(stride)(twin, (x,), dense)}
        kept = {padding: y[(..., *(slice(None, None, step) for step in stride))] for padding, y in maps.items()}
        paddings = [
            padding
            for padding in paddings
            if kept[padding].shape == strided.shape and torch.allclose(kept[padding], strided, rtol=1e-2, atol=1e-3)
        ]
    return paddings[0] if paddings else "unknown"
