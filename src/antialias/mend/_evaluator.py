"""Measure remedies on parts of the images, each image once, and keep what was measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics import (
    Instances,
    Measurement,
    Score,
    difference,
    evaluating,
)
from antialias.results import plain
from antialias.surgery.edits import runs_of

from ._answers import answers_of
from ._config import MendConfig
from ._folder import Folder
from ._remedy import Remedy
from ._split import Part

AS_IT_IS = Remedy(name="as it is")
_TIMED, _ROUNDS = 8, 3


class Progress:
    """Work done and left, in single forward passes of the network as given.

    How much a stage takes is estimated before it begins and corrected when it is known.

    Args:
        callback: Called with (done, total) after each piece of work.
    """

    def __init__(self, callback: Callable[[int, int], None] | None) -> None:
        self._callback, self._done = callback, 0.0
        self._left: dict[str, float] = {}

    def expect(self, **stages: float) -> None:
        """Say how much work is left in stages."""
        self._left.update(stages)

    def did(self, stage: str, work: float) -> None:
        """Say what was done of a stage."""
        self._done += work
        self._left[stage] = max(0.0, self._left.get(stage, 0.0) - work)
        if self._callback is not None:
            self._callback(round(self._done), round(self._done + sum(self._left.values())))

    def part(self, stage: str, work: float) -> Callable[[int, int], None]:
        """Return a function to call with (done, total) of a piece of a stage's work, whatever it counts."""
        before = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal before
            self.did(stage, work * done / total - before)
            before = work * done / total

        return tell

    def finish(self) -> None:
        """Say that nothing is left."""
        self._left.clear()
        self.did("", 0)


class Evaluator:
    """The images in parts, the network as given, and every measurement so far.

    Args:
        model: The network as given.
        parts: Some of the images by the name of the part.
        config: Which windows.
        seed: Chooses them.
        folder: Keeps what was measured.
        progress: Is told of the work.

    Attributes:
        answers: What there is to measure of the network.
        example: What the network takes: the input for one window.
        views: Windows shown so far, each to one network, of all images.
    """

    def __init__(
        self,
        model: nn.Module,
        parts: dict[str, Part],
        config: MendConfig,
        seed: int,
        folder: Folder,
        progress: Progress,
    ) -> None:
        self.model, self.parts, self.config, self.seed = model, parts, config, seed
        self.folder, self.progress = folder, progress
        shown = self._windows(next(iter(parts.values())), 1)
        self.answers = answers_of(model, shown, config, seed)
        self.example = self.inputs(next(iter(parts.values())), 1)
        self.views = 0
        self._measured: dict[tuple[str, str], dict[str, Measurement]] = {}
        self._judges: dict[str, list[Any]] = {}

    def inputs(self, part: Part, count: int) -> Any:
        """Return the network's input for the central windows of some images of one size."""
        adapter = self.answers.adapter(self.model, normalize=self.answers.normalize)
        inputs = adapter.inputs(self._windows(part, count))
        return list(inputs) if isinstance(adapter, Instances) else inputs

    def _windows(self, part: Part, count: int) -> Tensor:
        pixels = [image for image, _ in part.images[:count] if image.shape == part.images[0][0].shape]
        side = min(pixels[0].shape[-2:])
        window = self.config.window or min(7 * side // 8, side - self.config.distance)
        y, x = ((size - window) // 2 for size in pixels[0].shape[-2:])
        return torch.stack(pixels)[..., y : y + window, x : x + window]

    def views_of(self, part: str, passes: int) -> int:
        """Return how many windows measuring a part takes."""
        return len(self.parts[part]) * self.answers.views(passes)

    def measure(self, remedy: Remedy, part: str) -> dict[str, Measurement]:
        """Measure a remedy on a part of the images, or say again what was measured; consistency only to report."""
        if (key := (remedy.name, part)) in self._measured:
            return self._measured[key]
        passes = self.config.passes if part == "report" else 0
        views = self.views_of(part, passes)
        if (stored := f"{part}: {remedy.name}") not in self.folder:
            network, judge = remedy.on_copy(self.model, self.example), self.judge(part)
            measured = self.answers.measure(network, self.parts[part], judge, passes, self._first(part))
            if remedy.shifts is not None:
                self.folder[f"{stored}: cost"] = runs_of(network) + remedy.aligning
            self.folder[stored] = plain({name: one.to_dict() for name, one in measured.items()})
        # Read back even what is new, so that an interruption changes nothing.
        measured = {name: Measurement.from_dict(one) for name, one in self.folder[stored].items()}
        self.progress.did(part, views * remedy.cost)
        self.views += views * remedy.copies
        self._measured[key] = measured
        return measured

    def cost(self, remedy: Remedy, part: str) -> float:
        """Return the multiply-adds that a remedy took on a part, relative to the network as given."""
        if (stored := f"{part}: {remedy.name}: cost") not in self.folder:
            return remedy.cost
        return self.folder[stored]

    def _first(self, part: str) -> int:
        """Return the number of a part's first image: those that choose are counted through."""
        before = {"choose again": ["choose"], "confirm": ["choose", "choose again"]}.get(part, [])
        return sum(len(self.parts[one]) for one in before)

    def judge(self, part: str) -> list[Any]:
        """Return what the network as given answers to each image on average over shifts."""
        if part not in self._judges:
            stored, images = f"{part}: judge", self.parts[part]
            if stored in self.folder:
                answers = self.folder[stored]
            else:
                answers = self.answers.judge(self.model, images, self._first(part))
                if self.answers.learns:  # classes; maps and instances are answered again rather than kept as text
                    self.folder[stored] = answers
            self.progress.did(part, len(images) * self.config.shifts)
            self.views += len(images) * self.config.shifts
            self._judges[part] = answers
        return self._judges[part]

    def rows(self, remedy: Remedy, parts: Sequence[str]) -> dict[str, Measurement]:
        """Return what was measured of a remedy on some parts together, a row a source.

        A classifier's agreement is that of the central window; `window_agreement`, by which is chosen, is the mean over
        the windows of the flips and the central one, and so less a matter of chance.
        """
        measured = [self.measure(remedy, part) for part in parts]
        rows = {name: Measurement.join([one[name] for one in measured]) for name in measured[0]}
        if "answers" in rows:
            answers, of_windows = rows.pop("answers"), rows.pop("window_answers")
            as_it_is = torch.cat([self.measure(AS_IT_IS, part)["answers"].rows for part in parts])
            judge = torch.tensor([answer for part in parts for answer in self.judge(part)])
            averaged = "with the original averaged over shifts"
            compared = {
                "agreement": (answers, judge, averaged),
                "window_agreement": (of_windows, judge, averaged),
                "agreement_with_original": (answers, as_it_is, "with the original"),
            }
            for name, (ours, theirs, words) in compared.items():
                same = (ours.rows.view(len(theirs), -1) == theirs[:, None]).float().mean(1)
                rows[name] = replace(ours, name="agreement", rows=same, protocol={**ours.protocol, "in_words": words})
        whole = self.parts[parts[0]]
        for part in parts[1:]:
            whole = whole + self.parts[part]
        unit = {} if len(set(whole.sources)) == len(whole) else {"unit": "source"}
        return {
            name: replace(one, rows=whole.by_source(one.rows), protocol={**one.protocol, **unit})
            for name, one in rows.items()
        }

    def value(self, remedy: Remedy, parts: Sequence[str], name: str = "flips") -> float:
        """Return a score without its interval."""
        return self.rows(remedy, parts)[name].value()

    def scores(self, remedy: Remedy, parts: Sequence[str]) -> dict[str, Score]:
        """Return every score of a remedy on some parts together, with intervals over sources."""
        return {name: one.score() for name, one in self.rows(remedy, parts).items()}

    def change(self, remedy: Remedy, parts: Sequence[str], name: str = "flips") -> Score:
        """Return the paired difference in a score from the network as it is."""
        return difference(*(self.rows(one, parts)[name].score() for one in (remedy, AS_IT_IS)))

    def time(self, remedy: Remedy) -> float:
        """Return the time of a forward pass over that of the network as given: medians of rounds in turns."""
        stored = f"time: {remedy.name}"
        if stored not in self.folder:
            x, seconds = self.inputs(self.parts["report"], _TIMED), ([], [])
            network = remedy.on_copy(self.model, self.example)
            with evaluating(self.model), torch.no_grad():
                for _ in range(_ROUNDS):
                    for each, taken in zip((self.model, network), seconds, strict=True):
                        start = time.perf_counter()
                        each(x)
                        if x[0].is_cuda:
                            torch.cuda.synchronize()
                        taken.append(time.perf_counter() - start)
            self.folder[stored] = median(seconds[1]) / median(seconds[0])
        return self.folder[stored]
