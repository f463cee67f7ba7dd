"""The task of dense values: what is measured of networks that give numbers for each pixel. It needs no labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from antialias.data import open_data
from antialias.metrics import Measurement, Score, measure_dense
from antialias.results import EvaluationConfig

from .._config import TrainConfig
from .._task import Task, register_task
from ..batches import WholeBatches

_BATCH_SIZE = 8
"""Whole images in a forward pass, at most; it changes no score."""


class WholeImages(WholeBatches):
    """Serve whole images without targets."""

    @staticmethod
    def sample(data: Any, index: int) -> tuple[Tensor, None]:
        """Return one image."""
        images, _ = data.labelled(torch.tensor([index]))
        return images[0].float() / 255, None


def open_split(config: EvaluationConfig, split: str, classes: Sequence[str] | None = None) -> Any:
    """Open images of which no label is looked at: all of a folder, or one split of what is generated.

    Raises:
        ValueError: The task is to be trained.
    """
    if isinstance(config, TrainConfig):
        not_trained()
    part = "all" if config.data.startswith("images:") else split
    return open_data(config.data, part, size=config.size, length=config.length(split), on_broken=config.on_broken)


def not_trained(*_: Any, **__: Any) -> NoReturn:
    """Say that this task is measured and not trained.

    Raises:
        ValueError: Always.
    """
    raise ValueError("task='dense' is measured and not trained. Use classification, semantic or instance.")


def evaluate_part(model: nn.Module, data: Any, config: EvaluationConfig, indices: range) -> dict[str, Measurement]:
    """Measure what a network's values differ by between crops, in spreads and in decibels.

    Args:
        model: The network.
        data: The images.
        config: Says the size of a batch and what heights and widths are multiples of.
        indices: Which of the images.
    """
    how: Any = {"multiple": config.multiple, "batch_size": min(config.batch_size, _BATCH_SIZE)}
    return measure_dense(model, WholeImages.range(data, indices), first=indices.start, **how)


def derive(measured: dict[str, Measurement]) -> dict[str, Score]:
    """Return the scores."""
    return {name: one.score() for name, one in measured.items()}


register_task(
    Task(
        name="dense",
        monitor="dense_psnr",
        default_model="",
        open=open_split,
        outputs=not_trained,
        training_batches=not_trained,
        test_batches=WholeImages,
        loss=not_trained,
        predict=not_trained,
        metric=not_trained,
        evaluate_part=evaluate_part,
        derive=derive,
        part=32,
        has_labels=False,
    )
)
