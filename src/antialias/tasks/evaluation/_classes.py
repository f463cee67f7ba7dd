"""Whether answers and labels mean the same classes: names decide, and where they differ no accuracy is measured."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from antialias._conventions import IGNORED
from antialias.data import Annotation, ClassificationDataset, VideoFrames, open_data
from antialias.metrics import evaluating
from antialias.models import class_names
from antialias.results import EvaluationConfig

from .._task import Task


class WithoutClasses:
    """Images whose labels mean nothing to a network: what they have, but no classes.

    Args:
        data: The images, as a task opens them.
    """

    classes: tuple[str, ...] = ()

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.data, name)


class UnlabelledImages(WithoutClasses):
    """Images without labels, as each task reads them: no pixel has a class, and there is no object.

    Args:
        data: Images whose labels nobody looks at.
    """

    def __init__(self, data: ClassificationDataset) -> None:
        super().__init__(data)

    def segmented(self, index: int) -> tuple[Tensor, Tensor]:
        """Return an image and a mask without classes."""
        images, _ = self.data.labelled(torch.tensor([index]))
        return images[0], torch.full(images.shape[-2:], IGNORED, dtype=torch.uint8)

    def annotated(self, index: int) -> Annotation:
        """Return an image without objects."""
        images, _ = self.data.labelled(torch.tensor([index]))
        none = torch.zeros(0, dtype=torch.int64)
        masks = torch.zeros(0, *images.shape[-2:], dtype=torch.bool)
        return Annotation(images[0], torch.zeros(0, 4), none, masks, none.bool(), index)


def open_test(task: Task, config: EvaluationConfig, model: nn.Module) -> Any:
    """Open the test split, its classes numbered as the network names them, if it does.

    Args:
        task: What the network does.
        config: Names the data. A folder of images without classes is opened for what needs no labels.
        model: The network.

    Returns:
        The data; without classes, and with a warning, where their labels cannot be compared with the network's answers.

    Raises:
        FileNotFoundError: There are no images.
        ValueError: The data are unknown, or a file of theirs cannot be read.
    """
    if not task.has_labels:
        return task.open(config, "test")
    names = class_names(model)
    try:
        data = _open_as_named(task, config, names)
    except (FileNotFoundError, ValueError) as error:
        scheme, _, folder = config.data.partition(":")
        if scheme != "images" or (isinstance(error, FileNotFoundError) and (Path(folder) / "train").is_dir()):
            raise
        try:
            how: Any = {"size": config.image_side if task.name == "classification" else config.size}
            images = open_data(config.data, "all", on_broken=config.on_broken, **how)
        except (FileNotFoundError, ValueError):
            raise error from None
        data, fault = UnlabelledImages(images), f"{config.data} has no labels for {task.name}"
    else:
        fault = class_fault(task, config, model, data, names)
    if fault is None:
        return data
    warnings.warn(f"{fault.rstrip('.')}, so no accuracy is measured, but stability is.", stacklevel=3)
    return data if isinstance(data, UnlabelledImages) else WithoutClasses(data)


def _open_as_named(task: Task, config: EvaluationConfig, names: Sequence[str] | None) -> Any:
    if names is not None:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".* classes= lacks")  # said in better words below
                return task.open(config, "test", names)
        except ValueError:  # a data set that has an order of its own
            pass
    return task.open(config, "test")


def class_fault(
    task: Task, config: EvaluationConfig, model: nn.Module, data: Any, names: Sequence[str] | None
) -> str | None:
    """Say why a network's answers cannot be compared with labels, or return `None` where they can.

    Args:
        task: What the network does.
        config: Says how the data are read.
        model: The network.
        data: The test images.
        names: Of the network's classes, if it names them.
    """
    if isinstance(data, VideoFrames):  # whose classes are sets of ImageNet's
        return None
    mismatch = getattr(data, "class_mismatch", None)
    if mismatch is not None and mismatch.unknown:
        return str(mismatch if names is None else replace(mismatch, reference="the network"))
    if names is not None and tuple(data.classes) != tuple(names):
        own, others = (", ".join(each[:4]) for each in (names, data.classes))
        return f"the network's classes are {own} .., those of {config.data} {others} .."
    images, _ = task.test_batches(data, replace(config, batch_size=1))[0]
    device = next(model.parameters(), torch.empty(0)).device
    with evaluating(model):
        answers = task.predict(model, [images[0].to(device)] if isinstance(images, list) else images[:1].to(device))
    output = answers[0] if isinstance(answers, (Tensor, list, tuple)) else None  # what else it is, its scores will tell
    if isinstance(output, Tensor) and len(output) != task.outputs(data):
        return f"the network has {len(output)} outputs, the data {len(data.classes)} classes"
    return None
