"""Instance segmentation: a mask, a box and a class for each object."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from antialias._extras import require
from antialias.data import (
    Annotation,
    ClassSplit,
    DetectionDataset,
    PartiallySupervised,
    Scenes,
    in_memory,
    open_data,
)
from antialias.metrics import (
    Kind,
    Matches,
    PictureValues,
    SameInstance,
    Score,
    detections,
    instance_shares_of_classes,
    of_classes,
    score_of_instance_shares,
    score_of_matches,
)

from ._batches import Pictures, ShuffledBatches, WholeBatches, draws_of, scales_of
from ._config import TrainConfig
from ._task import Task, register_task

if TYPE_CHECKING:
    from torchmetrics import Metric

Target = dict[str, Tensor]

_SCALES = (0.8, 1.25)
_IN_SIGHT = 0.1
"""An object that a crop leaves less than this share of is not learnt: nobody could tell what it is."""

_PRECISIONS: dict[str, tuple[Kind, float | None]] = {
    "mask_ap": ("mask", None),
    "mask_ap50": ("mask", 0.5),
    "box_ap": ("box", None),
}


def _open(config: TrainConfig, split: str) -> DetectionDataset:
    """Open one split; scenes are drawn once and held in memory. Only what is learnt from is without some masks."""
    length = config.train_length if split == "train" else config.test_length
    how = {"size": config.size, "length": length, "on_broken": config.on_broken}
    data = open_data(config.data, split, want="instances", **how)
    held = in_memory(data, "instances") if isinstance(data, Scenes) else data
    learnt = split == "train" and config.masked_classes is not None
    return PartiallySupervised(held, _class_split(held, config)) if learnt else held


def _class_split(data: DetectionDataset, config: TrainConfig) -> ClassSplit:
    return ClassSplit.read(str(config.masked_classes), data.classes)


class ObjectBatches(ShuffledBatches[tuple[list[Tensor], list[Target]]]):
    """Serve one epoch, whole batches at a time: pictures in random order, scaled, cut and mirrored.

    A picture is scaled by a factor between 0.8 and 1.25 (`scales`), a window of it is cut where it is larger than
    `window`, and half of the pictures are mirrored. Everything random is drawn when the epoch begins, from
    `(seed, epoch)`, so a batch is the same in any worker. Crowds are not shown. An incomplete last batch is left out.
    Where only some classes' masks are learnt, a target says which: `has_mask`.
    """

    def __init__(self, data: DetectionDataset, config: TrainConfig, epoch: int) -> None:
        generator = draws_of(config, epoch)
        super().__init__(len(data), config, generator)
        self.data, self.window = data, config.window
        draws = torch.rand(4, len(data), generator=generator)
        self.mirrored, self.corners = draws[0] < 0.5, draws[1:3]
        self.scales = scales_of(config, _SCALES, draws[3])

    def __getitem__(self, index: int) -> tuple[list[Tensor], list[Target]]:
        shown = [self._augmented(number) for number in self.numbers(index).tolist()]
        return [image for image, _ in shown], [target for _, target in shown]

    def _augmented(self, number: int) -> tuple[Tensor, Target]:
        item = self.data.annotated(number).resize(float(self.scales[number]))
        item = item.crop(self.corners[:, number].tolist(), self.window, _IN_SIGHT)
        image, target = shown(item.hflip() if self.mirrored[number] else item, learnt=True)
        if isinstance(self.data, PartiallySupervised):
            target["has_mask"] = self.data.has_mask(target["labels"] - 1)
        return image, target


def shown(item: Annotation, *, learnt: bool) -> tuple[Tensor, Target]:
    """Return a picture in [0, 1] and its target as torchvision's detectors take it: class 0 is the background.

    Args:
        item: The picture.
        learnt: Whether it is learnt from, which leaves out crowds and boxes without an inside.
    """
    sound = (item.boxes[:, 2:] > item.boxes[:, :2]).all(dim=1) & ~item.crowd
    kept = sound if learnt else torch.ones_like(sound)
    target = {
        "boxes": item.boxes[kept],
        "labels": item.labels[kept] + 1,
        "masks": item.masks[kept].to(torch.uint8),
        "iscrowd": item.crowd[kept].long(),
        "image_id": torch.tensor(item.image_id),
    }
    return item.image.float() / 255, target


class WholeObjects(WholeBatches):
    """Serve whole pictures with their objects."""

    @staticmethod
    def picture(data: DetectionDataset, number: int) -> tuple[Tensor, Target]:
        """Return one picture and its target, crowds included."""
        return shown(data.annotated(number), learnt=False)


def _loss(model: nn.Module, images: list[Tensor], targets: list[Target]) -> Tensor:
    if any("has_mask" in target for target in targets):
        _check_learns_partly(model)
    return torch.stack(list(model(images, targets).values())).sum()


def _check_learns_partly(model: nn.Module) -> None:
    """Refuse a network that would take the boxes for masks."""
    heads = getattr(model, "roi_heads", None)
    if not getattr(heads, "learns_masks_partly", False):
        raise ValueError(
            f"masked_classes is given, but {type(model).__name__} learns a mask of every object. Use "
            "antialias:MaskX:BACKBONE, antialias:AgnosticMaskRCNN:BACKBONE or their tiny ones."
        )


def _predict(model: nn.Module, images: list[Tensor]) -> list[Target]:
    return model(images)


def _meter(_: int) -> Metric:
    require("torchmetrics", extra="tasks")
    from antialias.metrics import PlainAveragePrecision

    return PlainAveragePrecision("mask")


def _evaluate_part(
    model: nn.Module, data: DetectionDataset, config: TrainConfig, numbers: range
) -> dict[str, PictureValues]:
    parts, pictures = _parts(data, config), WholeObjects.pictures(data, numbers)
    return _matches(model, pictures, config, parts) | _shares(model, pictures, config, parts)


def _derive(measured: dict[str, Any]) -> dict[str, Score]:
    """Return average precision of what was matched, and consistency where something was detected."""
    names = dict.fromkeys(name.partition("/")[0] for name in measured if "/" in name)
    precisions = {name: _precision(name, measured) for name in names}
    found = {name: score_of_instance_shares(shares) for name, shares in measured.items() if "/" not in name}
    missing = {name: reason for name, reason in found.items() if not isinstance(reason, Score)}
    if missing:
        left_out = ", ".join(measured[name].name for name in missing)
        warnings.warn(f"{left_out}: left out, since {next(iter(missing.values()))}", stacklevel=2)
    return precisions | {name: score for name, score in found.items() if isinstance(score, Score)}


class _Part(NamedTuple):
    """Classes that are scored by themselves.

    Attributes:
        suffix: What the names of their scores end with.
        words: What the scores are called by.
        labels: Class indices of the network's, from 1.
    """

    suffix: str
    words: str
    labels: tuple[int, ...]

    def protocol(self) -> dict[str, Any]:
        """Say whose scores these are."""
        return {"labels": list(self.labels)} if self.suffix else {}


def _parts(data: DetectionDataset, config: TrainConfig) -> list[_Part]:
    """Return all classes, and where masks of some only are learnt these and the others."""
    every = _Part("", "", tuple(range(1, len(data.classes) + 1)))
    if config.masked_classes is None:
        return [every]
    numbers = {name: number for number, name in enumerate(data.classes, 1)}
    sides = zip(("masked", "unmasked"), _class_split(data, config), strict=True)
    return [
        every,
        *(
            _Part(f"_{side}", f" of {len(names)} {side} classes", tuple(numbers[name] for name in names))
            for side, names in sides
        ),
    ]


def _shares(
    model: nn.Module, pictures: Pictures, config: TrainConfig, parts: Sequence[_Part]
) -> dict[str, PictureValues]:
    how: Any = {"same": SameInstance(score=config.detection_score), "batch_size": config.batch_size}
    labels = {part.suffix: part.labels for part in parts}
    found = instance_shares_of_classes(model, pictures.images(), labels, first=pictures.numbers.start, **how)
    return {
        f"{kind}_consistency{part.suffix}": replace(values, name=values.name + part.words)
        for part in parts
        for kind, values in found[part.suffix]._asdict().items()
    }


def _matches(
    model: nn.Module, pictures: Pictures, config: TrainConfig, parts: Sequence[_Part]
) -> dict[str, PictureValues]:
    """Return what each average precision is made of, a column at a time."""
    from antialias.metrics import AveragePrecision

    meters = {(name, part): AveragePrecision(*how) for part in parts for name, how in _PRECISIONS.items()}
    for output, target in detections(model, pictures, batch_size=config.batch_size, first=pictures.numbers.start):
        _check_classes(output["labels"], len(pictures.data.classes))
        shown = {part: ([of_classes(output, part.labels)], [of_classes(target, part.labels)]) for part in parts}
        for (_, part), meter in meters.items():
            meter.update(*shown[part])
    return {
        f"{name}{part.suffix}/{column}": PictureValues(name + part.words, rows, part.protocol())
        for (name, part), meter in meters.items()
        for column, rows in meter.matches()._asdict().items()
    }


def _precision(name: str, measured: Mapping[str, PictureValues]) -> Score:
    columns = {column: measured[f"{name}/{column}"] for column in Matches._fields}
    said = columns["pictures"]
    which, _, words = said.name.partition(" ")
    kind, at = _PRECISIONS[which]
    matches = Matches(*(values.values for values in columns.values()))
    score = score_of_matches(matches, kind, at=at, protocol=said.protocol)
    return replace(score, name=f"{score.name} {words}".strip())


def _check_classes(labels: Tensor, classes: int) -> None:
    """Refuse a network that answers in other classes than the data has, whose precision would mean nothing."""
    if len(labels) and int(labels.max()) > classes:
        raise ValueError(
            f"the network found class {int(labels.max())}, the data has {classes} classes. "
            f"Use a network of {classes + 1} outputs, background included."
        )


register_task(
    Task(
        name="instance",
        watch="mask_ap",
        default_model="antialias:TinyMaskRCNN",
        open=_open,
        outputs=lambda data: len(data.classes) + 1,
        training_batches=ObjectBatches,
        test_batches=WholeObjects,
        loss=_loss,
        predict=_predict,
        meter=_meter,
        evaluate_part=_evaluate_part,
        derive=_derive,
        part=32,
    )
)
