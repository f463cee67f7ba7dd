"""Average precision against pycocotools on the same predictions, its resamples against repeated pictures."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from antialias.metrics import (
    AveragePrecision,
    InstanceConsistency,
    average_precision,
    difference,
)
from antialias.metrics.detection._average_precision import iou_thresholds, match, statistic_of
from antialias.metrics.detection._instances import pairwise_iou

_INSTANCES = runpy.run_path(str(Path(__file__).with_name("instances.py")))
random_pictures, pycocotools_values, SIZE = (
    _INSTANCES[name] for name in ("random_pictures", "pycocotools_values", "SIZE")
)


@pytest.mark.parametrize("kind", ["mask", "box"])
def test_the_value_is_pycocotools(kind: Any) -> None:
    for seed in range(8):
        outputs, targets = random_pictures(seed)
        ours = [average_precision(outputs, targets, kind, at=at).value for at in (None, 0.5)]
        assert ours == pytest.approx(pycocotools_values(outputs, targets, kind), abs=1e-12)


def test_of_two_objects_equally_near_the_last_is_found() -> None:
    target = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10]]),
        "labels": torch.tensor([1, 1]),
        "masks": torch.zeros(2, SIZE, SIZE),
        "iscrowd": torch.tensor([0, 0]),
    }
    output = {
        "boxes": torch.tensor([[2.0, 0, 12, 10], [4, 0, 14, 10]]),
        "labels": torch.tensor([1, 1]),
        "scores": torch.tensor([0.9, 0.8]),
    }
    ours = average_precision([output], [target], "box", at=0.5).value
    assert ours == pytest.approx(pycocotools_values([output], [target], "box")[1], abs=1e-12)
    assert ours == pytest.approx(51 / 101)


def test_thresholds_are_rounded_as_numpy_rounds_them() -> None:
    assert np.array_equal(iou_thresholds().numpy(), np.linspace(0.5, 0.95, 10))


def test_only_the_best_hundred_of_a_class_count() -> None:
    box, label = torch.tensor([[0.0, 0.0, 8.0, 8.0]]), torch.tensor([1])
    scores = torch.linspace(1, 0.5, 101)
    wrong = torch.tensor([[20.0, 20.0, 24.0, 24.0]]).expand(100, 4)
    output = {"boxes": torch.cat([wrong, box]), "labels": torch.ones(101, dtype=torch.int64), "scores": scores}
    target = {"boxes": box, "labels": label}
    assert average_precision([output], [target], "box").value == 0
    output["labels"][:1] = 2
    assert average_precision([output], [target], "box").value == pytest.approx(0.01)


def test_a_resample_is_the_score_of_repeated_pictures() -> None:
    outputs, targets = random_pictures(3)
    generator = torch.Generator().manual_seed(0)
    for output in outputs:
        output["scores"] = torch.rand(len(output["scores"]), generator=generator)  # no ties, whose order would differ
    counts = torch.randint(0, 3, (6, len(outputs)), generator=generator)
    rows = torch.cat([match(o, t, "mask", iou_thresholds()) for o, t in zip(outputs, targets, strict=True)])
    resampled = statistic_of(rows)[0](counts)
    for row, value in zip(counts.tolist(), resampled.tolist(), strict=True):
        chosen = [i for i, count in enumerate(row) for _ in range(count)]
        expected = average_precision([outputs[i] for i in chosen], [targets[i] for i in chosen], "mask").value
        assert value == pytest.approx(expected, abs=1e-12)


def test_the_interval_holds_the_value_and_pairs_two_detectors() -> None:
    outputs, targets = random_pictures(4, count=40)
    good, bad = average_precision(outputs, targets), average_precision([outputs[0], *outputs[:-1]], targets)
    assert good.interval[0] < good.value < good.interval[1]
    apart = difference(good, bad)
    assert apart.value == pytest.approx(good.value - bad.value)
    assert apart.interval[0] > 0
    assert (good.name, good.images) == ("mask AP", 40)
    assert average_precision(outputs, targets, "box", at=0.5).name == "box AP50"
    assert good.protocol["iou_thresholds"] == "0.5:0.05:0.95"


def test_the_iou_of_large_masks_is_exact() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand((2, 1, 1500, 1000), generator=generator) < 0.7
    expected = (first & second).sum() / (first | second).sum().double()
    assert pairwise_iou(first, second).item() == expected.item()


def test_probabilities_count_above_one_half() -> None:
    outputs, targets = random_pictures(1)
    soft = [{**output, "masks": 0.5 + 0.1 * output["masks"][:, None].float()} for output in outputs]
    assert average_precision(soft, targets).value == average_precision(outputs, targets).value


@pytest.mark.parametrize(
    ("output", "target", "kind", "message"),
    [
        ({}, {}, "keypoint", "kind='keypoint' is unknown. Use one of: mask, box."),
        ({"masks": None}, {}, "mask", r"the output of a picture has no 'scores'\. Pass labels, scores, masks\."),
        ({}, {"boxes": None}, "box", r"the target of a picture has no 'boxes'\. Pass labels, image_id, boxes\."),
        (
            {"masks": torch.zeros(3, 4, 4)},
            {},
            "mask",
            r"masks of the output are 4x4 and the picture is 24x24\. Use masks of the picture's size\.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(output: Any, target: Any, kind: Any, message: str) -> None:
    outputs, targets = random_pictures(0, count=1)
    outputs[0].pop("scores") if "scores" in message else None
    targets[0].pop("boxes") if "'boxes'" in message else None
    output = {**outputs[0], **{name: value for name, value in output.items() if value is not None}}
    with pytest.raises(ValueError, match=message):
        average_precision([output], [{**targets[0], **target} if kind == "mask" else targets[0]], kind)


def test_no_object_and_no_picture_are_errors() -> None:
    outputs, targets = random_pictures(0)
    empty = [{name: target[name][:0] for name in ("boxes", "labels", "masks")} for target in targets]
    with pytest.raises(ValueError, match=r"mask AP: none of 12 pictures has an object\. Add some\."):
        average_precision(outputs, empty)
    with pytest.raises(ValueError, match=r"there are 0 pictures\. Pass an output and a target"):
        average_precision([], [])
    metric = AveragePrecision("box", interval=False)
    metric.update(outputs, [{**target, "image_id": torch.tensor(i)} for i, target in enumerate(empty)])
    assert metric.compute().isnan()


def test_the_object_gives_the_functions_score_in_any_order_of_batches() -> None:
    outputs, targets = random_pictures(2)
    metric, plain = AveragePrecision("mask"), AveragePrecision("mask", interval=False)
    for start in (8, 4, 0):
        metric.update(outputs[start : start + 4], targets[start : start + 4])
    plain.update(outputs, targets)
    expected = average_precision(outputs, targets)
    assert metric.compute() == expected
    assert plain.compute().item() == pytest.approx(expected.value)


def test_a_picture_seen_twice_is_an_error() -> None:
    outputs, targets = random_pictures(2)
    metric = AveragePrecision(interval=False)
    metric.update(outputs, targets)
    metric.update(outputs[1:2], targets[1:2])
    with pytest.raises(ValueError, match=r"image_id=8 was seen 2 times\. Give every picture an id and show it once\."):
        metric.compute()


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric:UserWarning")
def test_two_processes_give_the_score_of_one(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    pictures = random_pictures(5)
    torch.save(pictures, f"{store}.pictures")
    worker = str(Path(__file__).with_name("detection_worker.py"))
    other = subprocess.Popen([sys.executable, worker, store], stderr=subprocess.DEVNULL)
    together = runpy.run_path(worker)["scores"](0, store)
    assert other.wait(timeout=60) == 0
    metrics = [AveragePrecision("mask"), AveragePrecision("box", at=0.5)]
    for metric in metrics:
        metric.update(*pictures)
    same, (outputs, _) = InstanceConsistency("box"), pictures
    for i in range(0, len(outputs) - 1, 2):
        same.update(outputs[i : i + 2], torch.tensor([[0, 0], [1, 2]]), (24, 24))
    assert together == [metric.compute().to_dict(per_image=True) for metric in (*metrics, *metrics, same)]
