"""Names of torch that are not public, in one place: each has a test in `tests/test_torch.py` that says what it must do.

Torch promises nothing about them. Where a new release changes one, the test of that name fails, and only this file has
to follow.
"""

from __future__ import annotations

import torch
from torch._C import _are_functorch_transforms_active as _is_transformed
from torch.utils._python_dispatch import TorchDispatchMode as TorchDispatchMode
from torch.utils._python_dispatch import _disable_current_modes as without_modes
from torch.utils._pytree import tree_leaves as tree_leaves

__all__ = ["TorchDispatchMode", "is_in_functorch", "schema_name", "tree_leaves", "without_modes"]


def is_in_functorch() -> bool:
    """Say whether a transform of `torch.func`, such as `vmap` or `grad`, is active."""
    return _is_transformed()


def schema_name(operation: torch._ops.OpOverload) -> str:
    """Return the name under which an operation is registered, such as `"aten::exp.out"`."""
    return operation._schema.name
