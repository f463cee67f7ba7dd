"""What a training run was told: a value that is saved beside what it produced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from antialias.nn import Filter, filter_from_dict


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Say everything that a training run depends on, so that the same value gives the same network.

    The defaults train `antialias:TinyResNet` on the embedded scenes: SGD with Nesterov momentum and a one-cycle rate
    (Smith & Topin, arXiv 1708.07120); no weight decay on norms and biases, those of adaptive filters included.

    Attributes:
        task: Name of a registered task.
        model: Name of a network, as `models.build` takes it.
        data: Name of a data set, as `open_data` takes it.
        filter: Filter after each downsampling, or `None`.
        epochs: Passes over the training pictures.
        batch_size: Pictures a step, on each device.
        learning_rate: Highest rate of the cycle.
        weight_decay: Of convolution and linear weights.
        size: Height and width of the pictures as read, in pixels.
        window: Height and width that the network sees: random windows in training, the central one in testing.
        train_length: Number of generated training pictures; the data set's own default if `None`.
        test_length: Number of generated test pictures; the data set's own default if `None`.
        seed: Start values, order and augmentation.
        precision: Lightning's word, such as `"32-true"` or `"bf16-mixed"`.
        accelerator: Lightning's word, such as `"auto"`, `"cpu"` or `"gpu"`.
        devices: Number of devices, or `"auto"`.
        num_nodes: Number of machines.
        workers: Processes that read pictures; 0 reads them in the training process.
        out: Folder of everything the run writes.

    Raises:
        ValueError: A count is below 1, or the window is larger than the picture.

    Example:
        >>> TrainConfig.from_dict(TrainConfig(epochs=3).to_dict()).epochs
        3
    """

    task: str = "classification"
    model: str = "antialias:TinyResNet"
    data: str = "scenes"
    filter: Filter | None = None
    epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    size: int = 80
    window: int = 64
    train_length: int | None = None
    test_length: int | None = None
    seed: int = 0
    precision: str = "32-true"
    accelerator: str = "auto"
    devices: int | str = "auto"
    num_nodes: int = 1
    workers: int = 0
    out: str = "runs/latest"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} is below 1. Use 1 or more.")
        if self.window > self.size:
            raise ValueError(
                f"window={self.window} does not fit pictures of size={self.size}. Use window<={self.size}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them back."""
        return asdict(self) | {"filter": None if self.filter is None else self.filter.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Read what `to_dict` returned.

        Raises:
            ValueError: A name is no attribute; the message lists the attributes.
        """
        known = [field.name for field in fields(cls)]
        if unknown := sorted(values.keys() - set(known)):
            raise ValueError(f"{unknown[0]} is no setting of a training run. Use some of: {', '.join(known)}.")
        filter = values.get("filter")
        given: dict[str, Any] = {**values, "filter": None if filter is None else filter_from_dict(filter)}
        return cls(**given)

    def write(self, path: Path) -> None:
        """Write the config as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> TrainConfig:
        """Read what `write` wrote."""
        return cls.from_dict(json.loads(path.read_text()))
