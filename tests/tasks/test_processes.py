"""Two processes measure what one does; parts that were measured before a crash are read again."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from antialias._lock import alone
from antialias.metrics import Score
from antialias.models import TinyResNet, load, name_classes_
from antialias.nn import Fixed
from antialias.results import Evaluation, EvaluationConfig
from antialias.tasks import TrainConfig, evaluate, fit, is_main_process, network, process_group, task_named
from antialias.tasks._task import _TASKS
from antialias.tasks.classification._batches import CentralBatches
from antialias.tasks.evaluation._partial_scores import fingerprint
from antialias.tasks.training._lightning import RankSampler


def _in_two_processes(work: Callable[[], None]) -> None:
    """Run something in two processes with what torchrun would tell them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}

    def start(number: int) -> None:
        os.environ.update(common, RANK=str(number), LOCAL_RANK=str(number), GROUP_RANK="0", TORCHELASTIC_RUN_ID="test")
        work()

    made = [multiprocessing.get_context("fork").Process(target=start, args=(number,)) for number in range(2)]
    for process in made:
        process.start()
    for process in made:
        process.join(100)
    assert [process.exitcode for process in made] == [0, 0]


def _in_parts_of(pictures: int, monkeypatch: pytest.MonkeyPatch, task: str = "classification") -> None:
    monkeypatch.setitem(_TASKS, task, replace(task_named(task), part=pictures))


def _pictures_of(scores: dict[str, Score]) -> dict[str, list[float]]:
    return {name: score.per_image.nan_to_num(-1).tolist() for name, score in scores.items()}


def test_batches_are_dealt_once() -> None:
    for total in range(3, 9):
        dealt = [list(RankSampler(total, rank, 3, drop_last=False)) for rank in range(3)]
        assert {len(numbers) for numbers in dealt} == {-(-total // 3)}
        assert sorted(number for numbers in dealt for number in numbers if number < total) == list(range(total))
        trained = sorted(number for rank in range(3) for number in RankSampler(total, rank, 3))
        assert trained == list(range(total // 3 * 3))
    assert (len(RankSampler(8, 1, 2, start=3)), list(RankSampler(8, 1, 2, start=3))) == (4, [7])
    with pytest.raises(ValueError, match="2 batches are too few for 3 processes. Use smaller batches."):
        RankSampler(2, 0, 3)


def test_two_processes_train_one_network_and_measure_what_one_does(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 24 test pictures in batches of 12 are dealt evenly, in batches of 16 not: one process has none at last.
    config = replace(small, epochs=1, batch_size=4, devices=2, strategy="ddp", test_length=40, out=str(tmp_path))
    assert len(CentralBatches(task_named("classification").open(config, "test"), config)) == 3

    _in_parts_of(16, monkeypatch)
    _in_two_processes(lambda: fit(config) and None)
    model, written = load(tmp_path / "model.safetensors"), Evaluation.read(tmp_path)
    alone = evaluate(model, replace(config, devices=1))
    assert written.scores == alone
    assert _pictures_of(written.scores) == _pictures_of(alone)
    watched = float((tmp_path / "metrics.csv").read_text().split(",")[-1])
    assert watched == pytest.approx(alone["accuracy"].value, abs=1e-6)
    steps = int((tmp_path / "metrics.csv").read_text().splitlines()[1].split(",")[1])
    assert steps == 64 // (4 * 2)
    assert not (tmp_path / "partial").exists()


def test_two_processes_segment_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_parts_of(4, monkeypatch, "semantic")
    small = {"epochs": 1, "batch_size": 4, "size": 40, "window": 32, "train_length": 16, "test_length": 10}
    config = TrainConfig(task="semantic", filter=Fixed(), accelerator="cpu", out=str(tmp_path), **small)
    _in_two_processes(lambda: fit(replace(config, devices=2, strategy="ddp")) and None)
    written, task = Evaluation.read(tmp_path).scores, task_named("semantic")
    assert written == task.evaluate(load(tmp_path / "model.safetensors"), task.open(config, "test"), config)
    row = dict(zip(*(line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()), strict=True))
    assert float(row["test_mean_iou"]) == pytest.approx(written["mean_iou"].value, abs=1e-6)
    assert row["step"] == "2"


def test_processes_of_torchrun_share_the_parts(small: TrainConfig, tmp_path: Path, monkeypatch) -> None:
    _in_parts_of(10, monkeypatch)
    model = network(small, 20).eval()

    def work() -> None:
        with process_group("cpu"):
            scores = evaluate(model, small, partial=tmp_path / "partial")
            Evaluation(model="x", config=small.evaluation, scores=scores).write(
                tmp_path / f"{int(is_main_process())}.json"
            )

    _in_two_processes(work)
    both = [Evaluation.read(tmp_path / f"{number}.json").scores for number in (0, 1)]
    assert both[0] == both[1] == evaluate(model, small)


def test_parts_are_those_of_the_whole(small: TrainConfig, monkeypatch) -> None:
    model = network(small, 20).eval()
    whole = evaluate(model, small)
    _in_parts_of(7, monkeypatch)
    seen = []
    scores = evaluate(model, small, progress=lambda done, total: seen.append((done, total)))
    assert scores == whole
    assert _pictures_of(scores) == _pictures_of(whole)
    assert seen == sorted(seen)
    assert set(seen) >= {(7, 24), (14, 24), (21, 24), (24, 24)}
    assert {done for done, _ in seen} >= set(range(1, 24)) - {7, 14, 21}


def test_what_was_measured_before_a_crash_is_not_measured_again(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_parts_of(10, monkeypatch)
    model, partial = network(small, 20).eval(), tmp_path / "partial"

    def crash(done: int, _: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(model, small, partial=partial, progress=crash)
    assert len(list(partial.iterdir())) == 2
    with pytest.raises(ValueError, match="part-000000.json is of another network or other settings. Remove .*partial"):
        evaluate(TinyResNet().eval(), small, partial=partial)
    measured: list[range] = []
    task = task_named("classification")
    counting = replace(task, evaluate_part=lambda *a: measured.append(a[3]) or task.evaluate_part(*a))
    monkeypatch.setitem(_TASKS, "classification", counting)
    scores = evaluate(model, small, partial=partial)
    assert measured == [range(20, 24)]
    monkeypatch.undo()
    assert scores == evaluate(model, small)
    assert not partial.exists()


def test_a_part_that_is_torn_is_measured_again(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_parts_of(10, monkeypatch)
    model, partial = network(small, 20).eval(), tmp_path / "partial"
    partial.mkdir()
    (partial / "part-000001.json").write_text('{"of": "')
    (partial / "part-000002.json").write_text("{}")
    with pytest.warns(
        UserWarning, match=r"part-00000[12].json is torn, so what it held is measured again\.$"
    ) as warned:
        scores = evaluate(model, small, partial=partial)
    assert len(warned) == 2
    assert scores == evaluate(model, small)
    assert not list(tmp_path.iterdir())
    with (
        alone(tmp_path / "partial.lock"),
        pytest.raises(BlockingIOError, match=r"partial.lock is held by this process"),
    ):
        evaluate(model, small, partial=partial)


def test_parts_of_an_earlier_version_are_refused(
    small: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_parts_of(10, monkeypatch)
    model, partial = network(small, 20).eval(), tmp_path / "partial"

    def crash(done: int, _: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(model, small, partial=partial, progress=crash)
    part = partial / "part-000000.json"
    stored = json.loads(part.read_text())
    stored["scores"] = {"accuracy": Score.from_images("accuracy", torch.ones(10)).to_dict(per_image=True)}
    part.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match="part-000000.json: 'accuracy' was measured by an earlier version.*Remove"):
        evaluate(model, small, partial=partial)


def test_parts_belong_to_a_network_its_classes_and_all_settings() -> None:
    model, config = TinyResNet(num_classes=2), EvaluationConfig()
    changes: tuple[dict[str, Any], ...] = ({"multiple": 32}, {"window": 48}, {"on_broken": "skip"}, {"test_length": 9})
    prints = {fingerprint(model, replace(config, **change)) for change in ({}, {"batch_size": 3}, *changes)}
    assert len(prints) == 1 + len(changes)  # how many images are read at once changes no score
    name_classes_(model, ("cat", "dog"))
    assert fingerprint(model, config) not in prints


def test_devices_are_asked_for_by_name() -> None:
    with process_group("cpu") as device:
        assert device == torch.device("cpu")
    with pytest.raises(ValueError, match="accelerator='tpu' is unknown. Use auto, cpu or gpu."), process_group("tpu"):
        pass
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="accelerator='gpu', but torch finds no GPU. Use"), process_group("gpu"):
            pass
