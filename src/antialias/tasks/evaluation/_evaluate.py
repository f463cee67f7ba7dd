"""Measure a network on a test set: at once, or in parts that several processes share and that survive a crash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from antialias._conventions import ProgressCallback
from antialias._lock import alone
from antialias.metrics import Curve, ImageCount, Measurement, Score, watched
from antialias.results import EvaluationConfig

from .._process_group import all_gather, is_main_process, rank, world_size
from .._task import Task, task_named
from ._classes import open_test
from ._partial_scores import PartialScores, fingerprint


def evaluate(
    model: nn.Module, config: EvaluationConfig, *, partial: Path | None = None, progress: ProgressCallback | None = None
) -> dict[str, Score]:
    """Measure a network on the test split of a data set: accuracy beside stability, each with its interval.

    Classifiers are measured in parts of 512 images, segmenters and detectors in parts of 32, which the processes of a
    process group share. The scores are those of the whole at once, to the last bit.

    Classes are numbered as the network names them, if it does (`models.class_names`). Images without labels, or with
    other classes than the network's, give a warning and every score that needs none.

    Args:
        model: The network; its own normalisation is applied.
        config: On what; a `TrainConfig` is one, too.
        partial: Folder in which finished parts wait for the others: a later call reads what an earlier one left. It is
            removed in the end. All processes must see it.
        progress: Called with `(done, total)` images.

    Returns:
        `accuracy`, `consistency` and `top1_change` for classification, `mean_iou` and `segmentation_consistency` for
        semantic segmentation; each task has its own.

    Raises:
        ValueError: `partial` holds parts of other scores.
    """
    task = task_named(config.task)
    return evaluate_data(model, task, open_test(task, config, model), config, partial=partial, progress=progress)


def evaluate_data(
    model: nn.Module,
    task: Task,
    data: Any,
    config: EvaluationConfig,
    *,
    partial: Path | None = None,
    progress: ProgressCallback | None = None,
) -> dict[str, Score]:
    """Measure a network on data that are open; see `evaluate`.

    Args:
        model: The network.
        task: What it does.
        data: The test images, as the task opens them.
        config: Says on what they are, and how they are read.
        partial: Folder in which finished parts wait for the others.
        progress: Called with `(done, total)` images.

    Raises:
        OSError: Another process writes to `partial`, or it cannot be written to.
        ValueError: The network does not fit the data, or `partial` holds parts of other scores.
    """
    lock = partial.with_name(f"{partial.name}.lock") if partial is not None and is_main_process() else None
    with alone(lock):
        store = None if partial is None else PartialScores(partial, fingerprint(model, config))
        parts = [range(start, min(start + task.part, len(data))) for start in range(0, len(data), task.part)]
        own: dict[int, Mapping[str, Measurement]] = {}
        for number in range(rank(), len(parts), world_size()):
            scores = None if store is None else store.read(number)
            with watched(ImageCount(partly(progress, parts[number], len(data)), task.passes)):
                own[number] = scores or task.evaluate_part(model, data, config, parts[number])
            if store is not None and scores is None:
                store.write(number, own[number])
            if progress is not None and is_main_process():
                progress(parts[number].stop, len(data))
        every = dict(sorted(item for some in all_gather(own) for item in some.items()))
        if store is not None and is_main_process():
            store.remove()
    return task.derive({name: Measurement.join([part[name] for part in every.values()]) for name in every[0]})


def partly(progress: ProgressCallback | None, part: range, images: int) -> ProgressCallback:
    """Return what a part is to tell its progress, which tells how many of all images are as good as done.

    Args:
        progress: Called with `(done, total)` images by the main process.
        part: Which images the part measures.
        images: How many there are in all.

    Example:
        >>> partly(lambda *call: print(call), range(100, 200), 500)(1, 4)
        (125, 500)
    """

    def tell(done: int, total: int) -> None:
        if progress is not None and is_main_process() and total:
            # A last pass that nobody counted on is not told of.
            progress(part.start + min(len(part) - 1, len(part) * done // total), images)

    return tell


def measure_flips(model: nn.Module, config: EvaluationConfig, *, progress: ProgressCallback | None = None) -> Curve:
    """Measure a network's flip rate against the distance of the shift.

    Args:
        model: The network.
        config: On what.
        progress: Called with `(done, total)` images.

    Raises:
        ValueError: The task has no answer that could flip.
    """
    task = task_named(config.task)
    if task.measure_flips is None:
        raise ValueError(f"task={task.name!r} has no single answer a picture that could flip. Use classification.")
    return task.measure_flips(model, open_test(task, config, model), config, progress)
