"""A filter belongs to a place in a network, which is a name: whatever is put there takes the filter over.

Many tools make modules anew: norms become synchronised or frozen ones, convolutions get adapters or are folded with
norms. They register what they made under the name of what was there, and torch tells when that happens; `inherit`
listens. Where a tool leaves no such trace, the guard notices (`_guard`).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.fx import Proxy
from torch.nn.modules.module import register_module_module_registration_hook

from antialias._torch import forget_compiled, forward_hooks, forward_pre_hooks, own_children

from ..dataflow import pair
from ._guard import Ran, marks
from ._hooks import CHILD, FilterInput, FilterOutput, TracedAsLeaf, run

Side = Literal["input", "output"]
_FOLDS = ("fuse", "reparameterize", "switch_to_deploy")
"""Methods by which tools fold a module's branches and norms into one convolution."""


class Attachment(NamedTuple):
    """How a filter is held.

    Attributes:
        side: Which end of its module it filters.
        had_stride: It filters the input of the module that had the stride.
        name: Of its module in the network.
    """

    side: Side
    had_stride: bool = False
    name: str = ""


class FilteredBatchNorm2d(TracedAsLeaf, nn.BatchNorm2d):
    """A `BatchNorm2d` whose output is filtered: no plain one, so that fusion does not fold it into a convolution."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise maps of shape `(N, C, H, W)`."""
        return run(self, input) if isinstance(input, Proxy) else super().forward(input)


class FilteredBatchNorm1d(TracedAsLeaf, nn.BatchNorm1d):
    """A `BatchNorm1d` whose output is filtered, see `FilteredBatchNorm2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise sequences of shape `(N, C, L)`."""
        return run(self, input) if isinstance(input, Proxy) else super().forward(input)


class FilteredBatchNorm3d(TracedAsLeaf, nn.BatchNorm3d):
    """A `BatchNorm3d` whose output is filtered, see `FilteredBatchNorm2d`."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise volumes of shape `(N, C, D, H, W)`."""
        return run(self, input) if isinstance(input, Proxy) else super().forward(input)


_FILTERED: dict[type, type] = {
    nn.BatchNorm1d: FilteredBatchNorm1d,
    nn.BatchNorm2d: FilteredBatchNorm2d,
    nn.BatchNorm3d: FilteredBatchNorm3d,
}


def attach(owner: Any, layer: Any, attachment: Attachment) -> None:
    """Let a module filter its first input or its output, as its child `antialias`.

    At the input of the module that had the stride, the filter runs after the user's hooks, elsewhere before them, so
    that they keep seeing maps of the size they saw.

    Raises:
        ValueError: The module is scripted, which takes no children.
    """
    if isinstance(owner, torch.jit.ScriptModule):
        raise ValueError(
            f"a tool puts a scripted module in the place of {attachment.name}, which cannot hold the filter there. Use "
            "torch.compile, torch.jit.trace or aa.export on the converted network, or this tool before a conversion."
        )
    layer.attachment = attachment
    if own_children(owner).get(CHILD) is not layer:
        owner.add_module(CHILD, layer)
    if attachment.side == "input":
        hook = FilterInput(attachment.had_stride, attachment.name)
        owner.register_forward_pre_hook(hook, prepend=not attachment.had_stride)
        return
    owner.register_forward_hook(FilterOutput(), prepend=True)
    if type(owner) in _FILTERED:
        owner.__class__ = _FILTERED[type(owner)]


def detach(owner: Any) -> None:
    """Take the filter of a module away."""
    own_children(owner).pop(CHILD, None)
    remove_hooks(forward_pre_hooks(owner), FilterInput)
    remove_hooks(forward_hooks(owner), FilterOutput)
    for plain, filtered in _FILTERED.items():
        if type(owner) is filtered:
            owner.__class__ = plain


def remove_hooks(hooks: dict[int, Any], *kinds: type, keep: int = 0) -> None:
    """Remove hooks of these kinds, all but the first few."""
    for key in [key for key, hook in hooks.items() if isinstance(hook, kinds)][keep:]:
        del hooks[key]


def inherit(parent: nn.Module, name: str, module: nn.Module | None) -> None:
    """Let a module that is registered under the name of a filtered one take its filter over.

    It does not where the filter goes on running: inside a wrapper, or in a copy. An adapter that computes something
    beside the layer it wraps (`base_layer`, as in PEFT) gets the filter, so that both read the same map. A layer with
    another stride in place of the one that had the stride brings a subsampling of its own.
    """
    modules = parent.__dict__.get("_modules") or {}
    old = modules[name] if name in modules else None  # noqa: SIM401  # a scripted module's have no get
    if old is None or module is None or old is module:
        return
    if name == CHILD:  # another filter in the place of one
        for hook in [hook for hook in forward_hooks(old).values() if isinstance(hook, Ran)]:
            module.register_forward_hook(hook)
        return
    for hook in [h for h in forward_hooks(old).values() if isinstance(h, Ran) and h.step == 1]:
        if pair(getattr(module, "stride", 0)) == pair(getattr(old, "stride", 1)) and not marks(module, hook.site):
            module.register_forward_hook(hook)  # runs at stride 1, too
    if CHILD not in own_children(old):
        if isinstance(old, nn.Sequential) and is_foldable(old):
            _inherit_from_ends(old, module)
        return
    layer: Any = own_children(module)[CHILD] if CHILD in own_children(module) else own_children(old)[CHILD]
    if (held := getattr(layer, "attachment", None)) is None:
        return
    kind: type = FilterInput if held.side == "input" else FilterOutput
    hooks: dict[int, Any] = forward_pre_hooks(module) if held.side == "input" else forward_hooks(module)
    if CHILD in own_children(module) and any(isinstance(hook, kind) for hook in hooks.values()):
        remove_hooks(hooks, kind, keep=1)  # fusion moves hooks to a copy that has them already
        return
    adapts = getattr(module, "base_layer", None) is old or getattr(old, "base_layer", None) is module
    if adapts:
        detach(old)
    elif any(inner is old for inner in module.modules()):
        return
    had_stride = held.had_stride or (held.side == "output" and hasattr(old, "stride"))
    if adapts or not had_stride or pair(getattr(module, "stride", 0)) == pair(old.stride):
        attach(module, layer, held)
        forget_compiled()


def _inherit_from_ends(old: nn.Sequential, module: nn.Module) -> None:
    """Let what a sequence was folded into filter where its first layer filtered its input, or its last its output."""
    if len(old) == 0 or any(CHILD in own_children(inner) for inner in module.modules()):
        return
    for end, side in ((old[0], "input"), (old[-1], "output")):
        layer = own_children(end).get(CHILD)
        if layer is not None and (held := getattr(layer, "attachment", None)) is not None and held.side == side:
            attach(module, layer, held)


def is_foldable(module: nn.Module) -> bool:
    """Return whether tools fold a module into one convolution."""
    return any(hasattr(module, name) for name in _FOLDS)


register_module_module_registration_hook(inherit)
