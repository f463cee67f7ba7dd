"""What subsamples in a network, which part of it takes maps, and the map at stride 1 of each place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from torch import Tensor, nn

from antialias._torch import without_modes
from antialias.nn import LAYERS, PhaseAverage, PhaseSplit2d, PolyphasePool2d

from ._conversion import Conversion, apply
from ._convert import inspect, observed
from ._plan import Site
from .dataflow import Op, arguments, copied, network_macs, observe, pair, untouched
from .edits import AveragePhases, PickPhase
from .polyphase import group_sites, pitches
from .sites import Candidate, Rules, decide, find

T = TypeVar("T")
_POOLS = ("max_pool2d_with_indices", "avg_pool2d")


@dataclass(frozen=True)
class Subsampling:
    """A place of a network that keeps only some positions.

    Attributes:
        site: What runs there; its name is that in the body.
        pixels: Rows and columns of the image from one position of the map before it to the next; `None` where what it
            reads is no map.
        group: The sites that have to keep the same samples, this one among them; none if phases cannot be averaged.
        reason: Why they cannot.
    """

    site: Site
    pixels: tuple[int, int] | None
    group: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Body:
    """The part of a network that takes images as maps: the network itself, or what a detector shows its images to.

    Attributes:
        name: Name of the module; empty for the network itself.
        args: What it was given.
        places: What subsamples in it, in order of execution.
        macs: Multiply-adds of the whole network.
    """

    name: str
    args: tuple[Any, ...]
    places: tuple[Subsampling, ...]
    macs: int

    def full(self, name: str) -> str:
        """Return a site's name in the network."""
        return f"{self.name}.{name}" if self.name else name


def find_body(model: nn.Module, example: Any = None) -> Body:
    """Find what subsamples in a network, and what it takes to average phases there.

    Args:
        model: The network; it is left as it was.
        example: As in `inspect`.

    Raises:
        ValueError: As in `inspect`.
        RuntimeError: As in `inspect`.
    """
    args, kwargs = arguments(model, example)
    whole = observed(model, example)
    first = next((candidate.op for candidate in find(whole) if _subsamples(candidate)), None)
    holding = [call for call in whole.calls if call.input is not None and len(call.input.shape) == 4]
    name = next((call.name for call in holding if call.name is not None and call.holds(first)), "")
    graph, body, taken = whole, model, args
    if name:
        body, given = model.get_submodule(name), list[tuple[Any, ...]]()
        handle = body.register_forward_pre_hook(lambda _, args: given.append(copied(args)))
        with untouched(model):
            shown, named = copied((args, kwargs))
            model(*shown, **named)
        handle.remove()
        taken = given[0]
        graph = observed(body, taken)
    candidates = sorted(find(graph), key=lambda candidate: candidate.op.index)
    sites = decide(candidates, graph, Rules(PhaseAverage()), body)
    reasons: dict[int, str] = {}
    groups = {n: group.sites for group in group_sites(graph, candidates, sites, reasons) for n in group.sites}
    known, image = pitches(graph, candidates), next((t for t in taken if isinstance(t, Tensor)), None)
    places = []
    for number, (candidate, site) in enumerate(zip(candidates, sites, strict=True)):
        if not _subsamples(candidate):
            continue
        group, why = tuple(sites[n].name for n in groups.get(number, ())), ""
        if not group:
            left = site.reason if site.action == "leave" else "a site that keeps the same samples has no place to split"
            why = reasons.get(number) or left
        sides = (1, 1) if image is None else image.shape[-2:]
        pixels, before = known.get(number), candidate.op.input.shape
        if pixels is None and len(before) == 4:
            rows, columns = (max(1, round(side / part)) for side, part in zip(sides, before[-2:], strict=True))
            pixels = (rows, columns)
        places.append(Subsampling(site, pixels, group, why))
    return Body(name, taken, tuple(places), network_macs(whole))


def _subsamples(candidate: Candidate) -> bool:
    return max(candidate.strides) > 1 and candidate.kind != "transposed"


def keep_phase_(model: nn.Module, where: Sequence[str], phase: tuple[int, int], *, example: Any = None) -> Conversion:
    """Let a group of sites keep another phase than their own: what they would keep of an image that has moved.

    Args:
        model: The network; it is changed.
        where: Names of the sites.
        phase: First row and column that are kept.
        example: As in `inspect`.

    Raises:
        ValueError: As in `convert_`.
    """
    config = _TwoPhases(phase)
    plan = inspect(model, example, config, where=list(where))
    pick = PickPhase(module="", index=1, runs=2)
    edits = tuple(pick if isinstance(edit, AveragePhases) else edit for edit in plan.edits)
    return apply(model, replace(plan, edits=edits))


class _TwoPhases(PhaseAverage):
    """The phase that the network keeps, and another one."""

    def __init__(self, phase: tuple[int, int]) -> None:
        super().__init__(phases=2)
        object.__setattr__(self, "other", phase)

    def offsets(self, stride: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        return ((0, 0), self.__dict__["other"])


def reduce_maps(
    model: nn.Module, args: tuple[Any, ...], reduce: Callable[[Tensor, tuple[int, int]], T]
) -> dict[str, list[T]]:
    """Run a network and return what a function makes of the map at stride 1 of each place that subsamples.

    The map is what the operation would give if it kept every position, before anything else is done to it; of a
    filter of this package, what the filter would give; of a slice or a smaller size, what it reads.

    Args:
        model: The network; it is left as it was.
        args: What it takes.
        reduce: Called with each map `(N, C, H, W)` and the stride `(s_h, s_w)` with which it is subsampled.

    Returns:
        By the names of the places, a list with a value each time that the place runs.
    """
    reduced: dict[Op, T] = {}
    of_filters: dict[str, list[T]] = {}

    def watch(op: Op, given: Mapping[str, Any], again: Callable[..., Any]) -> None:
        if len(op.input.shape) != 4 or not op.outputs:
            return
        if op.name == "convolution" and max(op.settings["stride"]) > 1 and not op.settings["transposed"]:
            reduced[op] = reduce(again(stride=[1, 1]), pair(op.settings["stride"]))
        elif op.name in _POOLS:
            stride = pair(op.settings.get("stride") or op.settings["kernel_size"])
            if max(stride) > 1:
                maps = again(stride=[1, 1])
                reduced[op] = reduce(maps if isinstance(maps, Tensor) else maps[0], stride)
        elif op.name == "slice" and op.settings.get("step", 1) > 1 and op.settings.get("dim", 0) % 4 >= 2:
            step, rows = int(op.settings["step"]), op.settings["dim"] % 4 == 2
            reduced[op] = reduce(again(step=1), (step, 1) if rows else (1, step))
        elif "upsample_" in op.name and not op.name.endswith("_aa"):
            before, after = op.input.shape[2:], op.output.shape[2:]
            stride = tuple(max(1, -(-large // small)) for large, small in zip(before, after, strict=True))
            if max(stride) > 1:
                reduced[op] = reduce(next(v for v in given.values() if isinstance(v, Tensor)), (stride[0], stride[1]))

    def filtered(name: str, layer: Any, x: Tensor) -> None:
        stride = pair(layer.stride)
        layers = [each for each in layer.modules() if hasattr(each, "stride") and pair(each.stride) == stride]
        before = [each.stride for each in layers]
        try:
            for each in layers:
                each.stride = (1, 1)
            with without_modes():
                maps = layer.forward(x)
            if maps.dim() == 4:
                of_filters.setdefault(name, []).append(reduce(maps, stride))
        finally:
            for each, own in zip(layers, before, strict=True):
                each.stride = own

    handles = [
        module.register_forward_hook(lambda layer, args, _, name=name: filtered(name, layer, args[0]))
        for name, module in model.named_modules()
        if isinstance(module, LAYERS) and not isinstance(module, (PhaseSplit2d, PolyphasePool2d))
        if max(pair(module.stride)) > 1  # pyrefly: ignore
    ]
    try:
        graph = observe(model, args, watch=watch)
    finally:
        for handle in handles:
            handle.remove()
    values: dict[str, list[T]] = {}
    for candidate in find(graph):
        own = [reduced[op] for op in candidate.ops if op in reduced]
        own = of_filters.get(candidate.name, []) if candidate.kind == "filter" else own
        if own and _subsamples(candidate):
            values.setdefault(candidate.name, []).extend(own)
    return values
