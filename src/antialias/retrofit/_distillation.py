"""The course of a retrofit: steps, validations, and which state is kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics import agreement, consistency, measure_classifier

from ._batches import Batches
from ._config import RetrofitConfig
from ._interpolation import State, interpolate
from ._result import Retrofit, Scores, ValidationStep, choose
from ._student import Student
from ._work import Work

_LOWER = "use a lower learning_rate or filter_rate"


@dataclass(frozen=True)
class Validation:
    """The held-out images `(N, C, H, W)`, and the teacher's shift-averaged probabilities `(N, K)` for them."""

    images: Tensor
    targets: Tensor
    config: RetrofitConfig
    work: Work

    def measure(self, network: nn.Module, step: int, loss: float = math.nan, share: float = 1.0) -> ValidationStep:
        """Measure a network by what states are chosen by.

        Args:
            network: The network.
            step: Updates so far.
            loss: Mean loss since the measurement before.
            share: How far the network's state lies on the way from the start to the end.
        """
        passes, window, seed = self.config.passes, self.config.window, self.config.seed
        views = {"passes": passes, "window": window, "seed": seed}
        with self.work.part(self.work.measurement / (1 + 2 * passes)) as progress:
            kept = agreement(network, self.targets, self.images, window=window, progress=progress)
        with self.work.part(self.work.measurement * 2 * passes / (1 + 2 * passes)) as progress:
            if self.config.choose_by == "flips":
                measured = measure_classifier(network, self.images, **views, progress=progress)
                steady, flips = measured["consistency"].value(), measured["flips"].value()
                return ValidationStep(step, loss, steady, kept.value, share, flips)
            steady = consistency(network, self.images, **views, progress=progress).value
            return ValidationStep(step, loss, steady, kept.value, share)

    def scores(self, network: nn.Module) -> Scores:
        """Measure a network by everything that is reported."""
        with self.work.part(self.work.measurement):
            return Scores.of(network, self.images, self.targets, self.config)


@dataclass
class Distillation:
    """A student that learns, and the best state so far; `model` is written to by `finish` alone.

    Attributes:
        model: The network as it was handed in.
        student: Its copy that learns.
        batches: What it learns.
        validation: What states are chosen by.
        start: Measurement of the network as it was handed in.
        history: Measurements of all states that could be kept.
        best: The best of these states.
        losses: Of the steps since the last measurement.
        step: Updates so far.
        stopped: Why it stopped early, empty if it did not.
    """

    model: nn.Module
    student: Student
    batches: Batches
    validation: Validation
    start: ValidationStep
    history: list[ValidationStep] = field(default_factory=list)
    best: State = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    step: int = 0
    stopped: str = ""

    @property
    def config(self) -> RetrofitConfig:
        """Every choice."""
        return self.batches.config

    @property
    def chosen(self) -> ValidationStep | None:
        """The step that would be kept now."""
        return choose(self.start, tuple(self.history), self.config.margin)

    def learn(self, save: Callable[[dict[str, Any]], None]) -> None:
        """Take the steps that are left, measuring and saving on the way, and then look back along the way."""
        if not self.history:
            self._validate(save)
        while self.step < self.config.steps and not self.stopped:
            with self.validation.work.part(self.validation.work.step):
                loss = self.student.learn(self.step, *self.batches.batch(self.step))
            if math.isfinite(loss):
                self.losses.append(loss)
                self.step += 1
            else:
                self.stopped = f"the loss was {loss} at step {self.step + 1}; {_LOWER}"
            due = self.step == self.config.steps or self.step % self.config.evaluate_every == 0
            if due and not self.stopped:
                self._validate(save)
        if not self.stopped:
            self._look_back()

    def _validate(self, save: Callable[[dict[str, Any]], None]) -> None:
        average = self.student.average
        if not all(bool(value.isfinite().all()) for value in average.state_dict().values()):
            self.stopped = f"the weights were not finite at step {self.step}; {_LOWER}"
            return
        loss = sum(self.losses) / len(self.losses) if self.losses else math.nan
        self.losses.clear()
        self._add(self.validation.measure(average, self.step, loss), average.state_dict())
        save(self.state_dict())

    def _look_back(self) -> None:
        """Measure states between the start and the last average."""
        end = self.student.average.state_dict()
        start = {name: value.to(end[name].dtype) for name, value in self.model.state_dict().items()}
        network = copy.deepcopy(self.student.average)
        for share in self.config.shares:
            state = interpolate(network, start, end, share)
            network.load_state_dict(state)
            self._add(self.validation.measure(network, self.step, share=share), state)

    def _add(self, step: ValidationStep, state: State) -> None:
        self.history.append(step)
        if self.chosen is step:
            self.best = {name: value.clone() for name, value in state.items()}

    @torch.no_grad()
    def finish(self) -> Retrofit:
        """Write the chosen state into the model, if there is one, and say what was done."""
        before = after = self.validation.scores(self.model)
        if self.chosen is not None:
            own = self.model.state_dict(keep_vars=True)
            for name, value in self.best.items():
                own[name].copy_(value)
            after = self.validation.scores(self.model)
        self.validation.work.finish()
        return Retrofit(
            config=self.config,
            start=self.start,
            history=tuple(self.history),
            chosen=self.chosen,
            before=before,
            after=after,
            images=len(self.batches.images),
            stopped=self.stopped,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return everything that `load_state_dict` needs, as tensors and plain values."""
        return {
            "student": self.student.state_dict(),
            "history": [tuple(step) for step in self.history],
            "best": self.best,
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.student.load_state_dict(state["student"])
        self.history = [ValidationStep(*values) for values in state["history"]]
        self.best, self.step = state["best"], state["step"]
