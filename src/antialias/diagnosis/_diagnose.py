"""Diagnose a network: the cause and the effect at each site, and what comes before and after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import nn
from torch.utils.data import DataLoader, SequentialSampler

from antialias.metrics import (
    Adapter,
    ClassScores,
    Images,
    ImageStream,
    Instances,
    Measurement,
    Model,
    Normalize,
    SameInstance,
    Score,
    Windows,
    adapter_for,
    difference,
)
from antialias.surgery import Body, Subsampling, find_body

from ._around import aligned, measure_resizing, measure_suppression
from ._checks import code_of, judge_network, judge_site, judge_sites
from ._remedies import IDEAL, PHASES, Remedies, flip_score, steps_of
from ._result import Diagnosis, SiteDiagnosis
from ._spectrum import FEWEST, measure_causes, share


def diagnose(
    model: Model,
    images: Images,
    *,
    progress: Callable[[int, int], None] | None = None,
    seed: int = 0,
    same: SameInstance | None = None,
    normalize: Normalize = "model",
    batch_size: int | None = None,
) -> Diagnosis:
    """Find where a network aliases, and what mending each place alone would bring.

    The cause is read from the map at stride 1 of each site: how much of its energy the grid that it is subsampled to
    cannot hold. The effect is measured on the answers: how many one-pixel flips go away when that site's phases are
    averaged, or an ideal low-pass filter stands there. Both are measured on the same windows, batch by batch; the
    network is left as it was.

    Args:
        model: A classifier, segmenter or detector, converted or not; or an adapter of one. The parts of a detector
            behind its backbone see the average of the backbone's maps.
        images: Floats in [0, 1], as in `consistency`. They are read several times; of what gives them once, or in an
            order of its own each time, a list is made.
        progress: Called with the work done and in all.
        seed: Chooses the windows.
        same: When two instances of a detector are one.
        normalize: What the network expects of pixels, as in every score.
        batch_size: Windows in one forward pass; the kind of answer's own by default. It changes no number.

    Raises:
        TypeError: The network is no module, or its answer of no known kind.
        ValueError: The network does not subsample, images have no room for a move, or nothing is detected.

    Example:
        >>> import torch, antialias as aa
        >>> network = aa.models.TinyResNet(num_classes=4)
        >>> diagnosis = aa.diagnose(network, torch.rand(4, 3, 40, 40))
        >>> diagnosis.sites[0].name, diagnosis.sites[0].code, diagnosis.sites[0].pixels
        ('conv1', 'AA001', 1)

    Source: Ribeiro & Schoen, ICASSP 2021, for the cause; Azulay & Weiss, JMLR 2019, for one-pixel moves.
    """
    shuffled = isinstance(images, DataLoader) and not isinstance(images.sampler, SequentialSampler)
    given: Any = images
    images = list(given) if shuffled or isinstance(images, Iterator) else images
    options: dict[str, Any] = {} if isinstance(model, Adapter) else {"normalize": normalize}
    options |= {} if batch_size is None else {"batch_size": batch_size}
    network = model.model if isinstance(model, Adapter) else model
    if not isinstance(network, nn.Module):
        raise TypeError(f"model is a {type(network).__name__}, whose sites cannot be seen. Pass a torch.nn.Module.")
    resize = model.resize if isinstance(model, Adapter) else None
    first = next(iter(ImageStream(images, None, resize)))
    adapter = adapter_for(model, Windows(ClassScores(network), seed=seed).cut(first)[0], **options)
    window = Windows(adapter, seed=seed).cut(first)
    shown = adapter.inputs(window)
    body = find_body(network, [*shown] if isinstance(adapter, Instances) else shown)
    if not body.places:
        raise ValueError(f"{type(network).__name__} does not subsample: none of its operations has a stride or pools.")
    groups = list(dict.fromkeys(place.group or (place.site.name,) for place in body.places))
    remedies = Remedies(adapter, body, images, seed, same)
    work = _Work(progress, remedies, groups)

    with work.stage("cause"):
        names = [body.full(place.site.name) for place in body.places]
        causes = measure_causes(remedies.adapter, names, images, seed)
    work.count = len(next(iter(causes.values())).rows)
    with work.stage("flips"):
        remedies.as_it_is = remedies.flips()
    flips = flip_score(remedies.as_it_is)
    of_groups = {group: _effects(remedies, group, body, work) for group in groups}
    borders, why_no_borders = _borders(remedies, of_groups[groups[0]], body)
    with work.stage("resizing"):
        resizing, why_no_resizing = measure_resizing(remedies, window[0])
    with work.stage("suppression"):
        suppression, why_no_suppression = measure_suppression(remedies)
    sites = [
        _site(body, place, name, of_groups[place.group or (place.site.name,)], causes[name])
        for place, name in zip(body.places, names, strict=True)
    ]
    ranked = _ranked(sites)
    checks = [
        *judge_sites(ranked),
        judge_network("borders", borders, why_no_borders),
        judge_network("resizing", resizing, why_no_resizing),
        judge_network("suppression", suppression, why_no_suppression),
    ]
    work.finish()
    return Diagnosis(
        network=type(network).__name__,
        sites=ranked,
        flips=flips,
        borders=borders,
        resizing=resizing,
        suppression=suppression,
        checks=tuple(checks),
        images=work.count,
        seed=seed,
    )


def _site(body: Body, place: Subsampling, name: str, effects: Mapping[str, Any], cause: Measurement) -> SiteDiagnosis:
    """Return a site with what was measured there, and what that means."""
    shares = {f"{kind}_share": share(cause, kind) for kind in ("alias", "tangled")}
    values: dict[str, Any] = {**effects, **shares}
    if values["alias_share"] is None:
        why = f"its map keeps fewer than {FEWEST} positions along a side, is constant, or is none"
        values["reasons"] = values["reasons"] | dict.fromkeys(shares, why)
    site = SiteDiagnosis(
        name=name,
        code=code_of(place.site.kind).code,
        kind=place.site.kind,
        operation=place.site.operation,
        stride=place.site.stride,
        pixels=None if place.pixels is None else max(place.pixels),
        group=tuple(map(body.full, place.group)),
        **values,
    )
    result, reason = judge_site(site)
    return replace(site, result=result, reason=reason)


def _effects(remedies: Remedies, group: tuple[str, ...], body: Body, work: _Work) -> dict[str, Any]:
    """Measure what the remedies do at a group of sites, with the reasons where they cannot."""
    place = next(place for place in body.places if place.site.name in group)
    values: dict[str, Any] = dict.fromkeys(("effect", "agreement", "ideal", "ideal_agreement", "carried"))
    reasons: dict[str, str] = {}
    if not place.group or place.pixels is None:
        reasons["effect"] = reasons["carried"] = place.reason
    else:
        try:
            with work.stage("effect", group):
                values["effect"], values["agreement"] = remedies.remedied(PHASES, group)
            with work.stage("carried", group):
                stride = (place.site.stride[0], place.site.stride[-1])
                values["carried"] = flip_score(remedies.carried(group, stride, place.pixels))
        except (ValueError, RuntimeError) as error:  # what a network says of several phases in its batch
            reasons["effect"] = reasons["carried"] = str(error)
    left = [site for site in work.ideal.sites if site.name in group and site.action == "leave"]
    if left:
        reasons["ideal"] = left[0].reason
    else:
        try:
            with work.stage("ideal", group):
                values["ideal"], values["ideal_agreement"] = remedies.remedied(IDEAL, group)
        except (ValueError, RuntimeError) as error:
            reasons["ideal"] = str(error)
    return {**values, "cost": work.costs[group], "reasons": reasons}


def _borders(remedies: Remedies, first: dict[str, Any], body: Body) -> tuple[Score | None, str]:
    """Return the flips of the image's own moves minus those of the first site's next phases."""
    place = body.places[0]
    if first["carried"] is None:
        return None, f"phases of {body.full(place.site.name)} cannot be kept: {first['reasons']['carried']}"
    if place.pixels != (1, 1):
        return None, f"the first site, {body.full(place.site.name)}, moves by {place.pixels} pixels, not by one"
    assert remedies.as_it_is is not None
    steps = steps_of((place.site.stride[0], place.site.stride[-1]))
    own = flip_score(remedies.as_it_is, [i for i, step in enumerate(steps_of((2, 2))) if step in steps])
    return difference(*aligned(own, first["carried"])), ""


def _ranked(sites: Sequence[SiteDiagnosis]) -> tuple[SiteDiagnosis, ...]:
    """Return the sites with their ranks, by effect; by the ideal filter's where no phases can be averaged."""
    key = "effect" if any(site.effect is not None for site in sites) else "ideal"
    measured = [site for site in sites if getattr(site, key) is not None]
    order = sorted(measured, key=lambda site: -getattr(site, key).value)
    return tuple(replace(site, rank=order.index(site) + 1 if site in order else None) for site in sites)


class _Work:
    """How far a diagnosis is, in windows shown to the network as it is.

    Args:
        progress: Called with the work done and in all.
        remedies: Whose adapter counts the images.
        groups: The sites that share a phase.
    """

    def __init__(
        self, progress: Callable[[int, int], None] | None, remedies: Remedies, groups: Sequence[tuple[str, ...]]
    ) -> None:
        self.progress, self.remedies, self.count = progress, remedies, 0
        self.costs, self.ideal = dict(zip(groups, remedies.costs(groups), strict=True)), remedies.plan(IDEAL)
        self.left: dict[tuple[str, ...], float] = {("cause",): 1, ("flips",): 4}
        for group, cost in self.costs.items():
            self.left["ideal", *group] = 4 * cost["ideal"] + 1 if "ideal" in cost else 0
            self.left["effect", *group] = 4 * cost["4 phases"] + 1 if "4 phases" in cost else 0
            self.left["carried", *group] = 3 * cost["2 phases"] + 1 if "2 phases" in cost else 0
        if isinstance(remedies.adapter, Instances):
            self.left |= {("resizing",): 8, ("suppression",): 4}
        self.all, self.done = sum(self.left.values()), 0.0

    @contextmanager
    def stage(self, name: str, group: tuple[str, ...] = ()) -> Iterator[None]:
        """Let the adapter count the images of a stage, which is done at the end, also by an error."""
        weight, before = self.left.get((name, *group), 0.0), self.done

        def told(done: int, total: int) -> None:
            self.count = self.count or total
            if total:
                self.tell(before + weight * done / total)

        self.remedies.adapter = replace(self.remedies.adapter, progress=told)
        try:
            yield
        finally:
            self.done += weight
            self.tell(self.done)

    def tell(self, done: float) -> None:
        """Tell of the work that is done."""
        if self.progress is not None and self.count:
            self.progress(round(self.count * done), round(self.count * self.all))

    def finish(self) -> None:
        """Tell that nothing is left."""
        self.tell(self.all)
