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
from ._network import normalizer_of, optimizer_of, schedule_of
from ._task import Batches, Task


class TrainingModule(lightning.LightningModule):
    """A network that learns a task."""

    def __init__(self, model: nn.Module, task: Task, config: TrainConfig) -> None:
        super().__init__()
        self.model, self.task, self.config = model, task, config
        self.normalize = normalizer_of(model)

    def forward(self, images: Tensor) -> Any:
        """Return the network's outputs for images in [0, 1]."""
        return self.model(self.normalize(images))

    def training_step(self, batch: tuple[Tensor, Any], _: int) -> Tensor:
        """Return the loss of one batch."""
        images, targets = batch
        loss = self.task.loss(self(images), targets)
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(images))
        return loss

    def validation_step(self, batch: tuple[Tensor, Any], _: int) -> None:
        """Log loss and accuracy of one batch."""
        images, targets = batch
        outputs = self(images)
        scores = {
            "test_loss": self.task.loss(outputs, targets),
            "test_accuracy": self.task.correct(outputs, targets).float().mean(),
        }
        self.log_dict(scores, sync_dist=True, batch_size=len(images))

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
