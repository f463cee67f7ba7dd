"""The verb `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from antialias.nn import Adaptive, Filter, Fixed
from antialias.tasks import TrainConfig, fit

from ._progress import progress_bar


def train(
    task: str = "classification",
    /,
    *,
    data: str = "scenes",
    model: str = "antialias:TinyResNet",
    filter: Literal["none", "fixed", "adaptive"] = "adaptive",
    kernel_size: int = 3,
    groups: int = 8,
    epochs: int = 8,
    batch_size: int = 64,
    learning_rate: float = 0.1,
    weight_decay: float = 5e-4,
    size: int = 80,
    window: int = 64,
    train_length: int | None = None,
    test_length: int | None = None,
    seed: int = 0,
    precision: str = "32-true",
    accelerator: str = "auto",
    devices: str = "auto",
    num_nodes: int = 1,
    workers: int = 0,
    resume: bool = False,
    out: Path = Path("runs/latest"),
) -> None:
    """Train a network from its start values, with or without filters, and measure its accuracy and stability.

    Args:
        task: What is learnt: classification.
        data: scenes (embedded), or images:DIR with folders train and val, and in each one folder a class.
        model: timm:NAME, torchvision:NAME, smp:ARCHITECTURE:ENCODER, antialias:NAME or module:callable.
        filter: The filter that follows each downsampling.
        kernel_size: Side of the filters in samples.
        groups: Channel groups with filters of their own (adaptive).
        epochs: Passes over the training pictures.
        batch_size: Pictures a step, on each device.
        learning_rate: Highest rate of the one-cycle schedule.
        weight_decay: Of convolution and linear weights.
        size: Side of the pictures as read, in pixels.
        window: Side of what the network sees: random windows in training, the central one in testing.
        train_length: How many training scenes; 8000 if not given.
        test_length: How many test scenes; 2000 if not given.
        seed: Start values, order and augmentation.
        precision: Lightning's word, such as 32-true or bf16-mixed.
        accelerator: Lightning's word, such as auto, cpu or gpu.
        devices: Number of devices, or auto.
        num_nodes: Number of machines.
        workers: Processes that read pictures; 0 reads them in the training process.
        resume: Go on from last.ckpt in the folder.
        out: Folder of everything the run writes.
    """
    config = TrainConfig(
        task=task,
        model=model,
        data=data,
        filter=_filter(filter, kernel_size, groups),
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        size=size,
        window=window,
        train_length=train_length,
        test_length=test_length,
        seed=seed,
        precision=precision,
        accelerator=accelerator,
        devices=devices if devices == "auto" else int(devices),
        num_nodes=num_nodes,
        workers=workers,
        out=str(out),
    )
    with progress_bar("Training") as progress:
        run = fit(config, resume=resume, progress=progress)
    for score in run.scores.values():
        print(score)
    print("Wrote", *run.files)


def _filter(name: str, kernel_size: int, groups: int) -> Filter | None:
    if name == "none":
        return None
    return Fixed(kernel_size=kernel_size) if name == "fixed" else Adaptive(kernel_size=kernel_size, groups=groups)
