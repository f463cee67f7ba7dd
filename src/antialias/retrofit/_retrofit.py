"""Teach a converted network the original's shift-averaged answers, without labels."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from antialias.metrics import Images, shift_averaged_answers, windows
from antialias.surgery import unconverted_copy

from ._checkpoint import Checkpoint
from ._lessons import Lessons, check_enough, digest, digest_of, gather, hold_out
from ._recipe import Recipe
from ._result import Moment, Retrofit
from ._run import Exam, Progress, Run
from ._start import match_statistics_, start_filters_
from ._student import Student, full_precision_copy

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
    pictures = _pictures(images, held_out, recipe)
    teacher = full_precision_copy(unconverted_copy(model) if original is None else original).eval()
    file = Checkpoint(None if checkpoint is None else Path(checkpoint), _made_from(model, teacher, pictures, recipe))
    state = file.read(next(model.parameters()).device)
    prepared = _prepared(model, teacher, pictures, recipe) if state is None else _Prepared(*state["prepared"])
    run = _run(model, pictures, prepared, recipe)
    if state is None:
        _start_(run.student, teacher, pictures.learn, recipe)
    else:
        run.load_state_dict(state)
    run.learn(lambda made: file.write({**made, "prepared": tuple(prepared)}), progress)
    return run.finish()


class _Pictures(NamedTuple):
    learn: Tensor
    held_out: Tensor


class _Prepared(NamedTuple):
    """What is computed once: the original's shift-averaged answers `(N, K)`, and the first moment as plain numbers."""

    answers: Tensor
    held_out_answers: Tensor
    start: tuple[int, float, float, float, float]


def _pictures(images: Images, held_out: Images | None, recipe: Recipe) -> _Pictures:
    learn = gather(images)
    chosen = hold_out(learn, recipe.seed) if held_out is None else (learn, gather(held_out, "held_out"))
    check_enough(*chosen, recipe.margin)
    return _Pictures(*chosen)


def _prepared(model: nn.Module, teacher: nn.Module, pictures: _Pictures, recipe: Recipe) -> _Prepared:
    answers, held_out_answers = (
        shift_averaged_answers(teacher, some, shifts=recipe.shifts, window=recipe.window, seed=recipe.seed)
        for some in pictures
    )
    start = Exam(pictures.held_out, held_out_answers, recipe).moment(model, 0)
    return _Prepared(answers, held_out_answers, tuple(start))


def _run(model: nn.Module, pictures: _Pictures, prepared: _Prepared, recipe: Recipe) -> Run:
    return Run(
        model,
        Student(model, recipe),
        Lessons(pictures.learn, prepared.answers.cpu(), recipe),
        Exam(pictures.held_out, prepared.held_out_answers.cpu(), recipe),
        Moment(*prepared.start),
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
