"""One thing that may steady a network: a value that can be applied to a copy, priced and compared."""

from __future__ import annotations

import copy
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from os.path import commonpath
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antialias._torch import tree_map_only
from antialias.metrics import evaluating
from antialias.nn import Filter, PhaseAlign2d, PhaseAlignment, PhaseAverage, ShiftAverage
from antialias.surgery import convert_, inspect
from antialias.surgery.dataflow import arguments, network_macs, observe
from antialias.surgery.edits import FuseDetections, MoveImages, averaged, logits_of, moved

Group = tuple[str, ...]
MOST_RUNS = 16
_BATCH = 32
_ONE_SIDED = 0.8416
"""Standard errors above a mean below which the true mean lies for four samples of five."""
_MOVES = ((0, 0), (1, 1), (0, 1), (1, 0), (2, 2), (0, 2), (2, 0), (1, 2), (2, 1))


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """What may steady a network. It fits if its cost is within the budget.

    Attributes:
        name: What tables call it.
        cost: Multiply-adds of the network with it, relative to the network as given.
        filter: Filter that all sites get, first.
        weights: Parameters and buffers that were learnt with that filter, or without one.
        phases: How many phases are averaged at which sites, after that.
        until: Module whose map they are averaged at; empty for the network's answers.
        alignment: What images are aligned by, before anything else.
        aligning: Multiply-adds of that, relative to the network as given.
        shifts: Average over shifted copies, as many as an image needs; the cost is what images took that chose when
            they are enough, on average.
        copies: Shifted copies of every image whose answers are averaged: the yardstick, which is never applied.
    """

    name: str
    cost: float = 1.0
    filter: Filter | None = None
    weights: Mapping[str, Tensor] | None = field(default=None, repr=False, compare=False)
    phases: tuple[tuple[int, Group], ...] = ()
    until: str = ""
    alignment: PhaseAlignment | None = None
    aligning: float = 0.0
    shifts: ShiftAverage | None = None
    copies: int = 1

    @property
    def applies(self) -> bool:
        """Whether it can be applied to a network, as the yardstick cannot."""
        return self.copies == 1 and bool(self.filter or self.weights or self.phases or self.alignment or self.shifts)

    @property
    def learnt(self) -> bool:
        """Whether a student learnt it."""
        return self.weights is not None

    def on_copy(self, model: nn.Module, example: Any) -> nn.Module:
        """Return a copy of a network with this remedy, in eval mode.

        Args:
            model: The network as given; it is not touched.
            example: What it takes.
        """
        network = copy.deepcopy(model).eval()
        self.apply_(network, example)
        return ShiftedCopies(network, self.copies).eval() if self.copies > 1 and self.shifts is None else network

    def apply_(self, model: nn.Module, example: Any) -> None:
        """Change a network in place.

        Args:
            model: The network as given.
            example: What it takes.
        """
        if self.filter is not None:
            convert_(model, self.filter, example=example)
        if self.weights is not None:
            own = model.state_dict(keep_vars=True)
            with torch.no_grad():
                for name, value in self.weights.items():
                    own[name].copy_(value)
        if self.phases:
            convert_(model, averages(self.phases, self.until), where=sites_of(self.phases), example=example)
        for whole in (self.alignment, self.shifts):
            if whole is not None:
                convert_(model, whole, example=example)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return {
            "name": self.name,
            "cost": self.cost,
            "filter": None if self.filter is None else self.filter.to_dict(),
            "learnt": self.learnt,
            "phases": [{"phases": phases, "sites": list(names)} for phases, names in self.phases],
            "until": self.until,
            "alignment": None if self.alignment is None else self.alignment.to_dict(),
            "shifts": None if self.shifts is None else self.shifts.to_dict(),
            "copies": self.copies,
        }


class ShiftedCopies(nn.Module):
    """Average a network's answers over copies of the image that are moved by up to a pixel or two.

    Logits are averaged, maps moved back first, and detections moved back and fused.

    Args:
        network: The network.
        copies: 2 (as it is and one pixel down and right), 4 (also one pixel down, one right), or up to 9 within two.
    """

    most = len(_MOVES)

    def __init__(self, network: nn.Module, copies: int) -> None:
        super().__init__()
        self.network, self.moves = network, _MOVES[:copies]

    def forward(self, x: Any) -> Any:
        """Return the answer to images `(N, C, H, W)`, or a detector's to a list of them, continued by their borders."""
        if not isinstance(x, Tensor):
            (moved,) = MoveImages(self.moves, "replicate")(self, (x,)) or (x,)
            return FuseDetections(self.moves)(self, (moved,), self.network(moved))
        (height, width), most = x.shape[-2:], max(map(max, self.moves))
        padded = F.pad(x, (most, 0, most, 0), mode="replicate")
        moved = [padded[..., most - y : most - y + height, most - x : most - x + width] for y, x in self.moves]
        return tree_map_only(Tensor, self._averaged, self.network(torch.cat(moved)))

    def _averaged(self, answers: Tensor) -> Tensor:
        answers = answers.unflatten(0, (len(self.moves), -1))
        if answers.dim() == 3:
            return answers.mean(0)
        # Moved down and right, maps are moved back up and left: turned round, the other way.
        return averaged(answers.flip(-1, -2), self.moves, circular=False).flip(-1, -2)


def averages(phases: Sequence[tuple[int, Group]], until: str = "") -> PhaseAverage:
    """Return the filter config of averages over phases, of which all groups have the same number."""
    (count,) = {count for count, _ in phases}
    return PhaseAverage(phases=count, until=(until,) if until else ())  # type: ignore[arg-type]


def sites_of(phases: Sequence[tuple[int, Group]]) -> list[str]:
    """Return the names of all sites of averages over phases."""
    return [name for _, names in phases for name in names]


def macs_of(model: nn.Module, example: Any) -> int:
    """Return the multiply-adds of a network, observed on an example."""
    return network_macs(observe(model, *arguments(model, example)))


def phase_remedies(
    model: nn.Module,
    example: Any,
    places: Sequence[tuple[Group, str]],
    counts: Sequence[int],
    budget: float,
) -> tuple[list[Remedy], dict[str, str]]:
    """Return averages over phases at each group and at combinations of groups within the budget, and what cannot be.

    Phases of a group run to the answers. Those of the first group may end before a later one, too, where a map is all
    that follows reads and one more stride lies between: their samples are then a quarter of a position apart or less,
    so that the mean map is one of those that the rest knows. (Half a position apart, it is blurred beyond that.) Groups
    behind the end may have phases of their own.

    A group is priced by its plan; combinations that fit by what follows each group are priced by theirs. What cannot
    be is returned by name, with the reason; no group that can split is an error.

    Args:
        model: The network.
        example: What it takes.
        places: Sites that split together, from the input to the deepest, and the module before them where phases of
            earlier ones may end.
        counts: Numbers of phases.
        budget: The most multiply-adds, relative to the network's.

    Raises:
        ValueError: No group can split.
    """
    groups = [names for names, _ in places]
    behind, remedies, left_out = dict[int, float](), list[Remedy](), dict[str, str]()
    for place, names in enumerate(groups):
        try:
            behind[place] = price(model, example, ((2, names),)) - 1
        except ValueError as error:
            left_out[f"phases at {group_name(names)}"] = str(error)
    if groups and not behind:
        raise ValueError(next(iter(left_out.values())))
    choices = [(((count, place),), "") for place in behind for count in counts]
    for size in range(2, len(behind) + 1):
        choices += [(tuple((2, place) for place in some), "") for some in combinations(behind, size)]
    first = next(iter(behind), 0)
    for place, (_, end) in list(enumerate(places))[first + 2 :]:
        if end:
            choices += [(((count, first),), end) for count in counts]
            choices += [(((2, first), (2, later)), end) for later in behind if later >= place]
    for choice, end in choices:
        phases = tuple((count, groups[place]) for count, place in choice)
        if not end and (
            math.prod(count for count, _ in phases) > MOST_RUNS or cost_of_phases(choice, behind) > 1.1 * budget
        ):
            continue
        named = [f"{count} phases at {group_name(groups[place])}" for count, place in choice]
        name = ", ".join([f"{named[0]} until {end}" if end else named[0], *named[1:]])
        try:
            cost = price(model, example, phases, end)
        except ValueError as error:
            left_out[name] = str(error)
            continue
        if cost <= budget + 1e-9:
            remedies.append(Remedy(name=name, cost=cost, phases=phases, until=end))
    return remedies, left_out


def price(model: nn.Module, example: Any, phases: Sequence[tuple[int, Group]], until: str = "") -> float:
    """Return the multiply-adds of a network with averages over phases, relative to the network without.

    Args:
        model: The network.
        example: What it takes.
        phases: How many phases are averaged at which sites.
        until: Module whose map they are averaged at; empty for the answers.
    """
    plan = inspect(model, example, averages(phases, until), where=sites_of(phases))
    return 1 + sum(site.macs for site in plan.sites) / plan.macs


def cost_of_phases(choice: Sequence[tuple[int, int]], behind: Sequence[float] | Mapping[int, float]) -> float:
    """Return the multiply-adds of a network with averages over phases, relative to the network without.

    Args:
        choice: Numbers of phases with the places of their groups, from the input on.
        behind: For each group, which share of the multiply-adds follows it.

    Example:
        >>> cost_of_phases([(2, 0), (4, 1)], behind=[0.75, 0.25])
        3.25
    """
    runs, cost = 1, 1.0
    for phases, place in choice:
        cost += (runs * phases - runs) * behind[place]
        runs *= phases
    return cost


def alignment_remedies(model: nn.Module, example: Any, periods: Sequence[int], budget: float) -> list[Remedy]:
    """Return alignments with what images show, within the budget.

    Args:
        model: A classifier.
        example: What it takes.
        periods: Pixels of the grids that images are aligned with.
        budget: The most multiply-adds, relative to the network's.
    """
    remedies = []
    for period in periods:
        config = PhaseAlignment(period=period)
        plan = inspect(model, example, config)
        share = sum(site.macs for site in plan.sites) / plan.macs if plan.macs else 0.0
        name = f"aligned, period {period}"
        remedies.append(Remedy(name=name, cost=1 + share, alignment=config, aligning=share))
    return [remedy for remedy in remedies if remedy.cost <= budget]


@torch.no_grad()
def shift_remedies(
    model: nn.Module, images: Tensor, budget: float, copies: int, aligned: Remedy | None = None
) -> list[Remedy]:
    """Return averages over as many shifted copies as an image needs, within the budget and half-way there on average.

    After each copy an image needs another one if no sum of logits so far has set its two best classes apart by the
    threshold. So a threshold takes a run more for each of an image's highest margins so far that lies below it. The
    threshold of a cost is the largest with which the mean over images like these stays below it with a confidence of
    80 %. The mean itself would be exceeded on every second set of images, and a confidence of 95 % would leave a good
    part of the budget unused where few images set the threshold.

    Args:
        model: A classifier.
        images: Its input `(N, C, H, W)` for images that are like those it will see.
        budget: The most multiply-adds, relative to the network's, on average over images.
        copies: The most copies of an image.
        aligned: How images are aligned before they are copied, if they are.
    """
    prefix = Remedy(name="") if aligned is None else replace(aligned, name=f"{aligned.name}, ")
    if prefix.alignment is not None:
        images = PhaseAlign2d(prefix.alignment.period, prefix.alignment.padding_mode)(images)
        budget -= prefix.aligning
    config, total, margins = ShiftAverage(copies=copies), torch.zeros(()), list[Tensor]()
    with evaluating(model):
        for offset in config.offsets[:-1]:
            shown = moved(images, offset, config.padding_mode)
            total = total + torch.cat([logits_of(model, model(batch)).float().cpu() for batch in shown.split(_BATCH)])
            best = total.topk(2).values
            margins.append(best[:, 0] - best[:, 1])
    highest, remedies = torch.stack(margins, 1).cummax(1).values, dict[str, Remedy]()

    def runs(threshold: float) -> Tensor:
        return 1.0 + (highest < threshold).sum(1)

    def most(threshold: float) -> float:
        deviation, mean = torch.std_mean(runs(threshold))
        return (mean + _ONE_SIDED * deviation / len(images) ** 0.5).item()

    thresholds = highest.flatten().unique().tolist()
    for cost in (1 + (budget - 1) / 2, budget):
        if cost >= copies:
            name = f"{prefix.name}{copies} shifted copies"
            remedies[name] = replace(prefix, name=name, cost=copies + prefix.aligning, shifts=config)
            break
        threshold = thresholds[max(bisect_right(thresholds, cost, key=most) - 1, 0)]
        if threshold > 0 and (mean := runs(threshold).mean().item()) > 1:
            name = f"{prefix.name}up to {copies} shifted copies, {mean:.2f} on average"
            shifts = replace(config, threshold=threshold)
            remedies[name] = replace(prefix, name=name, cost=mean + prefix.aligning, shifts=shifts)
    return list(remedies.values())


def group_name(names: Group) -> str:
    """Return what is common to the names of a group's sites.

    Example:
        >>> group_name(("layer2.0.conv2", "layer2.0.downsample.0")), group_name(("conv1",))
        ('layer2.0', 'conv1')
    """
    if len(names) == 1:
        return names[0]
    return commonpath([name.replace(".", "/") for name in names]).replace("/", ".") or names[0]


def combined(learnt: Remedy, phases: Remedy) -> Remedy:
    """Return a learnt remedy with averages over phases behind it."""
    return replace(
        learnt,
        name=f"{learnt.name}, {phases.name}",
        cost=learnt.cost * phases.cost,
        phases=phases.phases,
        until=phases.until,
    )


def spread(remedies: Sequence[Remedy], most: int) -> list[Remedy]:
    """Return at most so many remedies: of each kind of phases as many as of the others, over its range of cost."""
    kinds: dict[tuple[bool, bool], list[Remedy]] = {}
    for remedy in sorted(remedies, key=lambda one: one.cost):
        kinds.setdefault((not remedy.until, len(remedy.phases) > 1), []).append(remedy)
    chosen = list[Remedy]()
    for left, some in zip(range(len(kinds), 0, -1), sorted(kinds.values(), key=len), strict=True):
        places = min(len(some), (most - len(chosen)) // left)
        chosen += [some[-1 - number * len(some) // places] for number in range(places)]
    return sorted(chosen, key=lambda one: one.cost)
