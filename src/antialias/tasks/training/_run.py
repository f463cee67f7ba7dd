"""Train a network, measure it, and leave everything in one folder."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from antialias._conventions import ProgressCallback
from antialias._extras import require
from antialias._lock import alone
from antialias.metrics import Score
from antialias.models import class_names, load, name_classes_, save
from antialias.results import Evaluation, cost_of, filter_words

from .._config import TrainConfig
from .._network import network
from .._process_group import explained, is_main_process
from .._task import Task, task_named
from ..evaluation import PartialScores, WithoutClasses, evaluate_data
from ._resume import begin, check_resumable

if TYPE_CHECKING:
    from lightning import Trainer


@dataclass(frozen=True)
class TrainingRun:
    """What a training run left behind.

    Attributes:
        config: What it was trained and measured on, and how.
        model: The trained network, in evaluation mode.
        scores: Its scores on the test images, by name.
        out: The folder, which holds `model.safetensors`, `config.toml`, `scores.json`, `metrics.csv` (by epoch),
            `best.ckpt` (highest test score of the task's metric), `last.ckpt` (what `resume` goes on from) and
            `tensorboard`.
    """

    config: TrainConfig
    model: nn.Module = field(repr=False)
    scores: dict[str, Score]
    out: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The files in the folder that the run wrote."""
        names = ("model.safetensors", "config.toml", "scores.json", "metrics.csv", "best.ckpt", "last.ckpt")
        return tuple(self.out / name for name in names if (self.out / name).exists())


_VIEWS, _BACKWARD = 20, 3
"""Windows that a measurement shows of an image, about, and what a step takes in passes forward."""


def fit(config: TrainConfig, *, resume: bool = False, progress: ProgressCallback | None = None) -> TrainingRun:
    """Train a network on Lightning, measure it on the test split and save both.

    The network after the last epoch is what is measured and saved: choosing the best epoch by the test images would
    flatter the score. A run is exactly repeatable on devices of one kind and number, and goes on exactly from its last
    checkpoint, in mid-epoch too.

    Args:
        config: What to do.
        resume: Go on from `last.ckpt` in `config.out`. A run may go on longer, at another learning rate, on other
            devices, with its data elsewhere; a warning names what changed. With another seed, network, task, filter
            or the like it would be another run, and is refused.
        progress: Called with `(done, total)` steps; the measurement at the end counts as about as many as it takes.

    Returns:
        The network, its scores and the folder.

    Raises:
        FileNotFoundError: `resume` finds no checkpoint.
        ImportError: Lightning is missing; the message names the extra.
        OSError: Another process writes to the folder, the folder cannot be written to, or a process that reads images
            or trains, too, died or does not answer.
        ValueError: A class is in one split only, the weights or all losses are no numbers any more, or `last.ckpt` is
            torn or another run's, its settings included.
    """
    require("lightning", extra="tasks")
    from ._lightning import TaskData, TrainingModule

    task = task_named(config.task)
    model_name = config.model or task.default_model
    config = replace(config, model=model_name)
    out, last = Path(config.out), Path(config.out) / "last.ckpt"
    begun = check_resumable(last, config) if resume else begin(config)
    names = class_names(load(model_name)) if model_name.endswith(".safetensors") else None
    train, test = task.open(config, "train", names), task.open(config, "test", names)
    begun = begun.learning_from(train)
    learns, tests = (getattr(data, "class_mismatch", None) for data in (train, test))
    mismatches = [each for each in (learns, tests) if each is not None]
    if mismatches and (config.on_class_mismatch == "stop" or (learns is not None and learns.unknown)):
        raise ValueError(
            f"{mismatches[0]} Use one set of classes, or go on all the same with on_class_mismatch='warn' "
            "(--on-class-mismatch warn), where the network has what it is to learn."
        )
    for each in mismatches:
        warnings.warn(str(each), stacklevel=2)
    outputs = task.outputs(train)
    measuring = -(-len(test) * _VIEWS // (_BACKWARD * config.batch_size * config.views))
    with _without_remarks():
        trainer = _build_trainer(config, task, progress, measuring)
    with alone(out / ".lock" if trainer.is_global_zero else None), explained(config.timeout), _ending(trainer):
        if trainer.is_global_zero:
            config.write(out / "config.toml", comment=begun.comment)
            if not resume or begun.changed:
                PartialScores(out / "partial", "").remove()  # of the network of another run
        with _without_remarks(), torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            module = TrainingModule(network(config, outputs), task, outputs, config, begun)
            trainer.fit(module, TaskData(train, test, task, config), ckpt_path=last if resume else None)

        # From the last checkpoint: the average of the weights where there is one, whole where they were sharded.
        state = torch.load(last, map_location="cpu", weights_only=True)["state_dict"]
        model = network(config, outputs)
        model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in state.items()})
        name_classes_(model, names or train.classes)
        if is_main_process():
            save(model.eval(), out / "model.safetensors")
        model = model.eval().to(trainer.strategy.root_device)
        tested = WithoutClasses(test) if tests is not None and tests.unknown else test
        steps = trainer.global_step

        def measured(done: int, images: int) -> None:
            if progress is not None:
                progress(steps + measuring * done // images, steps + measuring)

        scores = evaluate_data(model, task, tested, config, partial=out / "partial", progress=measured)
        if is_main_process():
            name, cost = f"{model_name}, {filter_words(config.filter)}", cost_of(model, config.window)
            training = config.to_dict()
            Evaluation(model=name, config=config.evaluation, scores=scores, training=training, cost=cost).write(
                out / "scores.json"
            )
    return TrainingRun(config, model.cpu(), scores, out)


@contextmanager
def _ending(trainer: Trainer) -> Iterator[None]:
    """End the processes that this one started, should it fail: they would wait for it."""
    try:
        yield
    except Exception:
        for process in getattr(trainer.strategy.launcher, "procs", ()):
            process.kill()
        raise


# Lightning's remarks that say nothing here: batches lie in memory, the folder is ours to write into again, our data
# know where to go on, and one of its own calls is deprecated in torch.
_REMARKS = (
    ".*does not have many workers",
    ".*exists and is not empty",
    ".*your dataloader is not resumable",
    ".*isinstance.treespec, LeafSpec",
    ".*smaller than the logging interval",
)


@contextmanager
def _without_remarks() -> Iterator[None]:
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


def _build_trainer(config: TrainConfig, task: Task, progress: ProgressCallback | None, measuring: int) -> Trainer:
    """Return Lightning's trainer as the config says, with our checkpoints, log and progress."""
    lightning = require("lightning", extra="tasks")
    from lightning.pytorch.callbacks import EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint
    from lightning.pytorch.loggers import TensorBoardLogger

    from ._callbacks import EpochLog, LastCheckpoint, ReportProgress, WholeCheckpoints

    monitor, out = f"test_{task.monitor}", Path(config.out)
    callbacks = [
        *([] if config.ema is None else [EMAWeightAveraging(decay=config.ema)]),
        *([] if progress is None else [ReportProgress(progress, measuring)]),
        LearningRateMonitor("step"),
        EpochLog(out / "metrics.csv", monitor),
        ModelCheckpoint(out, "best", monitor, mode="max", save_on_train_epoch_end=False, enable_version_counter=False),
        LastCheckpoint(out / "last.ckpt", config.checkpoint_every),
    ]
    trainer = lightning.Trainer(
        max_epochs=-1 if config.max_steps else config.epochs,
        max_steps=config.max_steps or -1,
        precision=config.precision,
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.num_nodes,
        strategy=config.strategy,
        sync_batchnorm=config.sync_batchnorm,
        accumulate_grad_batches=config.accumulate,
        gradient_clip_val=config.clip_norm,
        logger=TensorBoardLogger(config.out, name="", version="tensorboard"),
        plugins=[WholeCheckpoints()],
        callbacks=callbacks,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    if hasattr(trainer.strategy, "_timeout"):  # Lightning takes it with strategies as objects, not by name
        trainer.strategy._timeout = timedelta(seconds=config.timeout)
    return trainer
