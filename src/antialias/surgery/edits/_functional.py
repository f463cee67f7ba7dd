"""Filter pools, and put back upsampled maps, that a module calls as functions in its `forward`."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ._pools import stride1_avg_pool2d, stride1_max_pool2d

POOL, RETURN = "antialias_pool", "antialias_return"
_AT_STRIDE_1: dict[Any, Any] = {
    torch.max_pool2d: stride1_max_pool2d,
    F.max_pool2d: stride1_max_pool2d,
    F.avg_pool2d: stride1_avg_pool2d,
}


def patch(module: nn.Module) -> None:
    """Let maps that `module` pools or upsamples by functions pass its children for the n-th such call."""
    if "forward" not in module.__dict__:
        forward = partial(patched_forward, module)
        forward.__signature__ = inspect.signature(module.forward)  # type: ignore[attr-defined]  # torch.export reads it
        module.__dict__["forward"] = forward


def unpatch(module: nn.Module) -> None:
    """Give a module its own forward back once no such child is left."""
    if not any(name.startswith((POOL, RETURN)) for name in module._modules):
        module.__dict__.pop("forward", None)


def patched_forward(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """Run `module`'s own forward, in which the n-th pool slides by one before its filter."""
    with _Patched(module):
        return type(module).forward(module, *args, **kwargs)


class _Patched(TorchFunctionMode):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.counts = {POOL: 0, RETURN: 0}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _AT_STRIDE_1 and (filter_ := self._next(POOL)) is not None:
            with torch._C.DisableTorchFunction():
                kwargs = {key: value for key, value in (kwargs or {}).items() if key != "return_indices"}
                return filter_(_AT_STRIDE_1[func](*args, **kwargs))
        result = func(*args, **(kwargs or {}))  # modes of modules around this one see it, too, and count
        return_ = self._next(RETURN) if func is F.interpolate else None
        return result if return_ is None else return_(result)

    def _next(self, kind: str) -> nn.Module | None:
        child = self.module._modules.get(f"{kind}{self.counts[kind]}")
        self.counts[kind] += 1
        return child
