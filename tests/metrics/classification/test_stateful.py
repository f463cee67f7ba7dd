from __future__ import annotations

import pickle
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from antialias import metrics
from antialias.metrics import (
    Accuracy,
    Agreement,
    CircularConsistency,
    ClassificationConsistency,
    Curve,
    FlipRate,
    FractionalConsistency,
    MeanAbsoluteChange,
    Score,
    Top1Change,
    WorstOfGrid,
)

PAIRS = [ClassificationConsistency, CircularConsistency, FractionalConsistency, Top1Change, MeanAbsoluteChange]


def _logits(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def _answers(network: nn.Module, frames: Tensor) -> Tensor:
    return network(frames.flatten(0, -4)).unflatten(0, frames.shape[:-3])


def test_the_object_gives_the_functions_score(network: nn.Module, noise: Tensor) -> None:
    metric = ClassificationConsistency()
    for start in (0, 4):
        pairs = metrics.window_pairs(noise[start : start + 4], seed=1, first=start)
        metric.update(_answers(network, pairs[:, :, 0]), _answers(network, pairs[:, :, 1]))
    score, expected = metric.compute(), metrics.consistency(network, noise, seed=1)
    assert (score.name, score.value, score.interval, score.images) == (
        expected.name,
        expected.value,
        expected.interval,
        expected.images,
    )
    assert torch.equal(score.per_image, expected.per_image)


def test_consecutive_frames_give_the_one_pixel_scores(network: nn.Module, noise: Tensor) -> None:
    logits = _answers(network, metrics.one_pixel_frames(noise, shift="embed"))
    expected = metrics.one_pixel_changes(network, noise, shift="embed")
    for metric, score in zip((Top1Change(), MeanAbsoluteChange()), expected, strict=True):
        metric.update(logits[:, :-1], logits[:, 1:])
        assert metric.compute().value == pytest.approx(score.value, abs=1e-6)


@pytest.mark.parametrize("metric_class", PAIRS)
def test_batches_merge_and_reset_do_not_change_the_score(metric_class: Any) -> None:
    first, second = _logits(20, 3, 4), _logits(20, 3, 4, seed=1)
    whole, parts, other = metric_class(), metric_class(), metric_class()
    whole.update(first, second)
    parts.update(_logits(2, 4), _logits(2, 4))
    parts.reset()
    for i in range(0, 12, 4):
        parts.update(first[i : i + 4], second[i : i + 4])
    other.update(first[12:], second[12:])
    parts.merge_state(other)
    assert isinstance(whole.compute(), Score)
    assert parts.compute() == whole.compute()
    assert whole.compute() is whole.compute()


def test_one_pair_a_picture_needs_no_axis_of_pairs() -> None:
    first, second = _logits(9, 4), _logits(9, 4, seed=1)
    flat, pairs = Top1Change(), Top1Change()
    flat.update(first, second)
    pairs.update(first[:, None], second[:, None])
    assert flat.compute() == pairs.compute()
    assert flat.compute().value == pytest.approx((first.argmax(1) != second.argmax(1)).float().mean().item())


def test_pictures_that_do_not_count_are_left_out() -> None:
    metric = ClassificationConsistency()
    eye = torch.eye(3)
    metric.update(eye, eye.roll(1, 0), counts=torch.tensor([True, False, False]))
    metric.update(eye[:1], eye[:1])
    assert (metric.compute().value, metric.compute().images) == (0.5, 2)


def test_forward_gives_the_batch_and_keeps_the_rest() -> None:
    metric, eye = ClassificationConsistency(), torch.eye(3)
    assert metric(eye, eye).value == 1
    assert metric(eye, eye.roll(1, 0)).value == 0
    assert metric.compute().value == 0.5


def test_the_worst_of_a_grid_is_all_or_nothing() -> None:
    metric, stable = WorstOfGrid(), torch.eye(4)[None, :1].expand(1, 9, 4)
    moved = stable.clone()
    moved[0, 4] = torch.eye(4)[1]
    metric.update(torch.cat([stable, moved, stable]))
    assert metric.compute().per_image.tolist() == [1, 0, 1]


def test_flip_rates_come_as_a_curve(network: nn.Module, noise: Tensor) -> None:
    reference, shifted = _logits(10, 2, 4), _logits(10, 2, 3, 4, seed=1)
    metric = FlipRate((1, 2, 5), "diagonal")
    metric.update(reference[:6], shifted[:6])
    metric.update(reference[6:], shifted[6:])
    curve = metric.compute()
    expected = (reference.argmax(-1)[..., None] != shifted.argmax(-1)).float().mean((0, 1))
    assert isinstance(curve, Curve)
    assert (curve.distances, curve.direction) == ([1, 2, 5], "diagonal")
    assert curve.values == pytest.approx(expected.tolist(), abs=1e-7)
    assert curve[5].protocol["distance"] == 5
    single = FlipRate((1, 2, 5))
    single.update(reference[:, 0], shifted[:, 0])
    assert single.compute()[1].value == pytest.approx(
        (reference[:, 0].argmax(-1) != shifted[:, 0, 0].argmax(-1)).float().mean().item()
    )


def test_accuracy_and_agreement() -> None:
    logits = torch.eye(4)
    accuracy, agreement = Accuracy(), Agreement()
    accuracy.update(logits, torch.tensor([0, 1, 2, 0]))
    agreement.update(logits, logits.roll(2, 0).softmax(1))
    assert accuracy.compute().value == 0.75
    assert agreement.compute().value == 0


def test_the_users_protocol_travels_with_the_score() -> None:
    metric = ClassificationConsistency(protocol={"in_words": "1 pair each", "window": 224}, level=0.9)
    metric.update(_logits(3, 4), _logits(3, 4))
    assert metric.compute().protocol["window"] == 224
    assert "90 % interval" in str(metric.compute())
    unstated = ClassificationConsistency()
    unstated.update(_logits(3, 4), _logits(3, 4))
    assert "protocol not stated" in str(unstated.compute())


def test_objects_can_be_pickled_cloned_and_collected() -> None:
    metric = ClassificationConsistency()
    metric.update(_logits(6, 4), _logits(6, 4, seed=1))
    copies = [pickle.loads(pickle.dumps(metric)), metric.clone()]
    assert all(copy.compute() == metric.compute() for copy in copies)
    collection = MetricCollection([ClassificationConsistency(), Top1Change()])
    collection.update(_logits(6, 4), _logits(6, 4, seed=1))
    scores = collection.compute()
    assert scores["ClassificationConsistency"] == metric.compute()
    assert scores["Top1Change"].value == pytest.approx(1 - metric.compute().value)


@pytest.mark.parametrize(
    ("metric", "arguments", "message"),
    [
        (
            Top1Change(),
            ((3, 4), (2, 4)),
            r"pairs are \(3, 4\) and \(2, 4\)\. Pass two of \(N, K\) or \(N, P, K\)\.",
        ),
        (Top1Change(), ((4,), (4,)), r"the logits of the pairs are \(4,\) and \(4,\)"),
        (WorstOfGrid(), ((3, 4),), r"logits are \(3, 4\)\. Pass \(N, S, K\)\."),
        (
            FlipRate((1, 2)),
            ((3, 4), (3, 3, 4)),
            r"logits are \(3, 1, 3, 4\)\. Pass \(3, 1, 2, 4\), one of each",
        ),
        (Accuracy(), ((3, 2, 4), (3,)), r"logits are \(3, 2, 4\)\. Pass \(N, K\)\."),
        (Agreement(), ((3, 2, 4), (3, 4)), r"logits are \(3, 2, 4\)\. Pass \(N, K\)\."),
    ],
)
def test_shapes_that_do_not_fit_are_refused(metric: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metric.update(*(_logits(*shape) for shape in arguments))


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric:UserWarning")
def test_no_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"none of 0 pictures counts"):
        ClassificationConsistency().compute()


@pytest.mark.filterwarnings("ignore:The ``compute`` method of metric:UserWarning")
def test_two_processes_give_the_score_of_one(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    logits = _logits(21, 2, 4), _logits(21, 2, 4, seed=1), _logits(21, 2, 4, seed=2)
    torch.save(logits, f"{store}.logits")
    worker = str(Path(__file__).with_name("distributed_worker.py"))
    other = subprocess.Popen([sys.executable, worker, store], stderr=subprocess.DEVNULL)
    together = runpy.run_path(worker)["scores"](0, store)
    assert other.wait(timeout=60) == 0
    consistency, flips, worst = ClassificationConsistency(), FlipRate((1, 2)), WorstOfGrid()
    consistency.update(logits[0], logits[1])
    flips.update(logits[0][:, 0], logits[2])
    worst.update(logits[2])
    assert together == [metric.compute().to_dict() for metric in (consistency, flips, worst)]
