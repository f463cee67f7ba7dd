"""Find the operations of a network that keep only every s-th position."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import nn

from antialias.nn import LAYERS

from ._flow import follow
from ._graph import Call, Graph, Op, Value

_POOLS = {"max_pool2d_with_indices": "max pool", "avg_pool2d": "average pool"}
_LEFT = {
    "max_pool3d_with_indices": "three-dimensional: filters here are two-dimensional",
    "avg_pool3d": "three-dimensional: filters here are two-dimensional",
    "fractional_max_pool2d": "fractional pool: its windows have no fixed stride",
    "adaptive_max_pool2d": "adaptive pool: its windows follow the size of the input",
    "_adaptive_avg_pool2d": "adaptive pool: it averages all that it subsamples",
}


@dataclass(eq=False)
class Found:
    """An operation that subsamples, with all calls of the module that performs it.

    Attributes:
        name: Name of the module, or of the module and the function it calls.
        kind: `"stem"`, `"convolution"`, `"shortcut"`, `"max pool"`, `"average pool"`, `"dilated"`, ...
        stride: Positions per kept position, for each dimension.
        ops: The operation, once for each call.
        module: The module, where the operation is the module's own.
        leave: Why nothing can replace it, or empty.
    """

    name: str
    kind: str
    stride: tuple[int, ...]
    ops: list[Op]
    module: nn.Module | None = None
    leave: str = ""

    @property
    def op(self) -> Op:
        """The first call's operation."""
        return self.ops[0]

    @property
    def call(self) -> Call:
        """The innermost module call around the first operation."""
        assert self.op.call is not None
        return self.op.call

    @property
    def channels(self) -> int:
        """Channels of the operation's output."""
        return self.op.output.shape[1]


def find(graph: Graph) -> list[Found]:
    """List what subsamples in `graph`, in order of first use."""
    found: dict[tuple[str, str], Found] = {}
    for op in graph.ops:
        if (site := _site_of(op, graph)) is None:
            continue
        first = found.setdefault((site.name, op.name), site)
        if first is not site:
            first.ops.append(op)
            first.leave = first.leave or site.leave
    return list(found.values())


def _site_of(op: Op, graph: Graph) -> Found | None:
    if (layer := filter_around(op)) is not None:
        return _existing_filter(layer, op)
    if op.name in _LEFT:
        return _adaptive(op)
    stride = _stride_of(op)
    if max(stride, default=1) == 1:
        return None
    if op.name == "slice":
        return Found(_name(op, "slice"), "slice", stride, [op], None, f"slices with a step at {op.source}")
    if op.name == "convolution":
        return _convolution(op, stride, graph)
    return _pool(op, stride)


def filter_around(op: Op) -> Call | None:
    """Return the outermost call of a filter of this package that `op` is part of."""
    chain = op.call.chain() if op.call is not None else iter(())
    filters = [call for call in chain if isinstance(call.module, LAYERS)]
    return filters[-1] if filters else None


def _existing_filter(layer: Call, op: Op) -> Found | None:
    if op.index != layer.first:
        return None
    stride: Any = layer.module.stride
    return Found(layer.name or "", "filter", stride, [op], layer.module, "already anti-aliased by this filter")


def _adaptive(op: Op) -> Found | None:
    shape = op.output.shape
    if math.prod(shape[2:]) == 1:
        return None
    stride = tuple(-(-a // b) for a, b in zip(op.input.shape[2:], shape[2:], strict=True))
    return Found(_name(op, op.name), "adaptive pool", stride, [op], None, _LEFT[op.name])


def _stride_of(op: Op) -> tuple[int, ...]:
    if op.name == "slice":
        map_like = len(op.input.shape) == 4 and op.settings.get("dim", 0) >= 2
        return (int(op.settings.get("step", 1)),) if map_like else ()
    if op.name == "convolution":
        return tuple(op.settings["stride"])
    if op.name in (*_POOLS, "avg_pool3d", "max_pool3d_with_indices"):
        return both(op.settings.get("stride") or op.settings["kernel_size"])
    return ()


def both(size: Any) -> tuple[int, int]:
    """Return `size` for rows and columns; ATen takes one number, a list of one or a list of two."""
    values = list(size) if isinstance(size, (list, tuple)) else [size]
    return (values[0], values[-1])


def _convolution(op: Op, stride: tuple[int, ...], graph: Graph) -> Found:
    module = _module_of(op, nn.modules.conv._ConvNd)
    site = Found(_name(op, "" if module is not None else "conv"), "convolution", stride, [op], module)
    if op.settings["transposed"]:
        site.kind, site.leave = "transposed", "transposed convolution: it upsamples"
    elif len(stride) != 2:
        site.leave = f"{len(stride)}-dimensional convolution: filters here are two-dimensional"
    elif module is None:
        site.leave = _why_functional(op)
    elif not any(earlier.name == "convolution" for earlier in graph.ancestors(op)):
        site.kind, site.leave = "stem", _why_patches(op)
    elif is_shortcut(op):
        site.kind = "shortcut"
    return site


def is_shortcut(op: Op) -> bool:
    """Return whether `op` is a 1x1 convolution that no activation follows, as in residual shortcuts."""
    narrow = not op.is_spatial and not any(op.settings["padding"])
    return narrow and not any(step.activated for step in follow(op.output))


def _why_patches(op: Op) -> str:
    kernel = tuple(op.weight.shape[2:])
    if kernel != tuple(op.settings["stride"]) or any(op.settings["padding"]):
        return ""
    return f"stem of {kernel[0]}x{kernel[1]} patches that do not overlap: it reads pixels, and has no map to filter"


def _why_functional(op: Op) -> str:
    depthwise = op.settings["groups"] == op.input.shape[1] == op.output.shape[1]
    if depthwise and not isinstance(op.weight, nn.Parameter | Value):
        return "already anti-aliased: a depthwise convolution with a constant filter"
    return f"convolution called as a function at {op.source}"


def _pool(op: Op, stride: tuple[int, ...]) -> Found:
    kind = _POOLS.get(op.name, "pool")
    module = _module_of(op, (nn.MaxPool2d, nn.AvgPool2d))
    site = Found(
        _name(op, "" if module is not None else op.name.removesuffix("_with_indices")), kind, stride, [op], module
    )
    if op.name in _LEFT:
        site.leave = _LEFT[op.name]
    elif (flat := _module_of(op, (nn.MaxPool1d, nn.AvgPool1d))) is not None:
        site.name, site.leave = _name(op, ""), f"{type(flat).__name__}: filters here are two-dimensional"
    elif getattr(module, "return_indices", False):
        site.leave = "returns indices, which a filtered map does not have"
    elif min(both(op.settings["kernel_size"])) > 3 and math.prod(op.output.shape[2:]) == 1:
        site.leave = "global pool: one position is left, so nothing can move"
    return site


def _module_of(op: Op, types: type[nn.Module] | tuple[type[nn.Module], ...]) -> nn.Module | None:
    module = op.call.module if op.call is not None and op.call.name is not None else None
    return module if isinstance(module, types) else None


def _name(op: Op, function: str) -> str:
    owner = next((call.name for call in op.call.chain() if call.name is not None), "") if op.call is not None else ""
    return f"{owner}:{function}" if function else owner or ""
