"""What one forward pass did: operations, the values between them, and the module calls around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn


def pair(size: Any) -> tuple[int, int]:
    """Return `size` for rows and columns; PyTorch takes one number, a list of one or a list of two.

    Example:
        >>> pair(2), pair([3]), pair((1, 2))
        ((2, 2), (3, 3), (1, 2))
    """
    values = list(size) if isinstance(size, (list, tuple)) else [size]
    return (values[0], values[-1])


def each(size: Any, dims: int) -> tuple[int, ...]:
    """Return `size` for each of `dims` dimensions, as PyTorch's layers take it.

    Example:
        >>> each(2, 3), each([3], 1), each((1, 2, 2), 3)
        ((2, 2, 2), (3,), (1, 2, 2))
    """
    values = tuple(size) if isinstance(size, (list, tuple)) else (size,)
    return values * dims if len(values) == 1 else values


@dataclass(eq=False)
class Value:
    """One tensor at one moment; an in-place operation makes a new value of the same tensor.

    Attributes:
        shape: Shape of the tensor.
        producer: Operation that made it; `None` for the network's input.
        consumers: Operations that read it, in order.
        is_output: The network returns it.
    """

    # Printed with its links, a value would print the whole graph behind it, on exponentially many ways.
    shape: tuple[int, ...]
    producer: Op | None = field(default=None, repr=False)
    consumers: list[Op] = field(default_factory=list, repr=False)
    is_output: bool = False


@dataclass(eq=False)
class Op:
    """One ATen operation on values.

    Attributes:
        index: Position in the order of execution.
        name: ATen name without namespace, overload and in-place underscore.
        settings: Arguments that are no tensors, by the schema's names.
        inputs: Values read.
        outputs: Values made.
        others: Tensors read that do not depend on the network's input, such as weights.
        call: Innermost module call around the operation.
        source: `file:line` outside of PyTorch that called it, or the layer of PyTorch's, where it was asked for.
    """

    index: int
    name: str
    settings: dict[str, Any]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    others: tuple[torch.Tensor, ...] = field(repr=False)
    call: Call | None = field(repr=False)
    source: str = ""

    @property
    def input(self) -> Value:
        """The first value read."""
        return self.inputs[0]

    @property
    def output(self) -> Value:
        """The first value made."""
        return self.outputs[0]

    @property
    def weight(self) -> Value | torch.Tensor:
        """What a convolution convolves with: a tensor, or a value where the network computes it from its input."""
        return next(t for t in (*self.inputs[1:], *self.others) if len(t.shape) == len(self.output.shape))

    @property
    def module_name(self) -> str:
        """Name of the innermost module of the network that runs it; empty for the network itself."""
        return next((call.name for call in self.call.chain() if call.name), "") if self.call is not None else ""

    @property
    def is_spatial(self) -> bool:
        """Whether it is a convolution that looks at more than one position."""
        return self.name == "convolution" and max(self.weight.shape[2:], default=1) > 1


@dataclass(eq=False)
class Call:
    """One call of one module.

    Attributes:
        module: The module.
        name: Its name in the network; `None` for one that is not registered there.
        parent: The call it was made from.
        first: Index of the first operation inside.
        last: Index after the last operation inside.
        input: The first positional argument, if it is a tensor that depends on the network's input.
        output: What it returned, if that is one such tensor.
    """

    module: nn.Module = field(repr=False)
    name: str | None
    parent: Call | None = field(repr=False)
    first: int
    last: int = -1
    input: Value | None = None
    output: Value | None = None

    def holds(self, op: Op | None) -> bool:
        """Return whether `op` ran inside this call."""
        return op is not None and self.first <= op.index < self.last

    def chain(self) -> Iterator[Call]:
        """Yield this call and those around it, innermost first."""
        call: Call | None = self
        while call is not None:
            yield call
            call = call.parent


@dataclass
class Graph:
    """The dataflow of one forward pass.

    Attributes:
        ops: The operations, in order.
        calls: The module calls, in order of their start.
        outputs: The tensors that the network returns, in the order of its answer; `None` for one that does not depend
            on the input.
    """

    ops: list[Op] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    outputs: list[Value | None] = field(default_factory=list)

    def calls_of(self, module: nn.Module) -> list[Call]:
        """Return the calls of `module`, in order."""
        return [call for call in self.calls if call.module is module]

    def returning(self, value: Value) -> list[Call]:
        """Return the calls that return `value`, innermost first."""
        return sorted((call for call in self.calls if call.output is value), key=lambda call: call.last - call.first)

    def receiving(self, value: Value) -> list[Call]:
        """Return the calls whose first argument is `value`, innermost first."""
        return sorted((call for call in self.calls if call.input is value), key=lambda call: call.last - call.first)

    def ancestors(self, op: Op) -> set[Op]:
        """Return the operations `op` depends on."""
        earlier: set[Op] = set()
        waiting = [value.producer for value in op.inputs]
        while waiting:
            producer = waiting.pop()
            if producer is not None and producer not in earlier:
                earlier.add(producer)
                waiting.extend(value.producer for value in producer.inputs)
        return earlier
