"""The roofline: what operations must read, write, multiply and exponentiate, and how fast this machine can."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils.flop_counter import flop_registry

from antialias._torch import TorchDispatchMode, schema_name, tree_leaves

from ._passes import Run


@dataclass(frozen=True)
class Operation:
    """One operation: each input read once, each output written once, the products it sums, and its exponentials."""

    moved_bytes: int
    multiply_adds: int
    exponentials: int = 0


@dataclass(frozen=True)
class Rates:
    """What the machine can do.

    Attributes:
        bytes_per_second: Read and written together, of a copy of a large map into memory that is there already.
        multiply_adds_per_second: Of a large matrix product or convolution, whichever is faster.
        exponentials_per_second: Of a map that stays in the nearest caches.
    """

    bytes_per_second: float
    multiply_adds_per_second: float
    exponentials_per_second: float = math.inf

    def seconds(self, operations: Iterable[Operation]) -> float:
        """Return the least time for operations one after another, each bound by memory or by arithmetic."""
        total = 0.0
        for each in operations:
            products = each.multiply_adds / self.multiply_adds_per_second
            arithmetic = products + each.exponentials / self.exponentials_per_second
            total += max(each.moved_bytes / self.bytes_per_second, arithmetic)
        return total


# These write over their first argument without reading it, as all do over `out=`.
_OVERWRITE = ("copy_", "fill_", "zero_")
_EXPONENTIALS = ("aten::exp", "aten::exp.out", "aten::_softmax")
# Our operations, and how often each product of the forward pass is taken.
_ADAPTIVE_FILTERS = {"antialias::adaptive_blur2d": 1, "antialias::adaptive_blur2d_backward": 2}


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        name = func.overloadpacket.__name__
        if not func.is_view and not name.startswith("empty"):
            read = args[1:] if name in _OVERWRITE else args
            named = [value for key, value in kwargs.items() if key != "out"]
            tensors = [leaf for leaf in tree_leaves((read, named, out)) if isinstance(leaf, Tensor)]
            moved = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
            self.operations.append(Operation(moved, *_arithmetic(func, args, kwargs, out)))
        return out


def _arithmetic(func: Any, args: Any, kwargs: Any, out: Any) -> tuple[int, int]:
    """Count multiply-adds and exponentials: an adaptive filter has one for each tap and channel, and for each logit."""
    name = schema_name(func)
    if times := _ADAPTIVE_FILTERS.get(name):
        x, logits, kernel_size = args[times - 1 : times + 2]
        products = x.shape[0] * x.shape[1] * logits.shape[2:].numel() * kernel_size**2
        return times * products, logits.numel()
    if name in _EXPONENTIALS:
        return 0, out.numel()
    flops = flop_registry.get(func.overloadpacket)
    return (flops(*args, **kwargs, out_val=out) // 2 if flops else 0), 0


def operations_of(run: Run) -> list[Operation]:
    """Count every operation of torch that `run` runs, from the shapes."""
    with _Counter() as counter:
        run()
    return counter.operations
