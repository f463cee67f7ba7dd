"""The training loop on Lightning: many devices, mixed precision, checkpoints, logs, resuming."""

from __future__ import annotations

from typing import Any, cast

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from antialias.data import Progress

from ._config import TrainConfig
from ._network import optimizer_of, schedule_of
from ._task import Batches, Task


class TrainingModule(lightning.LightningModule):
    """A network that learns a task.

    Args:
        model: The network.
        task: What it learns.
        num_outputs: Number of classes that it has.
        config: How it learns.
    """

    def __init__(self, model: nn.Module, task: Task, num_outputs: int, config: TrainConfig) -> None:
        super().__init__()
        self.model, self.task, self.config = model, task, config
        self.meter = task.meter(num_outputs)

    def training_step(self, batch: tuple[Any, Any], _: int) -> Tensor:
        """Return the loss of one batch."""
        images, targets = batch
        loss = self.task.loss(self.model, images, targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(images))
        return loss

    def validation_step(self, batch: tuple[Any, Any], _: int) -> None:
        """Show one batch to the task's meter, whose value is logged at the end of the epoch."""
        images, targets = batch
        self.meter.update(self.task.predict(self.model, images), targets)
        self.log(f"test_{self.task.watch}", self.meter, on_epoch=True, batch_size=len(images))

    def configure_optimizers(self) -> Any:
        """Return the optimiser, and the schedule that moves with every step."""
        optimizer = optimizer_of(self.model, self.config)
        schedule = schedule_of(optimizer, self.config, int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class TaskData(lightning.LightningDataModule):
    """A task's batches: augmented anew each epoch, dealt out to the devices whole."""

    def __init__(self, train: Any, test: Any, task: Task, config: TrainConfig) -> None:
        super().__init__()
        self.train, self.test, self.task, self.config = train, test, task, config

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the present epoch; the trainer asks again for each."""
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        return self._loader(self.task.training_batches(self.train, self.config, epoch))

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the test batches."""
        return self._loader(self.task.test_batches(self.test, self.config))

    def _loader(self, batches: Batches) -> DataLoader[Any]:
        # The loader takes its base seed from a generator of its own, else it would draw from the global one.
        generator = torch.Generator().manual_seed(self.config.seed)
        return DataLoader(
            cast("Dataset[Any]", batches), batch_size=None, num_workers=self.config.workers, generator=generator
        )


class Reporter(Callback):
    """Tells a progress function how many steps are done."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any, **__: Any) -> None:
        """Report the step that ended."""
        self.progress(trainer.global_step, int(trainer.estimated_stepping_batches))
