"""Names of torch that are not public, in one place: each has a test in `tests/test_torch.py` that says what it must do.

Torch promises nothing about them. Where a new release changes one, the test of that name fails, and only this file has
to follow.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch._C import DisableTorchFunction as DisableTorchFunction
from torch._C import _are_functorch_transforms_active as _is_transformed
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.nn.modules.conv import _ConvNd as Convolution
from torch.utils._python_dispatch import TorchDispatchMode as TorchDispatchMode
from torch.utils._python_dispatch import _disable_current_modes as without_modes
from torch.utils._pytree import tree_leaves as tree_leaves
from torch.utils._pytree import tree_map_only as tree_map_only

__all__ = [
    "BatchNorm",
    "Convolution",
    "DisableTorchFunction",
    "TorchDispatchMode",
    "argument_names",
    "forget_compiled",
    "forward_hooks",
    "forward_pre_hooks",
    "has_hooks",
    "intermediate_layers",
    "is_compiled",
    "is_in_functorch",
    "own_buffers",
    "own_children",
    "schema_name",
    "tree_leaves",
    "tree_map_only",
    "without_modes",
]


def is_in_functorch() -> bool:
    """Say whether a transform of `torch.func`, such as `vmap` or `grad`, is active."""
    return _is_transformed()


def schema_name(operation: torch._ops.OpOverload) -> str:
    """Return the name under which an operation is registered, such as `"aten::exp.out"`."""
    return operation._schema.name


def argument_names(operation: torch._ops.OpOverload) -> list[str]:
    """Return the names of an operation's arguments in order, such as `["self", "other", "alpha"]`."""
    return [argument.name for argument in operation._schema.arguments]


def has_hooks(module: nn.Module) -> bool:
    """Say whether somebody wants to see or change what a module reads or gives, so that it has to run by itself."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def forget_compiled() -> None:
    """Let everything that was compiled be compiled again: compiled code does not look whether hooks were added.

    Nothing happens where nothing was compiled.
    """
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


def is_compiled(module: nn.Module) -> bool:
    """Say whether a module runs as compiled code: wrapped by `torch.compile`, or after `module.compile()`."""
    return module._compiled_call_impl is not None or type(module).__name__ == "OptimizedModule"


def own_children(module: nn.Module) -> dict[str, Any]:
    """Return the children of a module itself, as the dictionary in which they can be put or taken without telling."""
    return module._modules


def forward_pre_hooks(module: nn.Module) -> dict[int, Any]:
    """Return what is called with a module's inputs, in order, by its handle's number."""
    return module._forward_pre_hooks


def forward_hooks(module: nn.Module) -> dict[int, Any]:
    """Return what is called with a module's outputs, in order, by its handle's number."""
    return module._forward_hooks


def own_buffers(module: nn.Module) -> dict[str, torch.Tensor | None]:
    """Return the buffers of a module itself, as the dictionary in which they can be put back."""
    return module._buffers


def intermediate_layers(network: nn.Module, names: Mapping[str, str]) -> nn.Module:
    """Return the part of a network up to the last of some children, which gives their maps, as torchvision does.

    Args:
        network: Whose children run one after the other.
        names: Of the children, each with the name of its map.
    """
    from torchvision.models._utils import IntermediateLayerGetter  # only where torchvision is there

    getter: Any = IntermediateLayerGetter
    return getter(network, dict(names))
