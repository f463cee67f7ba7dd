"""The effect: what the answers are with one place of the network mended, and what that costs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from torch import nn

from antialias.metrics import (
    STEPS,
    Adapter,
    Images,
    Measurement,
    SameInstance,
    Score,
    View,
    difference,
    measure_changes,
)
from antialias.nn import Adaptive, Filter, Fixed, Ideal, PhaseAverage
from antialias.surgery import Body, Plan, convert_, inspect, keep_phase_

PHASES = PhaseAverage(phases=4)
IDEAL = Ideal()
REMEDIES: dict[str, Filter] = {
    "fixed": Fixed(),
    "adaptive": Adaptive(),
    "ideal": IDEAL,
    "2 phases": PhaseAverage(phases=2),
    "4 phases": PHASES,
}


class Remedies:
    """Measure a network with one place of it changed at a time, against what it is.

    Args:
        adapter: Shows images to the network.
        body: What of it is changed.
        images: What windows are cut from.
        seed: Chooses the windows.
        same: When two instances are one.
    """

    def __init__(self, adapter: Adapter, body: Body, images: Images, seed: int, same: SameInstance | None) -> None:
        self.adapter, self.body, self.images, self.seed, self.same = adapter, body, images, seed, same
        self.as_it_is: Measurement | None = None

    def changed_copy(self, change: Callable[[nn.Module], Any]) -> Adapter:
        """Return the adapter of a copy that shares all tensors with the network, its body changed.

        Args:
            change: Called with the copy's body.
        """
        model = self.adapter.model
        assert isinstance(model, nn.Module)
        shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
        twin = copy.deepcopy(model, memo=shared)
        change(twin.get_submodule(self.body.name))
        return replace(self.adapter, model=twin)

    def flips(self, adapter: Adapter | None = None) -> Measurement:
        """Measure the flips of one-pixel moves `(N, 3)`, and for another network in column 4 its changed answers.

        Args:
            adapter: Of a changed copy; the network as it is if `None`.
        """
        views = [View(adapter or self.adapter, step) for step in STEPS]
        views += [View(self.adapter)] if adapter is not None else []
        return self.measure(adapter or self.adapter, views)

    def measure(self, first: Adapter, views: Sequence[View], **how: Any) -> Measurement:
        """Measure how often the answers to views are others than a network's to the first window.

        Args:
            first: The network.
            views: What its answers are compared with.
            **how: See `measure_changes`.
        """
        first = replace(first, progress=self.adapter.progress)
        # The adapter of the views is the same network, and has to be the same object to be shown its windows once.
        views = [view if view.adapter.model is not first.model else replace(view, adapter=first) for view in views]
        how = {"images": self.images, **how}
        return measure_changes(first, views, seed=self.seed, same=self.same, **how)

    def remedied(self, filter: Filter, where: Sequence[str]) -> tuple[Score, Score]:
        """Return what a remedy at some sites brings, and how often the answer stays what it was.

        Args:
            filter: The remedy.
            where: Names of the sites in the body.

        Raises:
            ValueError: The sites cannot be given it.
        """
        assert self.as_it_is is not None
        adapter = self.changed_copy(
            lambda part: convert_(part, filter, example=self.body.args, where=list(where), stem=True)
        )
        measured = self.flips(adapter)
        gained = difference(flip_score(self.as_it_is), flip_score(measured, slice(0, 3)))
        words = "with the network as it is, same windows"
        protocol = {**measured.protocol, "in_words": words}
        same = replace(measured, name="agreement", rows=1 - measured.rows[:, 3], protocol=protocol)
        return gained, same.score()

    def carried(self, where: Sequence[str], stride: tuple[int, int], pixels: tuple[int, int]) -> Measurement:
        """Measure how often the next phases of a group of sites change the answer `(N, P)`.

        Args:
            where: Names of the sites in the body.
            stride: Their stride.
            pixels: Rows and columns of the image by which a phase moves what follows.

        Raises:
            ValueError: The sites cannot keep another phase.
        """
        views = [
            View(
                self.changed_copy(lambda part, i=i, j=j: keep_phase_(part, where, (i, j), example=self.body.args)),
                moved=(i * pixels[0], j * pixels[1]),
            )
            for i, j in steps_of(stride)
        ]
        return self.measure(self.adapter, views)

    def plan(self, filter: Filter) -> Plan:
        """Say where a filter goes that is given to every site.

        Args:
            filter: The filter.
        """
        part = self.adapter.model.get_submodule(self.body.name)  # pyrefly: ignore
        return inspect(part, self.body.args, filter, stem=True)

    def costs(self, places: Sequence[Sequence[str]]) -> list[dict[str, float]]:
        """Return for each place the multiply-adds of the network with each remedy there, relative to it as it is.

        What a remedy cannot be given to is left out.

        Args:
            places: The names of the sites of each.
        """
        part = self.adapter.model.get_submodule(self.body.name)  # pyrefly: ignore
        costs: list[dict[str, float]] = [{} for _ in places]
        for name, filter in REMEDIES.items():
            whole = None if isinstance(filter, PhaseAverage) else self.plan(filter)
            for names, of_place in zip(places, costs, strict=True):
                try:
                    plan = whole or inspect(part, self.body.args, filter, where=list(names))
                except ValueError:
                    continue
                changed = [site for site in plan.changed if site.name in names]
                if changed:
                    of_place[name] = 1 + sum(site.macs for site in changed) / self.body.macs
        return costs


def steps_of(stride: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the next phases of a stride.

    Example:
        >>> steps_of((2, 2)), steps_of((1, 2))
        ([(0, 1), (1, 0), (1, 1)], [(0, 1)])
    """
    return [(i, j) for i, j in STEPS if i < stride[0] and j < stride[1]]


def flip_score(measured: Measurement, columns: slice | Sequence[int] = slice(None)) -> Score:
    """Return the mean of some columns of flips as a score.

    Args:
        measured: A row an image.
        columns: Which.

    Raises:
        ValueError: No image counts.
    """
    rows = measured.rows[:, columns].nanmean(1)
    protocol: dict[str, Any] = {**measured.protocol}
    protocol["in_words"] = f"horizontal, vertical and diagonal, seed {protocol['seed']}"
    if bool(rows.isnan().all()) and "same_instance" in protocol:
        least = protocol["same_instance"]["score"]
        raise ValueError(
            f"nothing was detected in {len(rows)} images with a score of {least:g} or more, so that nothing can flip. "
            "Use same=SameInstance(score=...), on the command line --detection-score."
        )
    return replace(measured, name="one-pixel flips", rows=rows, protocol=protocol).score()
