"""Let every convolution and pool of a network see the picture continued in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ._edits import Edit, WrapBorders
from ._graph import Graph, Op
from ._grids import where
from ._sites import both, filter_around

_PADDINGS = frozenset({"constant_pad_nd", "reflection_pad2d", "replication_pad2d", "pad"})
_WINDOWED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


@dataclass
class Borders:
    """The edits that close the borders, and what they could not close.

    Attributes:
        edits: One edit for each layer whose window reaches over the border.
        notes: Layers whose border stays what it is.
    """

    edits: list[Edit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def circular_borders(graph: Graph, retuned: Mapping[str, Mapping[str, Any]]) -> Borders:
    """Plan circular borders for the layers called in `graph`.

    Args:
        graph: The dataflow.
        retuned: Attributes that the layers of the sites will have, by module name; these layers lose their stride.
    """
    borders = Borders()
    for name, module in _layers(graph):
        if "Same" in type(module).__name__:
            borders.notes.append(f"{name} pads its input itself, with zeros")
        elif (edit := _edit(name, module, retuned.get(name), borders)) is not None:
            borders.edits.append(edit)
    borders.notes += dict.fromkeys(note for op in graph.ops if (note := _note(op)))
    return borders


def _layers(graph: Graph) -> Iterator[tuple[str, nn.Module]]:
    seen = set[nn.Module]()
    for call in graph.calls:
        within = any(filter_around(op) for op in graph.ops[call.first : call.first + 1])
        if isinstance(call.module, _WINDOWED) and call.name and call.module not in seen and not within:
            seen.add(call.module)
            yield call.name, call.module


def _edit(name: str, module: Any, retuned: Mapping[str, Any] | None, borders: Borders) -> Edit | None:
    kernel, padding, dilation = (both(_setting(module, key, retuned)) for key in ("kernel_size", "padding", "dilation"))
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if not any(reach) and not any(padding):
        return None
    centred = all(2 * p == r for p, r in zip(padding, reach, strict=True))
    if centred and getattr(module, "padding_mode", "") == "circular":
        return None
    if not centred and (retuned is None or any(p > r for p, r in zip(padding, reach, strict=True))):
        borders.notes.append(f"{name} makes its map smaller or larger: kernel_size={kernel}, padding={padding}")
        return None
    rows, columns = (r - p for p, r in zip(padding, reach, strict=True))
    return WrapBorders(module=name, before=padding, after=(rows, columns))


def _setting(module: Any, key: str, retuned: Mapping[str, Any] | None) -> Any:
    if retuned is not None and key in retuned:
        return retuned[key]
    value = getattr(module, key, 1)
    if value == "valid":
        return 0
    if value == "same":
        return [d * (k - 1) // 2 for k, d in zip(both(module.kernel_size), both(module.dilation), strict=True)]
    return value


def _note(op: Op) -> str:
    if filter_around(op) is not None:
        return ""
    in_layer = op.call is not None and op.call.name and isinstance(op.call.module, _WINDOWED)
    if op.name in _PADDINGS and not in_layer and any(op.settings.get("pad") or op.settings.get("padding") or ()):
        return f"{where(op)} pads its maps itself"
    windowed = op.is_spatial or op.name in ("max_pool2d_with_indices", "avg_pool2d")
    if windowed and not in_layer and not op.settings.get("transposed"):
        return f"{where(op)} calls a convolution or pool as a function, whose border stays what it is"
    return ""
