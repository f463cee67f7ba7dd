"""Let every convolution and pool of a network see the image continued in a circle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from ..dataflow import Graph, Op, pair
from ..edits import Edit, WrapBorders
from ..sites import filter_around
from ._grids import where

_PADDINGS = frozenset({"constant_pad_nd", "reflection_pad2d", "replication_pad2d", "pad"})
_WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


def circular_borders(graph: Graph, attributes: Mapping[str, Mapping[str, Any]]) -> tuple[list[Edit], list[str]]:
    """Plan circular borders for the layers called in `graph`.

    Args:
        graph: The dataflow.
        attributes: What the layers of the sites will have, by module name; these layers lose their stride.

    Returns:
        One edit for each layer whose window reaches over the border, and what could not be closed.
    """
    edits: list[Edit] = []
    notes: list[str] = []
    layers: dict[str, Any] = {}
    for call in graph.calls:
        in_filter = any(filter_around(op) for op in graph.ops[call.first : call.first + 1])
        if isinstance(call.module, _WINDOWED) and call.name and not in_filter:
            layers.setdefault(call.name, call.module)
    for name, module in layers.items():
        ops = [op for call in graph.calls_of(module) for op in graph.ops[call.first : call.last]]
        if getattr(module, "padding_mode", "zeros") == "zeros" and any(op.name in _PADDINGS for op in ops):
            notes.append(f"{name} pads its input itself, with zeros")
            continue
        kernel, dilation = pair(getattr(module, "kernel_size", 1)), pair(getattr(module, "dilation", 1))
        own = attributes.get(name)
        if own is not None and "kernel_size" in own:
            kernel = pair(own["kernel_size"])
        reach = (dilation[0] * (kernel[0] - 1), dilation[1] * (kernel[1] - 1))
        padding: Any = own["padding"] if own is not None and "padding" in own else module.padding
        if isinstance(padding, str):
            padding = (reach[0] // 2, reach[1] // 2) if padding == "same" else 0
        padding = pair(padding)
        centred = all(2 * p == r for p, r in zip(padding, reach, strict=True))
        inside = all(p <= r for p, r in zip(padding, reach, strict=True))
        if not any((*reach, *padding)) or (centred and getattr(module, "padding_mode", "") == "circular"):
            continue
        if centred or (own is not None and inside):
            after = (reach[0] - padding[0], reach[1] - padding[1])
            edits.append(WrapBorders(module=name, before=padding, after=after))
        else:
            notes.append(f"{name} makes its map smaller or larger: kernel_size={kernel}, padding={padding}")
    notes += dict.fromkeys(note for op in graph.ops if (note := _why_not_closed(op)))
    return edits, notes


def _why_not_closed(op: Op) -> str:
    """Say what an operation does to borders outside of layers whose borders can be closed; empty if nothing."""
    in_layer = op.call is not None and op.call.name and isinstance(op.call.module, _WINDOWED)
    if filter_around(op) is not None or in_layer:
        return ""
    within = where(op)
    if op.name in _PADDINGS and any(op.settings.get("pad") or op.settings.get("padding") or ()):
        return f"{within} pads its maps itself"
    windowed = op.is_spatial or op.name in ("max_pool2d_with_indices", "avg_pool2d")
    if windowed and not op.settings.get("transposed"):
        return f"{within} calls a convolution or pool as a function, whose border stays what it is"
    return ""
