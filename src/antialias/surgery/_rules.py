"""What replaces what: from operations that subsample to the edits that give them a filter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from antialias.nn import Adaptive, Filter, Polyphase, PolyphasePool2d

from ._dilated import find_dilated
from ._edits import CHILD, Edit, FilterEdit, Insert, KeepPhase, Redirect, Retune, Slide
from ._graph import Call, Graph, Op, Value
from ._place import Port, place
from ._plan import Placement, Site
from ._shifts import Arrangement, arrange
from ._sites import Found, both, find

Where = str | Sequence[str] | Callable[[Site], bool] | None


@dataclass
class Rules:
    """What the user asked for.

    Attributes:
        filter: The filter to place.
        placement: `"exact"` keeps a trained network's function; `"paper"` is the published form.
        stem: Whether the first strided convolution gets a filter too; `None`: if the filter has a `phase`, which is
            exact only where every stride is replaced.
        where: Which sites, by glob over names or by predicate; `None` for all.
    """

    filter: Filter
    placement: Placement = "exact"
    stem: bool | None = None
    where: Where = None

    def __post_init__(self) -> None:
        if self.stem is None:
            self.stem = self.filter.phase is not None
        if self.placement not in ("exact", "paper"):
            raise ValueError(f"placement={self.placement!r} is unknown. Use 'exact' or 'paper'.")

    def selects(self, site: Site) -> bool:
        """Return whether `where` selects `site`."""
        if self.where is None:
            return True
        if callable(self.where):
            return bool(self.where(site))
        globs = [self.where] if isinstance(self.where, str) else self.where
        return any(fnmatchcase(site.name, glob) for glob in globs)


def plan_sites(graph: Graph, rules: Rules, model: nn.Module) -> Arrangement:
    """Decide for each site of `graph` what becomes of it, and what else of the network has to change."""
    found = sorted([*find(graph), *find_dilated(graph)], key=lambda site: site.op.index)
    planner = _Planner(graph, rules, model)
    sites = (*map(planner.decide, found), *_uncalled(model, graph))
    return Arrangement(sites) if rules.filter.phase is None else arrange(graph, found, sites, rules.filter)


def _uncalled(model: nn.Module, graph: Graph) -> Iterator[Site]:
    called = {call.module for call in graph.calls}
    for name, module in model.named_modules():
        if module in called or not isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
            continue
        if max(stride := both(module.stride)) > 1:
            size = "x".join(map(str, both(module.kernel_size)))
            yield Site(
                name=name,
                kind="uncalled",
                operation=f"{type(module).__name__} {size}",
                stride=stride,
                channels=getattr(module, "out_channels", 0),
                input_size=(),
                output_size=(),
                action="leave",
                reason="not called on the example in evaluation mode",
            )


@dataclass
class _Planner:
    graph: Graph
    rules: Rules
    model: nn.Module
    taken: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = {name for name, module in self.model.named_modules() if CHILD in module._modules}

    def decide(self, found: Found) -> Site:
        site = _described(found)
        if found.leave and not (found.kind == "stem" and self.rules.filter.phase is not None):
            return _left(site, found.leave)
        if found.kind == "stem" and not self.rules.stem:
            return _left(site, "stem: keeps its stride as in the papers; stem=True filters it")
        if not self.rules.selects(site):
            return _left(site, "not selected by `where`")
        if max(found.stride) == 1 and isinstance(self.rules.filter, Polyphase):
            return _left(site, "keeps every sample, so there is no phase to choose")
        return self._module(found, site) if found.module is not None else self._function(found, site)

    def _module(self, found: Found, site: Site) -> Site:
        if (why_not := _why_not_at_stride_1(found, self.graph)) != "":
            return _left(site, why_not)
        if (where := place(found, self.graph, frozenset(self.taken))) is None:
            return _left(site, self._why_no_place(found))
        inserts = [self._insert(found, port) for port in where.ports]
        self.taken.update(insert.module for insert in inserts)
        # The filter first: hooks are prepended, and a layer crops to its old phase before its output is filtered.
        edits = [*inserts, *_at_stride_1(found, self.rules)]
        return self._filtered(site, found, edits, ", ".join(map(str, where.ports)), where.why)

    def _why_no_place(self, found: Found) -> str:
        calls = len(self.graph.calls_of(found.call.module))
        return f"no place reaches all readers of its output exactly once (called {calls} times)"

    def _insert(self, found: Found, port: Port) -> Insert:
        return Insert(
            module=port.owner,
            side=port.side,
            had_stride=port.side == "input" and port.call.module is found.module,
            channels=port.value.shape[1],
            stride=both(found.stride),
            like=_like(found.op),
            frozen_norm=_is_frozen(self.model, found.call.name or ""),
        )

    def _function(self, found: Found, site: Site) -> Site:
        if (why_not := _why_not_redirected(found, self.graph)) != "":
            return _left(site, f"called as a function at {found.op.source}; {why_not}")
        edit = Redirect(
            module=found.call.name or "",
            index=_pools_in(found.call, self.graph).index(found.op),
            channels=found.channels,
            stride=both(found.stride),
            like=_like(found.op),
            frozen_norm=_is_frozen(self.model, found.call.name or ""),
        )
        why = f"after the pool that is called as a function at {found.op.source}"
        return self._filtered(site, found, [edit], f"inside {found.call.name}", why)

    def _filtered(self, site: Site, found: Found, edits: list[Edit], where: str, why: str) -> Site:
        filters = [edit for edit in edits if isinstance(edit, FilterEdit)]
        layers = [edit.build(self.rules.filter, device=torch.device("meta")) for edit in filters]
        return dataclasses.replace(
            site,
            action="filter",
            channels=filters[0].channels,
            place=where,
            reason="; ".join([why, *self._notes(filters)]),
            edits=tuple(edits),
            parameters=sum(p.numel() for layer in layers for p in layer.parameters()),
            macs=_extra_macs(found, layers),
        )

    def _notes(self, filters: list[FilterEdit]) -> list[str]:
        config, channels = self.rules.filter, filters[0].channels
        if isinstance(config, Adaptive) and (groups := config.groups_for(channels)) != config.groups:
            return [f"groups={groups}, as {config.groups} does not divide {channels} channels"]
        return []


def _left(site: Site, reason: str) -> Site:
    return dataclasses.replace(site, action="leave", reason=reason)


def _described(found: Found) -> Site:
    op = found.op
    kernel = op.weight.shape[2:] if op.name == "convolution" else op.settings.get("kernel_size", ())
    size = "x".join(map(str, both(kernel) if kernel and len(op.input.shape) == 4 else tuple(kernel)))
    layer = type(found.module).__name__ if found.module is not None else op.name.removesuffix("_with_indices")
    before, after = _maps(found)
    return Site(
        name=found.name,
        kind=found.kind,
        operation=f"{layer} {size}".strip(),
        stride=found.stride,
        channels=found.channels,
        input_size=before.shape[2:],
        output_size=after.shape[2:],
        action="leave",
    )


def _maps(found: Found) -> tuple[Value, Value]:
    """Return the maps before and after the whole module, which may pad before it subsamples."""
    around = found.call.chain() if found.module is not None else ()
    for call in around:
        if call.module is found.module:
            return call.input or found.op.input, call.output or found.op.output
    return found.op.input, found.op.output


def _at_stride_1(found: Found, rules: Rules) -> list[Edit]:
    module: Any = found.module
    name, stride, placement = found.call.name or "", both(found.stride), rules.placement
    if max(stride) == 1:
        return []
    if placement == "paper" and found.kind == "average pool":
        return [Retune(module=name, attributes={"kernel_size": 1, "stride": 1, "padding": 0, "ceil_mode": False})]
    if placement == "paper" and found.kind == "max pool" and max(both(module.padding)) > 0:
        kernel = [k - p for k, p in zip(both(module.kernel_size), both(module.padding), strict=True)]
        smaller = Retune(module=name, attributes={"kernel_size": tuple(kernel), "padding": 0})
        return [smaller, *_slid(module, name, {"stride": 1})]
    if "pool" in found.kind and module.ceil_mode:
        # In a circle no window hangs over the end.
        circular = rules.filter.phase is not None and rules.filter.padding_mode == "circular"
        return [Retune(module=name, attributes={"stride": 1, "ceil_mode": False}) if circular else Slide(module=name)]
    one = 1 if isinstance(module.stride, int) else (1, 1)
    if found.kind == "max pool" and not _pads_for_stride(found):
        return _slid(module, name, {"stride": one})
    retune = Retune(module=name, attributes={"stride": one})
    return [retune, KeepPhase(module=name, stride=stride)] if _pads_for_stride(found) else [retune]


def _slid(pool: nn.Module, name: str, attributes: dict[str, Any]) -> list[Edit]:
    """Let a max pool's window slide by one: torch's own as the kind that keeps only its input, others as they are."""
    own = type(pool) is nn.MaxPool2d and not (pool.ceil_mode or pool.return_indices)
    return [Slide(module=name) if own else Retune(module=name, attributes=attributes)]


def _pads_for_stride(found: Found) -> bool:
    """Whether the layer pads by its stride; timm's "same" layers say so in their name."""
    pad = found.op.input.producer
    inside = found.call.holds(pad) and pad is not None and pad.name == "constant_pad_nd"
    return "Same" in type(found.module).__name__ and (inside or not max(both(getattr(found.module, "padding", 0))))


def _why_not_at_stride_1(found: Found, graph: Graph) -> str:
    module: Any = found.module
    if len(found.ops) != len(graph.calls_of(module)):
        return f"{type(module).__name__} does not do the same in each of its calls"
    if max(found.stride) > 1 and both(module.stride) != both(found.stride):
        return f"its stride {module.stride} is not the stride {found.stride} it runs with"
    plain = type(module).forward in (nn.MaxPool2d.forward, nn.AvgPool2d.forward)
    if "pool" in found.kind and module.ceil_mode and not plain:
        return f"ceil_mode in a forward of {type(module).__name__}'s own"
    return ""


def _why_not_redirected(found: Found, graph: Graph) -> str:
    op, call = found.op, found.call
    if not call.name:
        return "no named module calls it"
    if "forward" in call.module.__dict__:
        return f"the forward of {call.name} is replaced already"
    pools = [_pools_in(each, graph) for each in graph.calls_of(call.module)]
    if any(inner.call.module is not call.module for ops in pools for inner in ops if inner.call):
        return f"{call.name} calls modules that pool, too"
    same = {tuple((inner.name, inner.output.shape[1]) for inner in ops) for ops in pools}
    if len(same) > 1:
        return f"{call.name} does not do the same in each of its calls"
    if len(op.input.shape) != 4 or (op.input.producer and op.input.producer.name in ("unsqueeze", "pow")):
        return "it is not a two-dimensional max or average pool"
    return ""


def _pools_in(call: Call, graph: Graph) -> list[Op]:
    names = ("max_pool2d_with_indices", "avg_pool2d")
    return [op for op in graph.ops[call.first : call.last] if op.name in names]


def _like(op: Op) -> str:
    """Name the nearest parameter at or before `op`."""
    waiting: list[Op | None] = [op]
    while waiting:
        current = waiting.pop(0)
        if current is None or current.call is None:
            continue
        for name, _ in current.call.module.named_parameters():
            if current.call.name:
                return f"{current.call.name}.{name}"
        waiting.extend(value.producer for value in current.inputs)
    return ""


def _is_frozen(model: nn.Module, name: str) -> bool:
    """Whether the norms of the smallest module around `name` that has any are all frozen ones."""
    parts = name.split(".")
    for length in range(len(parts), -1, -1):
        around = model.get_submodule(".".join(parts[:length]))
        norms = [type(m).__name__ for m in around.modules() if "BatchNorm" in type(m).__name__]
        if norms:
            return all("Frozen" in norm for norm in norms)
    return False


def _extra_macs(found: Found, layers: list[nn.Module]) -> int:
    layers = layers if len(layers) == len(found.ops) else layers[:1] * len(found.ops)
    return sum(_extra_macs_of(op, layer, found.kind) for op, layer in zip(found.ops, layers, strict=True))


def _extra_macs_of(op: Op, layer: Any, kind: str) -> int:
    kept = math.prod(op.output.shape[2:]) * op.output.shape[0]
    total = kept * _macs_per_kept(layer)
    if op.name == "convolution" and kind in ("stem", "convolution"):
        total += (_positions_at_stride_1(op) - kept) * math.prod(op.weight.shape)
    return total


def _macs_per_kept(layer: Any) -> int:
    if isinstance(layer, PolyphasePool2d):
        filter, judge = _macs_per_kept(layer.filter) if layer.filter else 0, _kernels(layer.judge) if layer.judge else 0
        return math.prod(layer.stride) * (filter + judge)
    return _kernels(layer) + layer.channels * math.prod(both(layer.kernel_size))


def _kernels(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.dim() == 4)


def _positions_at_stride_1(op: Op) -> int:
    kernel, s = op.weight.shape[2:], op.settings
    sizes = [
        size + 2 * pad - dilation * (k - 1)
        for size, pad, dilation, k in zip(op.input.shape[2:], s["padding"], s["dilation"], kernel, strict=True)
    ]
    return op.output.shape[0] * math.prod(sizes)
