"""Every setting of a training run: a value that is saved beside what it produced."""

# No postponed annotations: the command line reads these from classes that inherit them in other modules.

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from antialias._files import parsed, write_whole
from antialias.nn import Filter, filter_from_dict
from antialias.results import EvaluationConfig
from antialias.surgery import Placement

Schedule = Literal["onecycle", "poly", "step", "constant"]
Crop = Literal["window", "resized"]
OnClassMismatch = Literal["stop", "warn"]


_ENDS_WITH = "# Ends with: "


@dataclass(frozen=True, kw_only=True)
class TrainConfig(EvaluationConfig):
    """Say everything that a training run depends on, so that the same value gives the same network.

    What it is measured on in the end is an `EvaluationConfig`, whose settings it has; the others say how it is trained.

    The defaults train `antialias:TinyResNet` on the embedded scenes: SGD with Nesterov momentum and a one-cycle rate
    (Smith & Topin, arXiv 1708.07120); no weight decay on norms and biases, those of adaptive filters included.

    Attributes:
        model: Name of a network, as `models.build` takes it; the task's own small one if `None`.
        weights: Plain weights to start from: a file, or `"default"` for the library's own; start values if `None`.
        backbone: Trained classifier whose body the network's body starts from, with the filters it was trained with: a
            file of `antialias.save`, such as a run's `model.safetensors`, or of plain weights.
        filter: Filter after each downsampling, or `None`. In a file, the table `[filter]`, or `filter = "none"`;
            `antialias train` takes an adaptive one where the file says neither.
        placement: `"exact"` or `"paper"`, see `convert_`. If `None`: that of the `backbone`'s filters; else exact with
            plain weights to start from, paper without.
        epochs: Passes over the training images.
        max_steps: Length of the run in optimiser steps, in place of `epochs`.
        accumulate: Batches whose gradients make one optimiser step.
        views: Windows of each image in a batch, which then holds as many times `batch_size`.
        agreement: Weight of the Jensen-Shannon divergence between the network's answers to the views of an image,
            which the loss then has; see docs/training.md for what answers are in each task.
        learning_rate: Highest rate of the schedule.
        schedule: `"onecycle"`; `"poly"`, (1 - t) to the power of `power`; `"step"`, times `gamma` at each milestone; or
            `"constant"`.
        power: Of the poly schedule.
        milestones: When the step schedule falls, in epochs, or in steps where `max_steps` is given.
        gamma: Factor at each milestone.
        warmup: Length of the linear rise to the rate that the schedule says, in the unit of the milestones.
        momentum: Of SGD.
        nesterov: Nesterov's form of it.
        weight_decay: Of convolution and linear weights.
        clip_norm: Largest norm of a step's gradient, or `None`.
        ema: Decay of an exponential moving average of the weights, which is then what is measured and saved.
        window: Height and width that the network sees in training, and for classification in testing.
        crop: How a classifier's training windows are cut: `"window"`, at the scale of `size`, or `"resized"`: 8 to
            100 % of the whole image, its sides 3:4 to 4:3, resized to the window, as networks for ImageNet learn.
        scales: Smallest and largest factor by which training images with masks are scaled; the task's own if `None`:
            0.5 and 2 for semantic, 0.8 and 1.25 for instance segmentation.
        train_length: Number of generated training images; the data set's own default if `None`.
        on_class_mismatch: What a class that only one split has does: `"stop"` before anything is trained, or `"warn"`:
            what the network does not learn is left out of the tests, and in the end no accuracy is measured.
        seed: Start values, order, augmentation and dropout.
        precision: Lightning's word, such as `"32-true"`, `"16-mixed"` or `"bf16-mixed"`.
        channels_last: Memory format of the network, which trains about a third faster so.
        accelerator: Lightning's word, such as `"auto"`, `"cpu"` or `"gpu"`.
        devices: Number of devices, or `"auto"`.
        num_nodes: Number of machines.
        strategy: Lightning's word, such as `"auto"`, `"ddp"` or `"fsdp"`.
        sync_batchnorm: Whether BatchNorm's statistics are those of all devices.
        workers: Processes a device that read images; 0 reads them in the training process. `None`: one a core and
            eight at most for images in files, none for those in memory.
        checkpoint_every: Optimiser steps from one `last.ckpt` to the next within an epoch; at its end only if `None`.
        timeout: Seconds that the run waits for a loader's worker, and its processes for one another, before it stops.
        out: Folder of everything the run writes.

    Raises:
        ValueError: A setting is impossible; the message says what would be possible.

    Example:
        >>> TrainConfig.from_dict(TrainConfig(epochs=3).to_dict()).epochs
        3
    """

    model: str | None = None
    weights: str | None = None
    backbone: str | None = None
    filter: Filter | None = None
    placement: Placement | None = None
    epochs: int = 8
    max_steps: int | None = None
    accumulate: int = 1
    views: int = 1
    agreement: float = 0.0
    learning_rate: float = 0.1
    schedule: Schedule = "onecycle"
    power: float = 0.9
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup: int = 0
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    clip_norm: float | None = None
    ema: float | None = None
    crop: Crop = "window"
    scales: tuple[float, float] | None = None
    train_length: int | None = None
    on_class_mismatch: OnClassMismatch = "stop"
    seed: int = 0
    precision: str = "32-true"
    channels_last: bool = True
    accelerator: str = "auto"
    devices: int | str = "auto"
    num_nodes: int = 1
    strategy: str = "auto"
    sync_batchnorm: bool = False
    workers: int | None = None
    checkpoint_every: int | None = None
    timeout: int = 1800
    out: str = "runs/latest"

    at_least: ClassVar[Mapping[str, float]] = {
        **EvaluationConfig.at_least,
        **dict.fromkeys(("epochs", "max_steps", "accumulate", "views", "num_nodes", "checkpoint_every", "timeout"), 1),
        **dict.fromkeys(("learning_rate", "power", "gamma", "clip_norm"), 1e-12),
        **dict.fromkeys(("warmup", "momentum", "weight_decay", "ema", "workers", "agreement"), 0),
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scales is not None and not (len(self.scales) == 2 and 0 < self.scales[0] <= self.scales[1]):
            raise ValueError(f"scales={list(self.scales)} is no range of factors. Use two such as 0.5, 2.")
        if self.weights is not None and self.backbone is not None:
            raise ValueError(
                f"weights={self.weights!r} and backbone={self.backbone!r} both say where to start. Use one of them."
            )
        if self.agreement and self.views < 2:
            raise ValueError(
                f"agreement={self.agreement} compares views of an image, of which views={self.views} gives too few. "
                "Use views=2 or more, or agreement=0."
            )
        for name in ("momentum", "ema"):
            if (getattr(self, name) or 0) >= 1:
                raise ValueError(f"{name}={getattr(self, name)} never forgets. Use less than 1.")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov=True needs momentum, which is 0. Use nesterov=False or momentum=0.9.")
        if (self.schedule == "step") != bool(self.milestones):
            raise ValueError(
                f"schedule={self.schedule!r} does not go with milestones={list(self.milestones)}. "
                "Use schedule='step' with one milestone or more, or none with another schedule."
            )
        if list(self.milestones) != sorted(set(self.milestones)) or min((1, *self.milestones)) < 1:
            raise ValueError(f"milestones={list(self.milestones)} do not rise. Use whole numbers such as 30, 60.")
        if self.warmup and self.schedule == "onecycle":
            raise ValueError(f"warmup={self.warmup}, but schedule='onecycle' rises by itself. Use warmup=0 or 'poly'.")
        if self.warmup >= (self.max_steps or self.epochs):
            raise ValueError(
                f"warmup={self.warmup} is as long as the run, {self.max_steps or self.epochs}. Use a shorter one."
            )

    @property
    def evaluation(self) -> "EvaluationConfig":
        """On what the network is measured in the end."""
        return EvaluationConfig.of(vars(self))

    def length(self, split: str) -> int | None:
        """Return how many images of a split are generated, where they are."""
        return self.train_length if split == "train" else self.test_length

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` reads them back."""
        filter = None if self.filter is None else self.filter.to_dict()
        scales = None if self.scales is None else list(self.scales)
        return asdict(self) | {"filter": filter, "milestones": list(self.milestones), "scales": scales}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_dict` returned, or a file holds.

        Raises:
            ValueError: A name is no attribute; the message lists the attributes.
        """
        filter = values.get("filter")
        if isinstance(filter, Mapping):
            filter = filter_from_dict(filter)
        ranges = {name: tuple(values[name]) for name in ("milestones", "scales") if isinstance(values.get(name), list)}
        for name, items in ranges.items():
            if not all(type(item) in (int, float) for item in items):
                raise ValueError(f"{name}={values[name]!r:.80} is no list of numbers. Use numbers such as 1, 2.")
        return super().from_dict({**values, "filter": None if filter == "none" else filter, **ranges})

    def write(self, path: Path, *, comment: str | None = None) -> None:
        """Write the config as TOML, without what is `None`; `antialias train --config` takes it again.

        Args:
            path: The file.
            comment: A last line that is no setting. The first line says it, too, so that a file that is cut is known.
        """
        values = {name: value for name, value in self.to_dict().items() if value is not None}
        filter = values.pop("filter", None)
        lines = _toml(values) + (_toml({"filter": "none"}) if filter is None else ["", "[filter]", *_toml(filter)])
        if comment is not None:
            lines = [f"{_ENDS_WITH}{comment}", *lines, f"# {comment}"]
        write_whole(path, "\n".join(lines) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a TOML file of settings, such as `write` wrote; those that it does not name have their defaults.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is no TOML, names no setting, ends early, or names something that is no setting.
        """
        settings = read_settings(path)
        try:
            return cls.from_dict(settings)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error


def read_settings(path: Path) -> dict[str, Any]:
    """Read the settings that a TOML file names.

    A file that leaves no setting to its default was written by a run; where it names no filter, there was none.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no TOML, names no setting, ends early, or names something that is no setting.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file. Use a TOML file such as those in recipes.")
    settings = parsed(path, "Write one setting a line, such as epochs = 8.", kind="TOML")
    lines = path.read_text(encoding="utf-8").rstrip().split("\n")
    ends_with = lines[0].removeprefix(_ENDS_WITH)
    if ends_with != lines[0] and lines[-1] != f"# {ends_with}":
        raise ValueError(
            f"{path} ends early: its first line says that it ends with {ends_with!r}, and it does not. Put a whole "
            "copy there, or remove its first line if it has all that you want."
        )
    if not settings:
        raise ValueError(f"{path} names no setting; it may have been cut. Write one a line, such as epochs = 8.")
    known = [field.name for field in fields(TrainConfig)]
    if unknown := sorted(settings.keys() - set(known)):
        raise ValueError(f"{unknown[0]} in {path} is no setting. Use some of: {', '.join(known)}.")
    if not isinstance(filter := settings.get("filter", {}), (str, dict)):
        raise ValueError(f'filter={filter!r:.80} in {path} is no table. Write [filter], or filter = "none".')
    always = {field.name for field in fields(TrainConfig) if field.default is not None} - {
        "views",
        "agreement",
        "timeout",
    }
    written_by_a_run = settings.keys() >= always  # runs before there were views are known again, too
    return {"filter": "none", **settings} if written_by_a_run else settings


def _toml(values: Mapping[str, Any]) -> list[str]:
    # JSON's strings, numbers, truth values and lists are TOML's as well.
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items() if value is not None]
