"""Filter pools and upsampled maps, put these back, and repeat what joins phases, where a module calls functions."""

from __future__ import annotations

from functools import cache, wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from antialias._torch import DisableTorchFunction, own_children, tree_leaves, tree_map_only

from ..dataflow import Op, Value
from ._hooks import run
from ._pools import stride1_avg_pool2d, stride1_max_pool2d

POOL, UP, RETURN, JOIN = "antialias_pool", "antialias_up", "antialias_return", "antialias_join_"
_CHILDREN = (POOL, UP, RETURN, JOIN)
_JOINS = {
    name: aten
    for aten, names in {
        "cat": "cat concat concatenate",
        "stack": "stack",
        "add": "add add_ __add__ __radd__ __iadd__",
        "sub": "sub sub_ __sub__ __isub__",
        "mul": "mul mul_ __mul__ __rmul__ __imul__",
        "div": "div div_ __div__ __truediv__ __rtruediv__ __itruediv__",
        "maximum": "maximum",
        "minimum": "minimum",
        "where": "where",
    }.items()
    for name in names.split()
}
"""Functions that join tensors of one batch, by what Python calls them, and their names in ATen."""
_AT_STRIDE_1: dict[Any, Any] = {
    torch.max_pool2d: stride1_max_pool2d,
    F.max_pool2d: stride1_max_pool2d,
    F.avg_pool2d: stride1_avg_pool2d,
}


class PatchedForward:
    """Among the bases of a module's class: functions that its forward calls pass the module's filters.

    A class, as in torch's parametrisations, and no attribute: copies, replicas and traces find it.
    """

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        _, _, *rest = super().__reduce_ex__(protocol)
        return (_new_patched, (type(self).__bases__[1],), *rest)


def patch(module: nn.Module) -> None:
    """Let maps that `module` pools or upsamples by functions pass its children for the n-th such call."""
    if not isinstance(module, PatchedForward):
        module.__class__ = _patched_class(type(module))


def unpatch(module: nn.Module) -> None:
    """Give a module its own forward back once no such child is left."""
    if isinstance(module, PatchedForward) and not any(name.startswith(_CHILDREN) for name in own_children(module)):
        module.__class__ = type(module).__bases__[1]


def joins(op: Op) -> bool:
    """Return whether an operation is one of the functions that join tensors, and joins several."""
    return op.name in _JOINS.values() and sum(map(is_joined, (*op.inputs, *op.others))) > 1


def is_joined(tensor: Any) -> bool:
    """Return whether an argument counts as one of those that are joined: no number, no vector, and no parameter."""
    return isinstance(tensor, Tensor | Value) and not isinstance(tensor, nn.Parameter) and len(tensor.shape) > 1


@cache
def _patched_class(base: type[nn.Module]) -> type[nn.Module]:
    """Make a class of the same name whose forward is watched, and still shows torch.export its arguments."""

    @wraps(base.forward)
    def forward(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        with _PassThroughFilters(self):
            return base.forward(self, *args, **kwargs)

    named = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    return type(base.__name__, (PatchedForward, base), {"forward": forward, **named})


def _new_patched(base: type[nn.Module]) -> nn.Module:
    return base.__new__(_patched_class(base))


class _PassThroughFilters(TorchFunctionMode):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.counts: dict[str, int] = {}
        self.joins = any(name.startswith(JOIN) for name in own_children(module))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _AT_STRIDE_1 and (filter_ := self._next(POOL)) is not None:
            with DisableTorchFunction():
                kwargs = {key: value for key, value in (kwargs or {}).items() if key != "return_indices"}
                if args and isinstance(args[0], Proxy):
                    return run(filter_, args[0].tracer.create_proxy("call_function", _AT_STRIDE_1[func], args, kwargs))
                return run(filter_, _AT_STRIDE_1[func](*args, **kwargs))
        if self.joins and (function := _JOINS.get(getattr(func, "__name__", ""))) is not None:
            args, kwargs = self._joined(function, args, kwargs or {})
        result = func(*args, **(kwargs or {}))  # modes of modules around this one see it, too, and count
        for kind in (UP, RETURN) if func is F.interpolate else ():
            if (layer := self._next(kind)) is not None:
                result = run(layer, result)
        return result

    def _joined(self, function: str, args: Any, kwargs: Any) -> Any:
        """Repeat what there is one of for each image, where it joins what there is one of for each of its phases."""
        tensors = [t for t in tree_leaves((args, kwargs)) if is_joined(t)]
        if len(tensors) < 2 or (repeat := self._next(f"{JOIN}{function}")) is None:
            return args, kwargs
        phases = max(t.shape[0] for t in tensors)

        def repeated(tensor: Tensor) -> Tensor:
            return repeat(tensor) if is_joined(tensor) and tensor.shape[0] < phases else tensor

        with DisableTorchFunction():
            return tree_map_only(Tensor, repeated, (args, kwargs))

    def _next(self, kind: str) -> nn.Module | None:
        count = self.counts.get(kind, 0)
        self.counts[kind] = count + 1
        return own_children(self.module).get(f"{kind}{count}")
