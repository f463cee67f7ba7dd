"""Students: copies of the network that are fitted to its own mean maps, or learn its shift-averaged answers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from antialias.metrics import ClassScores
from antialias.nn import Adaptive, Filter, Fixed
from antialias.retrofit import (
    Batches,
    RetrofitConfig,
    fit_batches_,
    match_statistics_,
    narrowing_layers,
    retrofit_,
    stack_images,
    start_filters_,
)
from antialias.surgery import convert_

from ._config import MendConfig
from ._evaluator import Evaluator
from ._remedy import Remedy, macs_of
from ._split import Part

FEWEST = 64
_SHOWN = 128
_FILTERS = (Adaptive(), Adaptive(predictor="separable"), Adaptive(predictor="bottleneck"), Fixed())
_BACKWARD = 3
"""Forward passes that a forward and a backward pass take the time of."""


@dataclass(frozen=True)
class Student:
    """A copy of the network that learns.

    Attributes:
        name: Of the remedy that comes of it.
        filter: What it learns with.
        steps: Updates; without any its filters are started and its statistics corrected.
        cost: Multiply-adds relative to the network as given.
        fitted: How far it goes towards weights that are fitted in closed form, as a share; it learns nothing else.
    """

    name: str
    filter: Filter | None
    steps: int
    cost: float
    fitted: float = 0.0


def students_of(
    model: nn.Module, example: Tensor, steps: int, budget: float, shares: Sequence[float] = ()
) -> tuple[list[Student], dict[str, str]]:
    """Return the students whose cost is within the budget, and why others are left out, by name.

    Of the adaptive filters the first that fits is taken.

    Args:
        model: The network as given.
        example: What it takes.
        steps: Updates of those that learn.
        budget: The most multiply-adds, relative to the network's.
        shares: How far students go that are fitted in closed form.
    """
    left_out, macs = dict[str, str](), macs_of(model, example)
    students = [Student("learnt without filters", None, steps, 1.0)] if steps else []
    if shares and not narrowing_layers(model):
        left_out["fitted to mean maps"] = "no pointwise convolution narrows a map"
        shares = ()
    for share in shares:
        half = "" if share == 1 else f", {share:.0%} of the way"
        students.append(Student(f"fitted to mean maps{half}", None, 0, 1.0, fitted=share))
    for filter in _FILTERS:
        name = f"{type(filter).__name__.lower()} filters"
        if any(student.name == name for student in students):
            continue
        try:
            conversion = convert_(copy.deepcopy(model), filter, example=example)
        except ValueError as error:
            left_out[name] = str(error)
            continue
        cost = 1 + sum(site.macs for site in conversion.changed) / macs
        if cost > budget:
            left_out[name] = f"cost {cost:.2f} times the multiply-adds"
            continue
        left_out.pop(name, None)
        students.append(Student(name, filter, 0, cost))
        if steps:
            students.append(Student(f"{name}, learnt", filter, steps, cost))
    return students, left_out


def work_of(student: Student, config: RetrofitConfig) -> float:
    """Return what a student's steps take, in forward passes of the network as given."""
    if student.fitted:
        return 0.0
    return _BACKWARD * config.batch_size * student.steps * student.cost


def fit_work(config: MendConfig, images: Part) -> int:
    """Return what the fit of all shares takes, in forward passes of the network as given."""
    return 2 * config.fit.views * min(config.fit.fit_images, len(images))


def learn(student: Student, evaluator: Evaluator, images: Part, margin: float) -> Remedy | str:
    """Let a student learn, or say again what it learnt.

    Args:
        student: Who learns.
        evaluator: Holds the network, the choices and the folder.
        images: To learn from; a quarter of them chooses the state that is kept.
        margin: How much agreement may fall on that quarter.

    Returns:
        The remedy, or why there is none.
    """
    folder, config = evaluator.folder, evaluator.config
    if student.fitted:
        return _fitted(student, evaluator, images)
    if (key := f"learnt: {student.name}") not in folder:
        network, verdict = copy.deepcopy(evaluator.model), ""
        if student.filter is not None:
            with torch.random.fork_rng():
                torch.manual_seed(evaluator.seed)
                convert_(network, student.filter, example=evaluator.example)
            if not student.steps or isinstance(student.filter, Fixed):
                _start_(network, evaluator, images)
        if student.steps:
            train, held_out = (stack_images(part.images) for part in images.split((0.75, 0.25), evaluator.seed))
            how = replace(
                config.retrofit,
                steps=student.steps,
                seed=evaluator.seed,
                margin=max(margin, 1 / len(held_out)),
                window=config.window,
            )
            result = retrofit_(
                network,
                train,
                held_out=held_out,
                original=copy.deepcopy(evaluator.model),
                config=how,
                checkpoint=folder.file(student.name, ".retrofit"),
                progress=evaluator.progress.part("learn", work_of(student, how)),
            )
            verdict = "" if result.changed else result.verdict
        folder.keep_weights(student.name, network.state_dict())
        folder[key] = verdict
    else:
        evaluator.progress.did("learn", work_of(student, config.retrofit))
    if folder[key]:
        return folder[key]
    return Remedy(name=student.name, cost=student.cost, filter=student.filter, weights=folder.weights(student.name))


@torch.no_grad()
def _fitted(student: Student, evaluator: Evaluator, images: Part) -> Remedy:
    """Fit a copy in closed form once for all shares, and go part of the way there."""
    folder, name = evaluator.folder, "fitted to mean maps"
    if (key := f"learnt: {name}") not in folder:
        network, original = (copy.deepcopy(evaluator.model).eval() for _ in range(2))
        fit, window = evaluator.config.fit, evaluator.config.window
        how = replace(fit, seed=evaluator.seed, window=window, fit_images=min(fit.fit_images, len(images)))
        batches = Batches(stack_images(images.images), torch.empty(0), how)
        told = evaluator.progress.part("fit", fit_work(evaluator.config, images))
        fit_batches_(network, original, batches, ClassScores(evaluator.model).inputs, told)
        folder.keep_weights(name, network.state_dict())
        folder[key] = ""
    ends, starts = folder.weights(name), evaluator.model.state_dict()
    weights = {
        key: torch.lerp(starts[key], end.to(starts[key]), student.fitted) if end.is_floating_point() else end
        for key, end in ends.items()
    }
    return Remedy(name=student.name, weights=weights)


@torch.no_grad()
def _start_(network: nn.Module, evaluator: Evaluator, images: Part) -> None:
    """Start the filters of a copy, and correct the statistics behind them."""
    shown = evaluator.inputs(images, _SHOWN)
    start_filters_(network.eval(), evaluator.config.retrofit.strength, lambda: network(shown))
    match_statistics_(network, copy.deepcopy(evaluator.model).eval(), lambda which: which(shown))


def why_nobody_learns(images: Part) -> str:
    """Return why no student can learn from these images, empty if one can."""
    if len(shapes := {tuple(pixels.shape) for pixels, _ in images.images}) > 1:
        return f"images have {len(shapes)} sizes; resize them to one"
    train = len(images) - len(images) // 4
    if train < FEWEST:
        return f"{train} images to learn from, {FEWEST} are needed: pass {-(-FEWEST * 8 // 3)} or more"
    return ""
