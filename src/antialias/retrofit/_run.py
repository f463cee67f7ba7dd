"""The course of a retrofit: steps, measurements, and which state is kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics import agreement, consistency

from ._blend import State, blended
from ._lessons import Lessons
from ._recipe import Recipe
from ._result import Moment, Retrofit, Scores, choose
from ._student import Student

Progress = Callable[[int, int], None]
_LOWER = "use a lower learning_rate or filter_rate"


@dataclass(frozen=True)
class Exam:
    """The held-out pictures and the original's answers to them."""

    pictures: Tensor
    answers: Tensor
    recipe: Recipe

    def moment(self, network: nn.Module, step: int, loss: float = math.nan, share: float = 1.0) -> Moment:
        """Measure a network by what states are chosen by."""
        window, seed = self.recipe.window, self.recipe.seed
        same = consistency(network, self.pictures, passes=self.recipe.passes, window=window, seed=seed)
        kept = agreement(network, self.answers, self.pictures, window=window)
        return Moment(step, loss, same.value, kept.value, share)

    def scores(self, network: nn.Module) -> Scores:
        """Measure a network by everything that is reported."""
        return Scores.of(network, self.pictures, self.answers, self.recipe)


@dataclass
class Run:
    """A network that learns, and what has been found on the way; `model` is written to by `finish` alone."""

    model: nn.Module
    student: Student
    lessons: Lessons
    exam: Exam
    start: Moment
    history: list[Moment] = field(default_factory=list)
    best: State = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    step: int = 0
    stopped: str = ""

    @property
    def recipe(self) -> Recipe:
        """Every choice."""
        return self.lessons.recipe

    @property
    def chosen(self) -> Moment | None:
        """The moment that would be kept now."""
        return choose(self.start, tuple(self.history), self.recipe.margin)

    def learn(self, save: Callable[[dict[str, Any]], None], progress: Progress | None) -> None:
        """Take the steps that are left, measuring and saving on the way, and then look back along the way."""
        if not self.history:
            self._measure(save)
        while self.step < self.recipe.steps and not self.stopped:
            self._take_step()
            if progress is not None:
                progress(self.step, self.recipe.steps)
            if self._is_due():
                self._measure(save)
        if not self.stopped:
            self._look_back()

    def _take_step(self) -> None:
        loss = self.student.learn(self.step, *self.lessons.batch(self.step))
        if math.isfinite(loss):
            self.losses.append(loss)
            self.step += 1
        else:
            self.stopped = f"the loss was {loss} at step {self.step + 1}; {_LOWER}"

    def _is_due(self) -> bool:
        last = self.step == self.recipe.steps
        return not self.stopped and (last or self.step % self.recipe.evaluate_every == 0)

    def _measure(self, save: Callable[[dict[str, Any]], None]) -> None:
        average = self.student.average
        if not all(bool(value.isfinite().all()) for value in average.state_dict().values()):
            self.stopped = f"the weights were not finite at step {self.step}; {_LOWER}"
            return
        loss = sum(self.losses) / len(self.losses) if self.losses else math.nan
        self.losses.clear()
        self._note(self.exam.moment(average, self.step, loss), average.state_dict())
        save(self.state_dict())

    def _look_back(self) -> None:
        """Measure states between the start and the last average."""
        end = self.student.average.state_dict()
        start = {name: value.to(end[name].dtype) for name, value in self.model.state_dict().items()}
        network = copy.deepcopy(self.student.average)
        for share in self.recipe.shares:
            state = blended(network, start, end, share)
            network.load_state_dict(state)
            self._note(self.exam.moment(network, self.step, share=share), state)

    def _note(self, moment: Moment, state: State) -> None:
        self.history.append(moment)
        if self.chosen is moment:
            self.best = {name: value.clone() for name, value in state.items()}

    def finish(self) -> Retrofit:
        """Write the chosen state into the model, if there is one, and say what was done."""
        before = after = self.exam.scores(self.model)
        if self.chosen is not None:
            _write_back_(self.model, self.best)
            after = self.exam.scores(self.model)
        return Retrofit(
            recipe=self.recipe,
            start=self.start,
            history=tuple(self.history),
            chosen=self.chosen,
            before=before,
            after=after,
            images=len(self.lessons.pictures),
            stopped=self.stopped,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything that `load_state_dict` needs, as tensors and plain values."""
        return {
            "student": self.student.state_dict(),
            "history": [tuple(moment) for moment in self.history],
            "best": self.best,
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.student.load_state_dict(state["student"])
        self.history = [Moment(*values) for values in state["history"]]
        self.best, self.step = state["best"], state["step"]


@torch.no_grad()
def _write_back_(model: nn.Module, state: dict[str, Tensor]) -> None:
    own = model.state_dict(keep_vars=True)
    for name, value in state.items():
        own[name].copy_(value)
