"""Train a network, measure it, and leave everything in one folder."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from antialias._extras import require
from antialias.data import Progress
from antialias.metrics import Score
from antialias.models import save

from ._config import TrainConfig
from ._network import network
from ._task import Task, task_named

if TYPE_CHECKING:
    from lightning import Trainer


@dataclass(frozen=True)
class Run:
    """What a training run left behind.

    Attributes:
        config: What it was told.
        model: The trained network, in evaluation mode.
        scores: Its scores on the test pictures, by name.
        out: The folder, which holds `model.safetensors`, `config.json`, `scores.json`, `metrics.csv` (by epoch),
            `best.ckpt` (highest test score of the task's meter) and `last.ckpt` (what `resume` goes on from).
    """

    config: TrainConfig
    model: nn.Module = field(repr=False)
    scores: dict[str, Score]
    out: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The files in the folder that the run wrote."""
        return tuple(self.out / name for name in _FILES if (self.out / name).exists())


_FILES = ("model.safetensors", "config.json", "scores.json", "metrics.csv", "best.ckpt", "last.ckpt")


def fit(config: TrainConfig, *, resume: bool = False, progress: Progress | None = None) -> Run:
    """Train a network on Lightning, measure it on the test split and save both.

    The network after the last epoch is what is measured and saved: choosing the best epoch by the test pictures would
    flatter the score. A run is exactly repeatable on one device of one kind.

    Args:
        config: What to do.
        resume: Go on from `last.ckpt` in `config.out`.
        progress: Called with `(done, total)` steps.

    Returns:
        The network, its scores and the folder.

    Raises:
        FileNotFoundError: `resume` finds no checkpoint.
        ImportError: Lightning is missing; the message names the extra.
    """
    require("lightning", extra="tasks")
    from ._lightning import TaskData, TrainingModule

    task, out = task_named(config.task), Path(config.out)
    checkpoint = _checkpoint(out) if resume else None
    train, test = task.open(config, "train"), task.open(config, "test")
    outputs = task.outputs(train)
    model = network(config, outputs)
    config.write(out / "config.json")
    with _quiet():
        trainer = _trainer(config, task, progress)
        trainer.fit(
            TrainingModule(model, task, outputs, config), TaskData(train, test, task, config), ckpt_path=checkpoint
        )
    return _finish(model.cpu().eval(), test, task, config)


def evaluate(model: nn.Module, config: TrainConfig) -> dict[str, Score]:
    """Measure a network on the test split of a data set: accuracy beside stability, each with its interval.

    Args:
        model: The network; its own normalisation is applied.
        config: `task`, `data`, `size`, `window` and `test_length` say on what.

    Returns:
        `accuracy`, `consistency` and `top1_change` for classification.

    Raises:
        ValueError: The network has another number of classes than the data.
    """
    task = task_named(config.task)
    return task.evaluate(model, task.open(config, "test"), config)


# Lightning's remarks that say nothing here: batches lie in memory, the folder is ours to write into again, and one of
# its own calls is deprecated in torch.
_REMARKS = (
    ".*does not have many workers",
    ".*exists and is not empty",
    ".*isinstance.treespec, LeafSpec",
    ".*smaller than the logging interval",
)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning to its real warnings: no banner, no advertisement."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for remark in _REMARKS:
                warnings.filterwarnings("ignore", message=remark)
            yield
    finally:
        logger.setLevel(level)


def _checkpoint(out: Path) -> Path:
    path = out / "last.ckpt"
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, so there is nothing to resume. Use resume=False.")
    return path


def _trainer(config: TrainConfig, task: Task, progress: Progress | None) -> Trainer:
    lightning = require("lightning", extra="tasks")
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers import CSVLogger

    from ._lightning import Reporter

    keep = ModelCheckpoint(config.out, filename="best", monitor=f"test_{task.watch}", mode="max", save_last=True)
    return lightning.Trainer(
        max_epochs=config.epochs,
        precision=config.precision,
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.num_nodes,
        logger=CSVLogger(config.out, name="", version=""),
        callbacks=[keep, *([] if progress is None else [Reporter(progress)])],
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _finish(model: nn.Module, test: Any, task: Task, config: TrainConfig) -> Run:
    scores, out = task.evaluate(model, test, config), Path(config.out)
    save(model, out / "model.safetensors")
    (out / "scores.json").write_text(json.dumps({name: s.to_dict() for name, s in scores.items()}, indent=2) + "\n")
    return Run(config, model, scores, out)
