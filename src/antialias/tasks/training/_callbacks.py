"""What a run keeps while it trains: whole checkpoints, the log by epoch, progress."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import lightning
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, Checkpoint

from antialias._conventions import ProgressCallback
from antialias._files import in_one_move
from antialias._tensors import write_archive


class WholeCheckpoints(TorchCheckpointIO):
    """Writes every checkpoint beside its place and moves it there, on the disk that it is for.

    Lightning writes where temporary files are, and in place where that is another disk.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint."""
        write_archive(checkpoint, Path(path))


class LastCheckpoint(Checkpoint):
    """Keeps `last.ckpt`, from which a run goes on exactly: at the end of each epoch and every so many steps.

    Args:
        path: The file; a new one takes the old one's place in one go.
        every: Optimiser steps from one to the next within an epoch, or `None`.
    """

    def __init__(self, path: Path, every: int | None) -> None:
        self.path, self.every, self.saved = path, every, 0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Note where a resumed run is."""
        self.saved = trainer.global_step

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:
        """Save if the step that ended is one to save, and not the epoch's last, which is followed by the test."""
        step, last = trainer.global_step, trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
        if self.every and not last and step > self.saved and step % self.every == 0:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Save."""
        self._save(trainer)

    def _save(self, trainer: lightning.Trainer) -> None:
        network: Any = trainer.lightning_module
        finite = all(bool(tensor.isfinite().all()) for tensor in (*network.parameters(), *network.buffers()))
        what = "the weights are not finite any more" if not finite else "no loss was finite any more"
        if not trainer.strategy.reduce_boolean_decision(finite and network.any_loss_finite()):
            kept = f"{self.path} is of an earlier step" if self.path.exists() else "nothing was kept"
            raise ValueError(
                f"{what} after step {trainer.global_step}; {kept}. "
                "Use a lower learning_rate=, a longer warmup= or clip_norm=."
            )
        trainer.save_checkpoint(self.path)
        trainer.strategy.barrier()
        self.saved = trainer.global_step


class EpochLog(Callback):
    """Writes `metrics.csv`, a row an epoch; a resumed run goes on with the rows of the epochs before it.

    Args:
        path: The file.
        monitor: Name of the score that is logged beside the loss.
    """

    def __init__(self, path: Path, monitor: str) -> None:
        self.path, self.columns = path, ("epoch", "step", "learning_rate", "train_loss", monitor)
        self.rows: list[dict[str, Any]] = []

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Take over the rows of a run that goes on."""
        if trainer.global_step and self.path.exists():
            with self.path.open(newline="") as file:
                self.rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < trainer.current_epoch]

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Add the row of the epoch that ended."""
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        row = {"epoch": trainer.current_epoch, "step": trainer.global_step, "learning_rate": rate}
        values = {name: float(value) for name, value in trainer.callback_metrics.items() if name in self.columns}
        self.rows.append({**row, **values})
        if trainer.is_global_zero:
            with in_one_move(self.path) as unfinished, unfinished.open("w", newline="") as file:
                writer = csv.DictWriter(file, self.columns)
                writer.writeheader()
                writer.writerows(self.rows)


class ReportProgress(Callback):
    """Calls a progress function with how many steps are done.

    Args:
        progress: Takes `(done, total)` steps.
        more: Steps that what comes after the training counts as.
    """

    def __init__(self, progress: ProgressCallback, more: int = 0) -> None:
        self.progress, self.more = progress, more

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:
        """Report the step that ended."""
        if trainer.is_global_zero:
            self.progress(trainer.global_step, int(trainer.estimated_stepping_batches) + self.more)
