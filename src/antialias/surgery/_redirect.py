"""Filter pools that a module calls as functions in its `forward`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ._pools import sliding_avg_pool2d, sliding_max_pool2d

POOL = "antialias_pool"
_SLIDING: dict[Any, Any] = {
    torch.max_pool2d: sliding_max_pool2d,
    F.max_pool2d: sliding_max_pool2d,
    F.avg_pool2d: sliding_avg_pool2d,
}


def forward_redirected(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """Run `module`'s own forward, in which its n-th pool slides by one and then passes child `antialias_pool<n>`."""
    with _PoolsFiltered(module):
        return type(module).forward(module, *args, **kwargs)


class _PoolsFiltered(TorchFunctionMode):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in _SLIDING:
            return func(*args, **(kwargs or {}))
        filter_ = self.module._modules.get(f"{POOL}{self.count}")
        self.count += 1
        if filter_ is None:
            return func(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunction():
            return filter_(_slide(func, *args, **(kwargs or {})))


def _slide(func: Any, input: Any, kernel_size: Any, stride: Any = None, *args: Any, **kwargs: Any) -> Any:
    kwargs.pop("return_indices", None)
    return _SLIDING[func](input, kernel_size, stride, *args, **kwargs)
