"""Images and answers in, what the page shows out; nothing here knows of the web."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics import (
    Adapter,
    ClassScores,
    DenseValues,
    Instances,
    LabelMaps,
    SameInstance,
    changed,
)
from antialias.metrics.detection import TRACKED
from antialias.report import FilterMaps, Image, Report, filter_maps
from antialias.report.images import Trace, instance_trace, label_image, legend_entry, ramped_image
from antialias.report.page import page_json, section
from antialias.results import to_dict
from antialias.surgery.edits import runs_of

from ._images import Held, Limits, Refused, Shelf, decode, shown_name
from ._networks import AS_IT_IS, Choice, Network, Networks, kind_of

PATH = {"classes": 48, "objects": 16, "labels": 2, "values": 2}
"""Positions of the window that the page shows at once, by the kind of answers."""
_OBJECTS = 24
_THUMB = 112

Position = tuple[int, int]


class Explorer:
    """Networks and images that can be looked at together.

    Args:
        networks: The network as it is, and what can be made of it.
        images: `uint8` `(3, H, W)` by name, which everybody sees.
        side: Shorter side in pixels that images are resampled to.
        limits: How much is taken and held.
        least: Objects of a lower score do not count.
    """

    def __init__(
        self,
        networks: Networks,
        images: Mapping[str, Tensor],
        *,
        side: int = 256,
        limits: Limits | None = None,
        least: float = 0.5,
    ) -> None:
        self.networks, self.side, self.limits = networks, side, limits or Limits()
        self.same = SameInstance(iou=TRACKED.iou, score=least)
        self.kind = kind_of(networks.first.adapter)
        own = [Held.of(name, pixels, side) for name, pixels in images.items()]
        self.images = {image.id: image for image in own}
        self._uploads: Shelf[str, Held] = Shelf(self.limits.held, lambda one: one.pixels.numel())
        self._answers: Shelf[tuple[str, str, Position], Any] = Shelf(self.limits.answers, bytes_of)

    # ---- images ----------------------------------------------------------------------------------------------------

    def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Take an image file and return what the page shows of it at first.

        Raises:
            Refused: It is no image that can be explored.
        """
        held = Held.of(shown_name(name), decode(data, self.limits), self.side)
        self._uploads.put(held.id, held)
        return self.thumbnail(held)

    def held(self, id: Any) -> Held:
        """Return an image.

        Raises:
            Refused: It is not there, or not any more.
        """
        found = self.images.get(id) or self._uploads.get(id) if isinstance(id, str) else None
        if found is None:
            raise Refused(404, "The image is not there any more. Upload it again.")
        return found

    def thumbnail(self, held: Held) -> dict[str, Any]:
        """Return an image's place in the row of images."""
        small = Held.of(held.name, held.pixels, min(_THUMB, min(held.pixels.shape[1:]))).pixels
        return {"id": held.id, "name": held.name, "thumb": Image.of(small, held.name, quality=75).data}

    def image(self, held: Held) -> dict[str, Any]:
        """Return an image with the window that moves over it and the place where that starts."""
        height, width = self.window_in(held)
        room = (held.pixels.shape[2] - width, held.pixels.shape[1] - height)
        shown = to_dict(Image.of(held.pixels, held.name, quality=92))
        return shown | {"id": held.id, "window": [height, width], "room": room, "start": [one // 2 for one in room]}

    def window_in(self, held: Held) -> tuple[int, int]:
        """Return height and width of what networks see of an image: 7/8 of its sides, for class scores a square.

        Label maps and values have sides that are multiples of what their network takes.
        """
        adapter, (height, width) = self.networks.first.adapter, held.pixels.shape[1:]
        if isinstance(adapter, ClassScores):
            height = width = min(height, width)
        step = adapter.sides_of if isinstance(adapter, (LabelMaps, DenseValues)) else 1
        height, width = (max(step, 7 * side // 8 // step * step) for side in (height, width))
        return min(height, held.pixels.shape[1]), min(width, held.pixels.shape[2])

    def pixels_at(self, held: Held, at: Position) -> Tensor:
        """Return what networks see at a place (left, top): pixels `(3, h, w)` in [0, 1]."""
        (height, width), (left, top) = self.window_in(held), at
        return held.pixels[:, top : top + height, left : left + width].float() / 255

    def path_in(self, held: Held, path: Any) -> list[Position]:
        """Return places that were asked for, checked: the last of them is where the window is.

        Raises:
            Refused: They are no places of the image's window.
        """
        (height, width), most = self.window_in(held), PATH[self.kind]
        room = (held.pixels.shape[2] - width, held.pixels.shape[1] - height)
        whole = isinstance(path, list) and 1 <= len(path) <= most
        if not whole or not all(isinstance(at, list) and len(at) == 2 for at in path):
            raise Refused(422, f"path={str(path)[:80]} is no list of places. Send 1 to {most}, each [left, top].")
        for at in path:
            inside = [type(one) is int and 0 <= one <= most_of for one, most_of in zip(at, room, strict=True)]
            if not all(inside):
                raise Refused(422, f"The window cannot be at {str(at)[:80]}. Use 0 to {room[0]} and 0 to {room[1]}.")
        return [(left, top) for left, top in path]

    # ---- answers ---------------------------------------------------------------------------------------------------

    def answer(self, held: Held, path: Sequence[Position], choice: Choice) -> dict[str, Any]:
        """Return what the networks of a choice say at the last place of a path, and along it as far as it is known.

        Args:
            held: The image.
            path: Places of the window; only the last is computed, the others are those that were asked for before.
            choice: What the switches say; where that cannot be done, the network is shown as it is, with the reason.
        """
        shown, refused = self._shown(choice)
        took = {network.name: self._compute(held, network, path[-1]) for network in shown}
        known = len(path)
        for at in reversed(path):  # what is forgotten cuts the path
            if any(self._answers.get((held.id, network.name, at)) is None for network in shown):
                break
            known -= 1
        path = list(path[known:]) or [path[-1]]
        return {
            "path": path,
            "kind": self.kind,
            "refused": refused,
            "networks": [self._said(held, network, path) | {"ms": took[network.name]} for network in shown],
        }

    def _shown(self, choice: Choice) -> tuple[tuple[Network, ...], str]:
        try:
            return self.networks.shown(choice), ""
        except ValueError as error:
            return (self.networks.first,), str(error)

    def _compute(self, held: Held, network: Network, at: Position) -> float:
        key, started = (held.id, network.name, at), time.perf_counter()
        if self._answers.get(key) is None:
            self._answers.put(key, answer_to(network.adapter, self.pixels_at(held, at), self.same.score))
        return round(1000 * (time.perf_counter() - started), 1)

    def _said(self, held: Held, network: Network, path: Sequence[Position]) -> dict[str, Any]:
        answers = [self._answers.get((held.id, network.name, at)) for at in path]
        answers = [one for one in answers if one is not None]
        size, classes = self.window_in(held), self.networks.classes
        runs = runs_of(model) if isinstance(model := network.adapter.model, nn.Module) else 1.0
        said: dict[str, Any] = {
            "network": network.name,
            "cost": network.cost * runs,
            "macs": round(network.macs * runs),
            "filters": network.predicts_filters,
            "change": None,
            "moved": 0,
        }
        if len(path) > 1 and len(answers) == len(path):
            (x, y), (left, top) = path[-2], path[-1]
            said["moved"] = max(abs(left - x), abs(top - y))
            said["change"] = change_of(network.adapter, answers[-2], answers[-1], (top - y, left - x), size, self.same)
        now = answers[-1]
        if self.kind == "classes":
            said["trace"] = to_dict(Trace.of(network.name, torch.stack(answers), classes))
        elif self.kind == "objects":
            said["trace"] = to_dict(
                instance_trace(network.name, answers, path, size, class_names=classes, same=self.same)
            )
        elif self.kind == "labels":
            counts = now.long().flatten().bincount()
            said["map"] = label_image(now, f"classes of {network.name}").data
            said["legend"] = [
                [*legend_entry(label, classes), float(counts[label]) / now.numel()]
                for label in counts.argsort(descending=True)[:8].tolist()
                if counts[label]
            ]
        else:
            low, high = (float(edge) for edge in now[0].aminmax())
            said["map"] = ramped_image((now[0] - low) / ((high - low) or 1), f"values of {network.name}").data
            said["range"] = [low, high]
        return said

    def filters(self, held: Held, at: Position, choice: Choice) -> dict[str, Any]:
        """Return the section of the page with the filters that the networks of a choice predict, empty if none does.

        Args:
            held: The image.
            at: Where the window is.
            choice: What the switches say.
        """
        window = (self.pixels_at(held, at) * 255).round().byte()
        maps: list[FilterMaps] = []
        for network in self._shown(choice)[0]:
            model, adapter = network.adapter.model, network.adapter
            if network.predicts_filters and isinstance(model, nn.Module) and not isinstance(adapter, Instances):
                maps += filter_maps(network.name, model, {held.name: window}, normalize=adapter.normalize)
        if not maps:
            return {"html": "", "data": []}
        report = Report(title="", filters=tuple(maps))
        return {"html": section("filters", report), "data": json.loads(page_json(report))["filters"]}

    def state(self) -> dict[str, Any]:
        """Return what the page knows from the start."""
        networks = self.networks
        return {
            "kind": self.kind,
            "images": [self.thumbnail(one) for one in self.images.values()],
            "filters": networks.filters,
            "phases": [[offer.name, offer.cost] for offer in networks.offers],
            "refused": networks.refused,
            "start": {"filter": networks.start.filter, "phases": networks.start.phases},
            "most": PATH[self.kind],
            "least": self.same.score,
            "upload": self.limits.upload,
            "first": AS_IT_IS,
        }


@torch.no_grad()
def answer_to(adapter: Adapter, window: Tensor, least: float) -> Any:
    """Return what a network answers to a window, as small as what is shown of it needs.

    Probabilities `(K,)`, classes `(h, w)`, values `(C, h, w)`, or the surest objects, with masks as `bool`.

    Args:
        adapter: The network.
        window: Pixels `(3, h, w)` in [0, 1].
        least: Objects of less than a fifth of it are left out.
    """
    if isinstance(adapter, Instances):
        found = adapter(window[None])[0]
        order = found["scores"].argsort(descending=True)[:_OBJECTS]
        order = order[found["scores"][order] >= least / 5]
        kept = {name: found[name][order].cpu() for name in ("boxes", "labels", "scores") if name in found}
        return kept | ({"masks": (found["masks"][order] > 0.5).cpu()} if "masks" in found else {})
    answer = adapter(window[None])[0].cpu()
    if isinstance(adapter, ClassScores):
        return answer.float().softmax(0)
    return answer.short() if isinstance(adapter, LabelMaps) else answer.float()


def change_of(
    adapter: Adapter, first: Any, second: Any, moved: Position, size: tuple[int, int], same: SameInstance
) -> float | None:
    """Return how much of an answer is another one after a move, `None` where the windows share too little to say.

    Of dense values it is the mean absolute change of what both windows show, in standard deviations of the first's.

    Args:
        adapter: Of which kind the answers are.
        first: The answer before the move.
        second: The answer after it.
        moved: Rows and columns.
        size: Height and width of the window.
        same: When two objects are one.
    """
    if any(abs(by) >= side for by, side in zip(moved, size, strict=True)):
        return None
    if isinstance(adapter, DenseValues):
        overlap = [side - abs(by) for by, side in zip(moved, size, strict=True)]
        before = adapter.within(first, [max(by, 0) for by in moved], overlap)
        after = adapter.within(second, [max(-by, 0) for by in moved], overlap)
        return float((before - after).abs().mean() / (first.std(correction=0) or 1))
    share = changed(adapter, first, second, moved, size, same)
    return share if share == share else None


def bytes_of(answer: Any) -> int:
    """Return how many bytes an answer takes."""
    tensors = answer.values() if isinstance(answer, Mapping) else (answer,)
    return 512 + sum(one.numel() * one.element_size() for one in tensors)
