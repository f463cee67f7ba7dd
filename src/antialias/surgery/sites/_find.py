"""Find the operations of a network that keep only every s-th position."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from antialias._torch import Convolution
from antialias.nn import LAYERS, PhaseSplit2d

from ..dataflow import Call, Graph, Op, Value, each, follow

_POOLS = {
    "max_pool2d_with_indices": "max pool",
    "max_pool3d_with_indices": "max pool",
    "avg_pool2d": "average pool",
    "avg_pool3d": "average pool",
}
_FUNCTIONS = ("max pool", "average pool", "interpolation")
_FLAT_POOLS = (nn.MaxPool1d, nn.AvgPool1d)
_POOL_LAYERS = (*_FLAT_POOLS, nn.MaxPool2d, nn.AvgPool2d, nn.MaxPool3d, nn.AvgPool3d)
_LEFT = {
    "fractional_max_pool2d": "fractional pool: its windows have no fixed stride",
    "adaptive_max_pool2d": "adaptive pool: its windows follow the size of the input",
    "_adaptive_avg_pool2d": "adaptive pool: it averages all that it subsamples",
}
_PICKS = {
    "slice": ("slice", "slices with a step at {}: indexing has no stride to give to a filter"),
    **dict.fromkeys(
        ("index", "index_select"), ("slice", "picks positions at {}: indexing has no stride to give to a filter")
    ),
    **dict.fromkeys(
        ("im2col", "unfold"), ("folding", "unfolds into windows at {}: there is no map behind it to filter")
    ),
    "grid_sampler_2d": ("resize", "samples at the points of a grid at {}: these have no stride to give to a filter"),
}
_REDUCTIONS = ("amax", "max", "mean")
_VIEWS = ("view", "_unsafe_view", "reshape", "flatten")
_MOVES = ("permute", "transpose", "clone", "contiguous", "unsqueeze", "squeeze")


@dataclass(eq=False)
class Candidate:
    """An operation that subsamples, with all calls of the module that performs it.

    Attributes:
        name: Name of the module, or of the module and the function it calls.
        kind: `"stem"`, `"convolution"`, `"shortcut"`, `"max pool"`, `"average pool"`, `"dilated"`, ...
        strides: Positions per kept position, for each dimension of the map.
        ops: The operation, once for each call; of a pool of sequences, which torch pools as maps of one row, what
            takes that row away again.
        module: The module, where the operation is the module's own.
        leave: Why nothing can replace it, or empty.
    """

    name: str
    kind: str
    strides: tuple[int, ...]
    ops: list[Op]
    module: nn.Module | None = None
    leave: str = ""

    @property
    def stride(self) -> tuple[int, int]:
        """Rows and columns per kept position."""
        return (self.strides[0], self.strides[-1])

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

    @property
    def depthwise(self) -> bool:
        """Whether it is a convolution of each channel for itself."""
        return self.op.name == "convolution" and self.op.settings["groups"] == self.op.input.shape[1] > 1


def find(graph: Graph) -> list[Candidate]:
    """List what subsamples in `graph`, in order of first use."""
    return grouped(candidate for op in graph.ops if (candidate := _candidate(op, graph)) is not None)


def grouped(found: Iterable[Candidate]) -> list[Candidate]:
    """Make one candidate of all calls of an operation; functions that a forward calls one after another are several."""
    candidates: dict[tuple[str, str], Candidate] = {}
    times = Counter[tuple[Call | None, str]]()
    for candidate in found:
        op = candidate.op
        if candidate.module is None and candidate.kind in _FUNCTIONS:
            times[op.call, candidate.name] += 1
            if (before := times[op.call, candidate.name] - 1) > 0:
                candidate.name = f"{candidate.name}_{before}"
        first = candidates.setdefault((candidate.name, op.name), candidate)
        if first is not candidate:
            first.ops += candidate.ops
            first.leave = first.leave or candidate.leave
    return list(candidates.values())


def filter_around(op: Op) -> Call | None:
    """Return the outermost call of a filter of this package that `op` is part of."""
    chain = op.call.chain() if op.call is not None else iter(())
    filters = [call for call in chain if isinstance(call.module, LAYERS)]
    return filters[-1] if filters else None


def is_shortcut(op: Op) -> bool:
    """Return whether `op` is a 1x1 convolution that no activation follows, as in residual shortcuts."""
    narrow = not op.is_spatial and not any(op.settings["padding"])
    return narrow and not any(step.activated for step in follow(op.output))


def _candidate(op: Op, graph: Graph) -> Candidate | None:
    if (layer := filter_around(op)) is not None:
        if op.index != layer.first:
            return None
        strides: Any = layer.module.stride
        averaged = isinstance(layer.module, PhaseSplit2d)
        reason = "its phases are averaged already" if averaged else "already anti-aliased by this filter"
        return Candidate(layer.name or "", "filter", strides, [op], layer.module, reason)
    if op.name == "convolution":
        return _convolution(op, graph)
    if op.name in _POOLS:
        return _pool(op)
    if op.name in _LEFT and math.prod(op.output.shape[2:]) > 1:
        strides = tuple(-(-a // b) for a, b in zip(op.input.shape[2:], op.output.shape[2:], strict=True))
        return Candidate(f"{op.module_name}:{op.name}", "adaptive pool", strides, [op], leave=_LEFT[op.name])
    if op.name in _PICKS:
        return _picking(op, graph)
    if "upsample_" in op.name:
        return _resizing(op)
    return _pool_of_a_view(op) if op.name in _REDUCTIONS else _folding(op)


def _picking(op: Op, graph: Graph) -> Candidate | None:
    """List what keeps some positions, or takes them in windows, without a convolution or a pool."""
    before, after = op.input.shape, op.output.shape
    if op.name == "im2col":
        strides = tuple(op.settings["stride"])
    elif op.name in ("slice", "unfold"):
        strides = (int(op.settings.get("step", 1)),)
        if strides == (1,) or op.settings.get("dim", op.settings.get("dimension", 0)) % len(before) < 2:
            return None
        convolved = (earlier for earlier in graph.ancestors(op) if earlier.name == "convolution")
        if len(before) != 4 and not any(len(earlier.output.shape) == len(before) for earlier in convolved):
            return None  # tokens, whose third dimension are channels
    elif len(before) == len(after) == 4 and before[:2] == after[:2]:
        strides = tuple(-(-large // max(small, 1)) for large, small in zip(before[2:], after[2:], strict=True))
        if max(strides) == 1:
            return None
    else:
        return None
    kind, reason = _PICKS[op.name]
    name = "unfold" if op.name == "im2col" else op.name.removesuffix("r_2d")
    return Candidate(f"{op.module_name}:{name}", kind, strides, [op], leave=reason.format(op.source))


def _resizing(op: Op) -> Candidate | None:
    """List what resizes maps to fewer positions."""
    before, after = op.input.shape[2:], op.output.shape[2:]
    if all(small >= large for large, small in zip(before, after, strict=True)):
        return None
    strides = tuple(max(-(-large // small), 1) for large, small in zip(before, after, strict=True))
    module = module_of(op, nn.Upsample)
    name = op.module_name if module is not None else f"{op.module_name}:interpolate"
    there = f" at {op.source}" if module is None else ""
    mode = op.name.removeprefix("_").removeprefix("upsample_").removesuffix("_aa").removesuffix("2d")
    reason = f"resizes by {mode} interpolation{there}, without a filter: pass antialias=True to interpolate"
    if op.name.endswith("_aa"):
        reason = "already anti-aliased: it resizes with antialias=True"
    elif len(after) != 2:
        reason = f"resizes by {mode} interpolation: filters here are two-dimensional"
    elif mode not in ("bilinear", "bicubic"):
        reason = f"resizes by {mode} interpolation{there}, without a filter: use bilinear with antialias=True"
    return Candidate(name, "resize", strides, [op], leave=reason)


def _pool_of_a_view(op: Op) -> Candidate | None:
    """List a largest value or a mean over a part of the positions, which a view has given a dimension of their own.

    Positions are rows and columns of maps in either memory format, or tokens, also of several heads or windows.
    """
    view, dims = op.input.producer, op.settings.get("dim")
    if view is None or view.name not in _VIEWS or dims is None:
        return None
    before, after = view.input.shape, view.output.shape
    reduced = {dim % len(after) for dim in ([dims] if isinstance(dims, int) else dims)}
    folds, start = dict[int, int](), 0
    for position, size in enumerate(before):
        end = start
        while end < len(after) and (end == start or math.prod(after[start:end]) < size):
            end += 1
        if math.prod(after[start:end]) != size:
            return None
        fold = math.prod(after[dim] for dim in range(start, end) if dim in reduced)
        if 1 < fold < size:
            folds[position] = fold
        start = end
    positions = {3: [{1}], 4: [{2}, {2, 3}, {1, 2}]}.get(len(before), [{n} for n in range(2, len(before) - 1)])
    if set(folds) not in positions:
        return None
    strides = tuple(folds.values())
    if len(strides) == 1 and (side := math.isqrt(strides[0])) ** 2 == strides[0]:
        strides = (side, side)
    reason = f"pools by {op.name} of a view at {op.source}: a view has no stride to give to a filter"
    return Candidate(f"{op.module_name}:{op.name}", "pool of a view", strides, [op], leave=reason)


def _folding(op: Op) -> Candidate | None:
    """List what moves positions into channels, by a layer or by views and permutations."""
    if op.name == "pixel_unshuffle":
        before = op.input.shape
    elif op.name in _VIEWS and len(op.input.shape) > 4 >= len(op.output.shape) >= 3:
        value = op.input
        while value.producer is not None and value.producer.name in (*_VIEWS, *_MOVES) and len(value.shape) > 4:
            value = value.producer.input
        before = value.shape
    else:
        return None
    after = op.output.shape
    if len(before) != 4 or before[0] != after[0]:
        return None
    for channels, rows in ((1, 2), (3, 1)):
        positions, fold = (
            before[rows] * before[rows + 1],
            after[-1 if len(after) == 3 else channels] // before[channels],
        )
        strides = (math.isqrt(fold),) * 2
        if len(after) == 4 and after[rows] and after[rows + 1]:
            strides = (before[rows] // after[rows], before[rows + 1] // after[rows + 1])
        kept = after[1] if len(after) == 3 else after[rows] * after[rows + 1]
        if fold > 1 and math.prod(strides) == fold and kept * fold == positions:
            break
    else:
        return None
    module = module_of(op, nn.PixelUnshuffle)
    name = op.module_name if module is not None else f"{op.module_name}:{op.name.removeprefix('_unsafe_')}"
    reason = "folds positions into channels: it keeps every sample, and no map lies between to filter"
    return Candidate(name, "folding", strides, [op], leave=reason)


def _convolution(op: Op, graph: Graph) -> Candidate | None:
    strides, module = tuple(op.settings["stride"]), module_of(op, Convolution)
    if max(strides) == 1:
        return None
    name = op.module_name if module is not None else f"{op.module_name}:conv"
    candidate = Candidate(name, "convolution", strides, [op], module)
    if op.settings["transposed"]:
        candidate.kind, candidate.leave = (
            "transposed",
            "transposed convolution: it upsamples, and sites='up' filters it",
        )
    elif module is None:
        depthwise = op.settings["groups"] == op.input.shape[1] == op.output.shape[1]
        if depthwise and not isinstance(op.weight, nn.Parameter | Value):
            candidate.leave = "already anti-aliased: a depthwise convolution with a constant filter"
        else:
            candidate.leave = f"convolution called as a function at {op.source}"
    elif not any(earlier.name == "convolution" for earlier in graph.ancestors(op)):
        candidate.kind, kernel = "stem", tuple(op.weight.shape[2:])
        if kernel == strides and not any(op.settings["padding"]):
            size = "x".join(map(str, kernel))
            candidate.leave = f"stem of {size} patches that do not overlap: it reads pixels, and has no map to filter"
    elif is_shortcut(op):
        candidate.kind = "shortcut"
    return candidate


def _pool(op: Op) -> Candidate | None:
    kernel, dims = op.settings["kernel_size"], len(op.output.shape) - 2
    kernel, strides = each(kernel, dims), each(op.settings.get("stride") or kernel, dims)
    if max(strides) == 1:
        return None
    name, module = op.module_name, module_of(op, _POOL_LAYERS)
    if module is None:
        name = f"{name}:{op.name.removesuffix('_with_indices')}"
    candidate = Candidate(name, _POOLS[op.name], strides, [op], module)
    if getattr(module, "return_indices", False):
        candidate.leave = "returns indices, which a filtered map does not have"
    elif min(kernel[-1:] if isinstance(module, _FLAT_POOLS) else kernel) > 3 and math.prod(op.output.shape[2:]) == 1:
        candidate.leave = "global pool: one position is left, so nothing can move"
    elif isinstance(module, _FLAT_POOLS):
        end = op.call.output.producer if op.call is not None and op.call.output is not None else None
        candidate.strides, candidate.ops = strides[-1:], [end or op]
    return candidate


def module_of(op: Op, types: type[nn.Module] | tuple[type[nn.Module], ...]) -> nn.Module | None:
    """Return the module that runs `op` itself, if it is of one of these types and part of the network."""
    module = op.call.module if op.call is not None and op.call.name is not None else None
    return module if isinstance(module, types) else None
