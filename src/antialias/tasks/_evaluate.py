"""Measure a network on a test set: at once, or in parts that several processes share and that survive a crash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from antialias._conventions import ProgressCallback
from antialias.metrics import Curve, PictureValues, Score, joined

from ._config import TrainConfig
from ._processes import gathered, is_main_process, processes, rank
from ._task import Joinable, Task, task_named

Scores = dict[str, Score]


def evaluate(
    model: nn.Module, config: TrainConfig, *, partial: Path | None = None, progress: ProgressCallback | None = None
) -> Scores:
    """Measure a network on the test split of a data set: accuracy beside stability, each with its interval.

    Classifiers are measured in parts of 512 pictures, segmenters and detectors in parts of 32, which the processes of a
    process group share. The scores are those of the whole at once, to the last bit.

    Args:
        model: The network; its own normalisation is applied.
        config: `task`, `data`, `size`, `window`, `test_length` and `on_broken` say on what.
        partial: Folder in which finished parts wait for the others: a later call reads what an earlier one left. It is
            removed in the end. All processes must see it.
        progress: Called with `(done, total)` pictures.

    Returns:
        `accuracy`, `consistency` and `top1_change` for classification, `mean_iou` and `segmentation_consistency` for
        semantic segmentation; each task has its own.

    Raises:
        ValueError: The network has another number of classes than the data, or `partial` holds parts of other scores.
    """
    task = task_named(config.task)
    return measured(model, task, task.open(config, "test"), config, partial=partial, progress=progress)


def flips_of(model: nn.Module, config: TrainConfig) -> Curve:
    """Measure a network's flip rate against the distance of the shift.

    Raises:
        ValueError: The task has no answer that could flip.
    """
    task = task_named(config.task)
    if task.flips is None:
        raise ValueError(f"task={task.name!r} has no single answer a picture that could flip. Use classification.")
    return task.flips(model, task.open(config, "test"), config)


def measured(
    model: nn.Module,
    task: Task,
    data: Any,
    config: TrainConfig,
    *,
    partial: Path | None = None,
    progress: ProgressCallback | None = None,
) -> Scores:
    """Measure a network on data that are open."""
    store = None if partial is None else _Store(partial, _fingerprint(model, config))
    parts = [range(start, min(start + task.part, len(data))) for start in range(0, len(data), task.part)]
    found: dict[int, Mapping[str, Joinable]] = {}
    for number in range(rank(), len(parts), processes()):
        scores = None if store is None else store.read(number)
        found[number] = scores or task.evaluate_part(model, data, config, parts[number])
        if store is not None and scores is None:
            store.write(number, found[number])
        if progress is not None and is_main_process():
            progress(parts[number].stop, len(data))
    together = {number: scores for some in gathered(found) for number, scores in some.items()}
    if store is not None and is_main_process():
        store.remove()
    return task.derive({name: _joined([together[number][name] for number in sorted(together)]) for name in together[0]})


def _joined(parts: list[Any]) -> Joinable:
    return PictureValues.joined(parts) if isinstance(parts[0], PictureValues) else joined(parts)


class _Store:
    """Parts of scores in a folder, which belong to one network and one set of pictures."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = folder, fingerprint
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, number: int) -> dict[str, Joinable] | None:
        """Return what a part gave, if it is there."""
        path = self._path(number)
        if not path.exists():
            return None
        stored = json.loads(path.read_text())
        if stored["of"] != self.fingerprint:
            raise ValueError(f"{path} is of another network or other settings. Remove {self.folder}, or use another.")
        return {name: _from_dict(values) for name, values in stored["scores"].items()}

    def write(self, number: int, scores: Mapping[str, Joinable]) -> None:
        """Write what a part gave in one go, so that what is there is whole."""
        values = {name: _to_dict(score) for name, score in scores.items()}
        unfinished = self._path(number).with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"of": self.fingerprint, "scores": values}))
        unfinished.replace(self._path(number))

    def remove(self) -> None:
        """Remove the parts, and the folder if nothing else is in it."""
        for path in [*self.folder.glob("part-*.json"), *self.folder.glob("part-*.unfinished")]:
            path.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06}.json"


def _to_dict(score: Joinable) -> dict[str, Any]:
    return score.to_dict(per_image=True) if isinstance(score, Score) else score.to_dict()


def _from_dict(values: Mapping[str, Any]) -> Joinable:
    return Score.from_dict(values) if "interval" in values else PictureValues.from_dict(values)


def _fingerprint(model: nn.Module, config: TrainConfig) -> str:
    asked = [config.task, config.data, config.picture_side, config.window, config.test_length, config.on_broken]
    asked += [config.size, config.masked_classes, config.detection_score]
    found = hashlib.sha256(json.dumps(asked).encode())
    for name, tensor in model.state_dict().items():
        found.update(name.encode() + _bytes(tensor))
    return found.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
