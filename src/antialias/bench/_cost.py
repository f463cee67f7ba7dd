"""The roofline: what torch's operations must read, write and multiply, and how fast this machine can."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from ._passes import Run


@dataclass(frozen=True)
class Operation:
    """One operation: each input read once, each output written once, and the products it sums."""

    moved_bytes: int
    multiply_adds: int


@dataclass(frozen=True)
class Rates:
    """What the machine can do.

    Attributes:
        bytes_per_second: Read and written together, of a copy of a large map into memory that is there already.
        multiply_adds_per_second: Of a large matrix product or convolution, whichever is faster.
    """

    bytes_per_second: float
    multiply_adds_per_second: float

    def seconds(self, operations: Iterable[Operation]) -> float:
        """Return the least time for operations one after another, each bound by memory or by arithmetic."""
        return sum(
            max(each.moved_bytes / self.bytes_per_second, each.multiply_adds / self.multiply_adds_per_second)
            for each in operations
        )


# These write over their first argument without reading it.
_OVERWRITE = ("copy_", "fill_", "zero_")


class _Counter(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if not func.is_view and not name.startswith("empty"):
            read = args[1:] if name in _OVERWRITE else args
            tensors = [leaf for leaf in tree_leaves((read, kwargs, out)) if isinstance(leaf, Tensor)]
            moved = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
            self.operations.append(Operation(moved, _multiply_adds(func, args, kwargs or {}, out)))
        return out


def _multiply_adds(func: Any, args: Any, kwargs: Any, out: Any) -> int:
    flops = flop_registry.get(func.overloadpacket)
    return flops(*args, **kwargs, out_val=out) // 2 if flops else 0


def operations_of(run: Run) -> list[Operation]:
    """Count every operation of torch that `run` runs, from the shapes."""
    with _Counter() as counter:
        run()
    return counter.operations
