"""Teach a converted network the original's shift-averaged answers, without labels."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from pathlib import Path

from torch import Tensor, nn

from antialias.metrics import ClassScores, Images, shift_averaged_answers, windows
from antialias.surgery import unconverted_copy

from ._batches import Batches, check_enough, digest, digest_of, hold_out, stack_images
from ._checkpoint import Checkpoint
from ._config import RetrofitConfig
from ._distillation import Distillation, Validation
from ._least_squares import fit_batches_
from ._result import Retrofit, ValidationStep
from ._start import match_statistics_, start_filters_
from ._student import Student, full_precision_copy
from ._work import Progress, Work

_SHOWN = 128


def retrofit_(
    model: nn.Module,
    images: Images,
    *,
    held_out: Images | None = None,
    original: nn.Module | None = None,
    config: RetrofitConfig | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress | None = None,
    recipe: RetrofitConfig | None = None,
) -> Retrofit:
    """Make a classifier's answers steadier under shifts, in place and without labels.

    The network as it was before its conversion answers each image at several small shifts; the mean of these answers is
    what the converted network learns to give at each of them (`config.radius` teaches local means instead). The filters
    start a little towards the blur, the statistics behind them are corrected, then everything learns at a low rate. The
    state that is kept is the most consistent one on the held-out images among those that keep the original's answers
    within `config.margin`; where there is none, the network is left as it was, and the result says so. A network
    without filters is taken too: that is the control.

    Args:
        model: Classifier with logits `(N, K)`, converted or not. It is changed only at the very end: an interruption or
            an error leaves it as it was. Types, devices, `requires_grad`, gradients and training modes are kept.
        images: To learn from, `(N, C, H, W)` floats in [0, 1], or a loader of them; labels are ignored.
        held_out: Images to choose by, of other scenes than `images`; a quarter of `images` if `None`.
        original: Whose answers are taught; the unconverted form of `model` if `None`.
        config: Every choice; `RetrofitConfig()` if `None`.
        checkpoint: File that holds the state of the run, written at each measurement. If it is there, the run goes on
            from it, and ends with the same weights as one that was never stopped.
        progress: Called with (work done, work in all), in forward passes of one image: asking the original, learning
            and measuring.
        recipe: The former name of `config`.

    Raises:
        OSError: Another process writes to `checkpoint`, or it cannot be written to.
        ValueError: There are too few images, they do not fit, nothing would learn, or `checkpoint` is torn or belongs
            to another run.

    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2, for the loss; the
        shift-averaged teacher is this library's.
    """
    if recipe is not None:
        warnings.warn("recipe= is config= now. Use retrofit_(..., config=...).", DeprecationWarning, stacklevel=2)
    config = config or recipe or RetrofitConfig()
    train = stack_images(images)
    train, held = hold_out(train, config.seed) if held_out is None else (train, stack_images(held_out, "held_out"))
    check_enough(train, held, config.margin)
    teacher = full_precision_copy(unconverted_copy(model) if original is None else original).eval()
    fingerprints = {
        "recipe": str(asdict(config)),
        "pictures": digest(train, held),
        "network": digest_of(model),
        "original": digest_of(teacher),
    }
    file = Checkpoint(None if checkpoint is None else Path(checkpoint), fingerprints)
    with file.alone():
        state = file.read(next(model.parameters()).device)
        work = Work(progress, config, len(train), len(held))
        if state is None:
            # Where the teacher is asked at every step, its answers to whole images would be for nothing.
            asked = ((train if config.radius is None else held[:1], work.asking), (held, work.asking_held_out))
            targets, held_out_targets = (_answers(teacher, some, config, work, amount) for some, amount in asked)
            validation = Validation(held, held_out_targets, config, work)
            start = validation.measure(model, 0)
        else:
            targets, held_out_targets, step = state["prepared"]
            validation, start = Validation(held, held_out_targets.cpu(), config, work), ValidationStep(*step)
        student = Student(model, config)
        batches = Batches(train, targets.cpu(), config, None if config.radius is None else ClassScores(teacher))
        distillation = Distillation(model, student, batches, validation, start)
        if state is None:
            with work.part(work.fit) as fitting:
                _start_(student, teacher, batches, fitting)
        else:
            distillation.load_state_dict(state)
            work.skip(distillation.step)
        prepared = (targets, held_out_targets, tuple(start))
        distillation.learn(lambda state: file.write({**state, "prepared": prepared}))
        return distillation.finish()


def _answers(teacher: nn.Module, images: Tensor, config: RetrofitConfig, work: Work, amount: int) -> Tensor:
    """Return the teacher's shift-averaged answers `(N, K)`."""
    how = {"shifts": config.shifts, "window": config.window, "seed": config.seed}
    with work.part(amount) as progress:
        return shift_averaged_answers(teacher, images, **how, progress=progress).cpu()  # pyrefly: ignore


def _start_(student: Student, teacher: nn.Module, batches: Batches, progress: Progress) -> None:
    """Start the filters, correct the statistics, fit what has a closed form, and let the average begin there."""
    network, config, device = student.network, student.config, next(student.network.parameters()).device
    shown = windows(batches.images[:_SHOWN], 1, window=config.window, seed=config.seed)[:, 0].to(device)
    started = start_filters_(network, config.strength, lambda: network(student.inputs(shown)))
    if started and config.match_statistics:
        match_statistics_(network, teacher, lambda which: which(student.inputs(shown)))
    if config.least_squares:
        fit_batches_(network, teacher, batches, student.inputs, progress)
    student.average.load_state_dict(network.state_dict())
