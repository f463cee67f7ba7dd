"""Masks for classes that were only ever seen with boxes: Mask^X R-CNN, its baseline and its oracle, both directions.

    python benchmarks/recipes.py train classification [--runs runs/recipes]        # once: the body
    python benchmarks/mask_x.py train [--runs runs/mask_x] [--bodies runs/recipes]   # goes on where it stopped
    python benchmarks/mask_x.py table [--runs runs/mask_x]                           # writes benchmarks/mask_x.csv

The twenty classes of the scenes are split into two times ten, drawn with seed 0. One tiny detector, whose body is that
of a classifier, first learns the boxes of all; every run starts from it and learns boxes of all classes and masks of
one half, the oracle those of both. The adaptive one is the same detector, converted without changing its function. A
row is a method, a direction and a score: the mean over its seeds (start values of the mask head, order, augmentation)
with an interval over test pictures, and the difference from the class-agnostic baseline, paired by picture and seed.

`mask_iou` asks the mask head alone: the IoU of the masks it gives objects in their true boxes, of their true class.
`filled_iou` is that of the boxes themselves.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import recipes
import seeds
import torch
from torch import Tensor, nn

from antialias.data import ClassSplit, DetectionDataset, PartiallySupervised, boxes_to_masks, in_memory, open_data
from antialias.metrics import Score
from antialias.models import load, save
from antialias.models.heads import masks_in
from antialias.nn import Adaptive, Filter
from antialias.results import Evaluation
from antialias.surgery import convert_
from antialias.tasks import TrainConfig, network, task_named, train_

AGNOSTIC, ORACLE = "class-agnostic", "oracle"
METHODS: dict[str, tuple[str, Filter | None]] = {
    AGNOSTIC: ("antialias:TinyAgnosticMaskRCNN", None),
    "class-agnostic, whole object": ("antialias:TinyAgnosticWholeMaskRCNN", None),
    "Mask^X": ("antialias:TinyMaskX", None),
    ORACLE: ("antialias:TinyMaskX", None),
    "Mask^X, adaptive k3 G8": ("antialias:TinyMaskX", Adaptive()),
}
DIRECTIONS = ("forth", "back")
BASE = TrainConfig(
    task="instance",
    size=64,
    window=64,
    batch_size=8,
    epochs=1,
    learning_rate=0.03,
    clip_norm=5.0,
    channels_last=False,
    detection_score=0.05,
    train_length=4000,
    test_length=200,
)
DETECTOR_EPOCHS, STEPS = 2, 400
PARTS = ("", "_masked", "_unmasked")
SCORES = tuple(f"{name}{part}" for name in ("mask_ap", "mask_ap50", "box_ap", "mask_iou") for part in PARTS)
OUT = Path(__file__).with_suffix(".csv")


class Bench:
    """The pictures, the split, and where runs lie."""

    def __init__(self, runs: Path, bodies: Path) -> None:
        self.runs, self.task = runs, task_named("instance")
        self.body = str(seeds.folder_of(bodies / recipes.FIRST, "plain", 0) / "model.safetensors")
        self.learnt, self.test = (
            in_memory(open_data("scenes", split, want="instances", size=BASE.size, length=length), "instances")
            for split, length in (("train", BASE.train_length), ("test", BASE.test_length))
        )
        forth = ClassSplit.of(self.learnt.classes, len(self.learnt.classes) // 2)
        self.splits = dict(zip(DIRECTIONS, (forth, forth.reversed()), strict=True))
        for direction, split in self.splits.items():
            split.write(self.split_file(direction))

    def split_file(self, direction: str) -> Path:
        """Return the file of one direction's classes with masks."""
        return self.runs / f"{direction}.txt"

    def folder(self, method: str, direction: str, seed: int) -> Path:
        """Return where a run lies: the oracle's is the same in both directions."""
        return seeds.folder_of(self.runs, method if method == ORACLE else f"{method} {direction}", seed)

    def scores(self, method: str, direction: str, seed: int) -> Path:
        """Return the file of a run's scores on one direction's halves."""
        return self.folder(method, direction, seed) / f"scores-{direction}.json"

    def detector(self) -> nn.Module:
        """Return the detector that has learnt boxes only."""
        path = self.runs / "detector.safetensors"
        if not path.exists():
            config = replace(BASE, model="antialias:TinyMaskX", epochs=DETECTOR_EPOCHS, backbone=self.body)
            model = network(config, self.task.outputs(self.learnt))
            train_(model, PartiallySupervised(self.learnt, ClassSplit((), self.learnt.classes)), config)
            save(model, path)
        return load(path)

    def started(self, config: TrainConfig) -> nn.Module:
        """Return a run's network: mask heads at their start values, everything else from the detector."""
        model = network(replace(config, filter=None), self.task.outputs(self.learnt))
        known = self.detector().state_dict()
        state = {name: values for name, values in known.items() if "mask_predictor" not in name}
        model.load_state_dict({**model.state_dict(), **state})
        if config.filter is not None:
            convert_(model, config.filter, example=[torch.zeros(3, BASE.window, BASE.window)])
        return model

    def trained(self, method: str, direction: str, config: TrainConfig) -> nn.Module:
        """Return a run's network, trained if it is not there yet."""
        path = self.folder(method, direction, config.seed) / "model.safetensors"
        if path.exists():
            return load(path)
        model = self.started(config)
        learnt = self.learnt if method == ORACLE else PartiallySupervised(self.learnt, self.splits[direction])
        train_(model, learnt, config)
        path.parent.mkdir(parents=True, exist_ok=True)
        save(model, path)
        return model

    def one(self, method: str, direction: str, seed: int) -> dict[str, Score]:
        """Train and measure one network."""
        model, filter = METHODS[method]
        told = {"model": model, "filter": filter, "masked_classes": str(self.split_file(direction))}
        config = replace(BASE, **told, max_steps=STEPS, seed=seed)
        made = self.trained(method, direction, config)
        scores = self.task.evaluate(made, self.test, config) | ious(made, self.test, self.splits[direction])
        Evaluation(model=method, config=config.evaluation, scores=scores, training=config.to_dict()).write(
            self.scores(method, direction, seed)
        )
        return scores


def ious(model: Any, data: DetectionDataset, split: ClassSplit) -> dict[str, Score]:
    """Return the IoU of masks in true boxes, and that of the boxes themselves, picture by picture."""
    found: dict[str, list[Tensor]] = {f"{name}{part}": [] for name in ("mask_iou", "filled_iou") for part in PARTS}
    sides = {"": data.classes, "_masked": split.masked, "_unmasked": split.unmasked}
    for number in range(len(data)):
        item = data.annotated(number)
        (masks,) = masks_in(model, [item.image.float() / 255], [item.boxes], [item.labels + 1])
        shown = {"mask_iou": masks > 0.5, "filled_iou": boxes_to_masks(item.boxes, item.masks.shape[-2:])}
        for part, names in sides.items():
            mine = torch.tensor([data.classes[label] in names for label in item.labels.tolist()], dtype=torch.bool)
            for name, regions in shown.items():
                found[name + part].append(_iou(regions[mine], item.masks[mine]).mean())
    return {name: Score.from_images(f"{name} in true boxes", torch.stack(each)) for name, each in found.items()}


def _iou(first: Tensor, second: Tensor) -> Tensor:
    return (first & second).sum((1, 2)) / (first | second).sum((1, 2))


def train(bench: Bench, count: int) -> None:
    """Train and measure what is not there yet, the first seed of every method first."""
    for seed in range(count):
        for direction in DIRECTIONS:
            for method in METHODS:
                if not bench.scores(method, direction, seed).exists():
                    scores = bench.one(method, direction, seed)
                    shown = (f"{name} {100 * scores[name].value:.1f}" for name in SCORES)
                    print(method, direction, seed, *shown, flush=True)


def rows(bench: Bench) -> Iterator[dict[str, object]]:
    """Yield the table's rows, one for each method, direction and score with a finished run."""
    for direction in DIRECTIONS:
        baseline = runs_of(bench, AGNOSTIC, direction)
        for method in METHODS:
            found = runs_of(bench, method, direction)
            for name in found[0] if found else ():
                scores, plain = ([run[name] for run in of if name in run] for of in (found, baseline))
                said = {"method": method, "direction": direction, "score": name, "seeds": len(scores)}
                if len(scores) == len(found) <= len(plain):
                    yield said | seeds.cells(scores, plain)


def runs_of(bench: Bench, method: str, direction: str) -> list[dict[str, Score]]:
    """Read the scores of a method in one direction, by seed."""
    paths = (bench.scores(method, direction, seed) for seed in range(seeds.MOST))
    return [Evaluation.read(path).scores for path in paths if path.exists()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("train", "table"))
    parser.add_argument("--runs", type=Path, default=Path("runs/mask_x"))
    parser.add_argument("--bodies", type=Path, default=Path("runs/recipes"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    bench = Bench(args.runs, args.bodies)
    if args.step == "train":
        train(bench, args.seeds)
    else:
        seeds.write(OUT, rows(bench))


if __name__ == "__main__":
    main()
