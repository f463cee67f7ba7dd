"""The training loop on Lightning: what is learnt in a step, and which batches a process gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import lightning
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler

from .._config import TrainConfig
from .._task import Batches, Task
from ..batches import batch_loader, workers_for
from ._loop import seed_batch
from ._optimizer import build_optimizer, build_schedule
from ._resume import KEY, Begun, at_rate_


class TrainingModule(lightning.LightningModule):
    """A network that learns a task.

    Args:
        model: The network.
        task: What it learns.
        num_outputs: Number of classes that it has.
        config: How it learns.
        begun: What the run began as.
    """

    def __init__(self, model: nn.Module, task: Task, num_outputs: int, config: TrainConfig, begun: Begun) -> None:
        super().__init__()
        self.model, self.task, self.config, self.begun = model, task, config, begun
        self.metric = task.metric(num_outputs)
        self._finite: Tensor | None = None

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Make what the network draws depend on the batch alone."""
        trainer = self.trainer
        seed_batch(self.config, trainer.current_epoch, batch_idx * trainer.world_size + trainer.global_rank)

    def training_step(self, batch: tuple[Any, Any], _: int) -> Tensor:
        """Return the loss of one batch."""
        images, targets = batch
        loss = self.task.training_loss(self.model, images, targets, self.config)
        finite = loss.detach().isfinite()
        self._finite = finite if self._finite is None else finite | self._finite
        self.log("train_loss", loss, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(images))
        return loss

    def validation_step(self, batch: tuple[Any, Any] | None, _: int) -> None:
        """Show one batch to the task's metric, whose value is logged at the end of the epoch."""
        if batch is not None:
            images, targets = batch
            self.metric.update(self.task.predict(self.model, images), targets)

    def on_validation_epoch_end(self) -> None:
        """Log the metric of the batches of all processes."""
        self.log(f"test_{self.task.monitor}", self.metric.compute().to(self.device), sync_dist=True)
        self.metric.reset()

    def any_loss_finite(self) -> bool:
        """Say whether a loss was a finite number since the last call, or there was none.

        A loss in half precision that is none leaves the weights as they are.
        """
        finite, self._finite = self._finite, None
        return finite is None or bool(finite)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say in a checkpoint what it is of."""
        checkpoint[KEY] = self.begun.state(self.config)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on at the learning rate of now."""
        at_rate_(checkpoint, self.config.learning_rate)

    def configure_optimizers(self) -> Any:
        """Return the optimiser, and the schedule that moves with every step."""
        optimizer, steps = build_optimizer(self.model, self.config), int(self.trainer.estimated_stepping_batches)
        self.begun.check_length(steps)
        schedule = build_schedule(optimizer, self.config, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class RankSampler(Sampler[int]):
    """Numbers of the batches that one process gets out of many: every `world_size`-th.

    All processes get equally many. In training the incomplete last round is left out; `drop_last=False` plays it to its
    end with numbers that are `total` or above, which stand for no batch.

    Args:
        total: Number of batches.
        rank: Number of this process.
        world_size: How many there are.
        start: Rounds that are played already; the length is that of all rounds still.
        drop_last: Whether an incomplete last round is left out.

    Raises:
        ValueError: There is no round.

    Example:
        >>> [list(RankSampler(5, rank, 2)) for rank in (0, 1)], list(RankSampler(5, 1, 2, drop_last=False))
        ([[0, 2], [1, 3]], [1, 3, 5])
    """

    def __init__(self, total: int, rank: int = 0, world_size: int = 1, start: int = 0, drop_last: bool = True) -> None:
        rounds = total // world_size if drop_last else -(-total // world_size)
        if not rounds:
            raise ValueError(f"{total} batches are too few for {world_size} processes. Use smaller batches.")
        self.numbers, self.start = range(rank, rank + rounds * world_size, world_size), start

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers[self.start :])


class TaskData(lightning.LightningDataModule):
    """A task's batches: augmented anew each epoch, dealt out to the devices whole, from where a stopped run goes on.

    Args:
        train: Images to learn from, as the task opens them.
        test: Images that are tested on after each epoch.
        task: What is learnt.
        config: Says the size of a batch and what is drawn.
    """

    def __init__(self, train: Any, test: Any, task: Task, config: TrainConfig) -> None:
        super().__init__()
        self.train, self.test, self.task, self.config = train, test, task, config
        self.position = {"epoch": 0, "batch": 0}

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the batches of the present epoch; the trainer asks again for each."""
        epoch = self._trainer.current_epoch
        start = self.position["batch"] if epoch == self.position["epoch"] else 0
        batches = self.task.training_batches(self.train, self.config, epoch)
        return self._loader(batches, self.train, start=start)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the test batches."""
        return self._loader(self.task.test_batches(self.test, self.config), self.test, drop_last=False)

    def _loader(self, batches: Batches, data: Any, **sampling: Any) -> DataLoader[Any]:
        trainer = self._trainer
        return batch_loader(
            batches,
            self.config,
            RankSampler(len(batches), trainer.global_rank, trainer.world_size, **sampling),
            workers=workers_for(data, self.config, trainer.num_devices),
            pin_memory=trainer.strategy.root_device.type == "cuda",
        )

    @property
    def _trainer(self) -> lightning.Trainer:
        return cast(lightning.Trainer, self.trainer)

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and the batch that come next."""
        done, epoch = self._trainer.fit_loop.epoch_loop.batch_progress.current.ready, self._trainer.current_epoch
        over = done >= self._trainer.num_training_batches
        return {"epoch": epoch + 1, "batch": 0} if over else {"epoch": epoch, "batch": done}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on from the epoch and the batch that come next."""
        self.position = state_dict
