"""Names of torch that are not public, in one place: each has a test in `tests/test_torch.py` that says what it must do.

Torch promises nothing about them. Where a new release changes one, the test of that name fails, and only this file has
to follow.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import IO, Any

import torch
from torch import nn
from torch._C import DisableTorchFunction as DisableTorchFunction
from torch._C import _are_functorch_transforms_active as _is_transformed
from torch.autograd import forward_ad
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
    "compile_program",
    "dimension_ranges",
    "forget_compiled",
    "forward_hooks",
    "forward_pre_hooks",
    "has_hooks",
    "intermediate_layers",
    "is_compiled",
    "is_in_forward_mode",
    "is_in_functorch",
    "load_compiled",
    "own_buffers",
    "own_children",
    "schema_name",
    "tree_leaves",
    "tree_map_only",
    "why_not_compiled",
    "without_modes",
]


def is_in_functorch() -> bool:
    """Say whether a transform of `torch.func`, such as `vmap` or `grad`, is active."""
    return _is_transformed()


def is_in_forward_mode() -> bool:
    """Say whether tangents may be carried along, as inside `torch.autograd.forward_ad.dual_level`."""
    return forward_ad._current_level >= 0


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


def dimension_ranges(program: torch.export.ExportedProgram) -> list[int | tuple[int, int | None]]:
    """Return for each dimension of an exported program's last input its size, or the least and the most it may be.

    Torch gives 2 as the least where it traced two of something and made nothing of it: such a dimension may be 1.
    """
    *_, images = (node for node in program.graph.nodes if node.op == "placeholder")
    ranges: list[int | tuple[int, int | None]] = []
    for size in images.meta["val"].shape:
        if isinstance(size, int):
            ranges.append(size)
            continue
        within = program.range_constraints.get(size.node.expr)
        low, high = (2, None) if within is None else (int(within.lower), within.upper)
        limit = int(high) if high is not None and high < sys.maxsize - 1 else None
        ranges.append((1 if low <= 2 else low, limit))
    return ranges


def compile_program(program: torch.export.ExportedProgram, file: IO[bytes]) -> None:
    """Compile an exported program ahead of time into a file that `load_compiled` runs, with Inductor."""
    torch._inductor.aoti_compile_and_package(program, package_path=file)


def load_compiled(path: str) -> Any:
    """Return what `compile_program` wrote as a function of the program's inputs."""
    return torch._inductor.aoti_load_package(path)


def why_not_compiled() -> str | None:
    """Say why nothing can be compiled here, where Inductor finds no C++ compiler."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        compiler = get_cpp_compiler()
    except (InvalidCxxCompiler, RuntimeError) as error:
        return str(error).strip().splitlines()[0]
    return None if shutil.which(compiler) else f"{compiler} is not there"
