"""Teach a converted network the original's shift-averaged answers, without labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from antialias.metrics import agreement, consistency, shift_averaged_answers, windows
from antialias.metrics._pictures import Images
from antialias.surgery import unconverted_copy

from . import _checkpoint
from ._lessons import Lessons, check_enough, digest, digest_of, gather, hold_out
from ._recipe import Recipe
from ._result import Moment, Retrofit, Scores, choose
from ._start import match_statistics_, start_filters_
from ._student import Student, full_precision_copy

Progress = Callable[[int, int], None]
_SHOWN = 128


def retrofit_(
    model: nn.Module,
    images: Images,
    *,
    held_out: Images | None = None,
    original: nn.Module | None = None,
    recipe: Recipe | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
) -> Retrofit:
    """Make a classifier's answers steadier under shifts, in place and without labels.

    The network as it was before its conversion answers each picture at several small shifts; the mean of these answers
    is what the converted network learns to give at each of them. The filters start a little towards the blur, the
    statistics behind them are corrected, then everything learns at a low rate. The state that is kept is the most
    consistent one on the held-out pictures among those that keep the original's answers within `recipe.margin`; where
    there is none, the network is left as it was, and the result says so. A network without filters is taken too: that
    is the control.

    Args:
        model: Classifier with logits `(N, K)`, converted or not. It is changed only at the very end: an interruption or
            an error leaves it as it was. Types, devices, `requires_grad`, gradients and training modes are kept.
        images: Pictures to learn from, `(N, C, H, W)` floats in [0, 1], or a loader of them; labels are ignored.
        held_out: Pictures to choose by, of other scenes than `images`; a quarter of `images` if `None`.
        original: Whose answers are taught; the unconverted form of `model` if `None`.
        recipe: Every choice; `Recipe()` if `None`.
        checkpoint: File that holds the state of the run, written at each measurement. If it is there, the run goes on
            from it, and ends with the same weights as one that was never stopped.
        progress: Called with (steps done, steps in all).

    Raises:
        ValueError: There are too few pictures, they do not fit, nothing would learn, or `checkpoint` belongs to
            another run.

    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2, for the loss; the
        shift-averaged teacher is this library's.
    """
    recipe = recipe or Recipe()
    pictures = _Pictures.of(images, held_out, recipe)
    teacher = full_precision_copy(unconverted_copy(model) if original is None else original).eval()
    path = None if checkpoint is None else Path(checkpoint)
    run = _resumed(model, teacher, pictures, recipe, path) or _begun(model, teacher, pictures, recipe)
    run.learn(path, progress)
    return run.finish()


@dataclass(frozen=True)
class _Pictures:
    learn: Tensor
    held_out: Tensor

    @classmethod
    def of(cls, images: Images, held_out: Images | None, recipe: Recipe) -> _Pictures:
        learn = gather(images)
        chosen = hold_out(learn, recipe.seed) if held_out is None else (learn, gather(held_out, "held_out"))
        check_enough(*chosen, recipe.margin)
        return cls(*chosen)


@dataclass(frozen=True)
class _Exam:
    """The held-out pictures and the original's answers to them."""

    pictures: Tensor
    answers: Tensor
    recipe: Recipe

    def moment(self, network: nn.Module, step: int, loss: float) -> Moment:
        window, seed = self.recipe.window, self.recipe.seed
        same = consistency(network, self.pictures, passes=self.recipe.passes, window=window, seed=seed)
        kept = agreement(network, self.answers, self.pictures, window=window)
        return Moment(step, loss, same.value, kept.value)

    def scores(self, network: nn.Module) -> Scores:
        return Scores.of(network, self.pictures, self.answers, self.recipe)


@dataclass
class _Run:
    """The state of a run between its steps."""

    model: nn.Module
    student: Student
    lessons: Lessons
    exam: _Exam
    start: Moment
    made_from: dict[str, str]
    history: list[Moment] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    step: int = 0
    stopped: str = ""

    @property
    def recipe(self) -> Recipe:
        return self.lessons.recipe

    @property
    def chosen(self) -> Moment | None:
        return choose(self.start, tuple(self.history), self.recipe.margin)

    def learn(self, path: Path | None, progress: Progress | None) -> None:
        if not self.history:
            self.measure(path)
        while self.step < self.recipe.steps and not self.stopped:
            self.take_step()
            if progress is not None:
                progress(self.step, self.recipe.steps)
            if not self.stopped and (self.step % self.recipe.evaluate_every == 0 or self.step == self.recipe.steps):
                self.measure(path)

    def take_step(self) -> None:
        loss = self.student.learn(self.step, *self.lessons.batch(self.step))
        if math.isfinite(loss):
            self.losses.append(loss)
            self.step += 1
        else:
            self.stopped = f"the loss was {loss} at step {self.step + 1}; use a lower learning_rate or filter_rate"

    def measure(self, path: Path | None) -> None:
        loss = sum(self.losses) / len(self.losses) if self.losses else math.nan
        self.history.append(self.exam.moment(self.student.average, self.step, loss))
        self.losses.clear()
        if self.chosen is self.history[-1]:
            self.best = {name: value.clone() for name, value in self.student.average.state_dict().items()}
        if path is not None:
            _checkpoint.write(path, self.state_dict(), self.made_from)

    def finish(self) -> Retrofit:
        before = after = self.exam.scores(self.model)
        if self.chosen is not None:
            _write_back_(self.model, self.best)
            after = self.exam.scores(self.model)
        return Retrofit(
            recipe=self.recipe,
            history=tuple(self.history),
            start=self.start,
            chosen=None if self.chosen is None else self.chosen.step,
            before=before,
            after=after,
            images=len(self.lessons.pictures),
            stopped=self.stopped,
        )

    def state_dict(self) -> dict[str, Any]:
        return {
            "student": self.student.state_dict(),
            "answers": (self.lessons.answers, self.exam.answers),
            "start": tuple(self.start),
            "history": [tuple(moment) for moment in self.history],
            "best": self.best,
            "step": self.step,
        }


def _begun(model: nn.Module, teacher: nn.Module, pictures: _Pictures, recipe: Recipe) -> _Run:
    answers, held_answers = (
        shift_averaged_answers(teacher, some, shifts=recipe.shifts, window=recipe.window, seed=recipe.seed)
        for some in (pictures.learn, pictures.held_out)
    )
    student = Student(model, recipe)
    _start_(student, teacher, pictures.learn, recipe)
    exam = _Exam(pictures.held_out, held_answers, recipe)
    start = exam.moment(model, 0, math.nan)
    lessons = Lessons(pictures.learn, answers, recipe)
    return _Run(model, student, lessons, exam, start, _made_from(model, teacher, pictures, recipe))


def _resumed(
    model: nn.Module, teacher: nn.Module, pictures: _Pictures, recipe: Recipe, path: Path | None
) -> _Run | None:
    made_from, device = _made_from(model, teacher, pictures, recipe), next(model.parameters()).device
    state = None if path is None else _checkpoint.read(path, made_from, device)
    if state is None:
        return None
    student = Student(model, recipe)
    student.load_state_dict(state["student"])
    answers, held_answers = (some.cpu() for some in state["answers"])
    return _Run(
        model,
        student,
        Lessons(pictures.learn, answers, recipe),
        _Exam(pictures.held_out, held_answers, recipe),
        Moment(*state["start"]),
        made_from,
        [Moment(*values) for values in state["history"]],
        state["best"],
        step=state["step"],
    )


def _start_(student: Student, teacher: nn.Module, pictures: Tensor, recipe: Recipe) -> None:
    """Start the filters, correct the statistics, and let the average begin there."""
    network, device = student.network, next(student.network.parameters()).device
    shown = windows(pictures[:_SHOWN], 1, window=recipe.window, seed=recipe.seed)[:, 0].to(device)
    started = start_filters_(network, recipe.strength, lambda: network(student.standardize(shown)))
    if started and recipe.match_statistics:
        match_statistics_(network, teacher, lambda which: which(student.standardize(shown)))
    student.average.load_state_dict(network.state_dict())


def _made_from(model: nn.Module, teacher: nn.Module, pictures: _Pictures, recipe: Recipe) -> dict[str, str]:
    """Say what a run depends on, in fingerprints: its state means nothing to another run."""
    return {
        "recipe": str(asdict(recipe)),
        "pictures": digest(pictures.learn, pictures.held_out),
        "network": digest_of(model),
        "original": digest_of(teacher),
    }


@torch.no_grad()
def _write_back_(model: nn.Module, state: dict[str, Tensor]) -> None:
    own = model.state_dict(keep_vars=True)
    for name, value in state.items():
        own[name].copy_(value)
