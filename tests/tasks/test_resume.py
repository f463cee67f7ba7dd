"""A run that was killed and resumed ends as one that was not, bit for bit."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from antialias._lock import alone
from antialias.data import in_memory, open_data
from antialias.nn import Adaptive
from antialias.tasks import TrainConfig, fit, network, task_named, train_
from antialias.tasks._task import _TASKS
from antialias.tasks.batches import _loading, batch_loader
from antialias.tasks.training._resume import begin, check_resumable


@pytest.fixture
def config(small: TrainConfig, dropout_model: str, tmp_path: Path) -> TrainConfig:
    return replace(
        small,
        model=dropout_model,
        batch_size=8,
        checkpoint_every=3,
        ema=0.9,
        views=2,
        agreement=5.0,
        out=str(tmp_path / "run"),
    )


def _same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def _fit_and_die(config: TrainConfig, step: int, resume: bool) -> None:
    def progress(done: int, _: int) -> None:
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)

    fit(config, resume=resume, progress=progress)


def _killed_at(step: int, config: TrainConfig, *, resume: bool = False) -> None:
    process = multiprocessing.get_context("fork").Process(target=_fit_and_die, args=(config, step, resume))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def _trained_at_once(config: TrainConfig) -> nn.Module:
    model = network(config, 20)
    train_(model, in_memory(open_data("scenes", size=config.image_side, length=config.train_length)), config)
    return model


@pytest.mark.parametrize("step", [5, 8, 15], ids=["mid-epoch", "end of an epoch", "second epoch"])
def test_a_killed_run_goes_on_exactly(config: TrainConfig, step: int) -> None:
    whole = _trained_at_once(config)
    _killed_at(step, config)
    run = fit(config, resume=True)
    assert _same(run.model, whole)
    assert not _same(run.model, _trained_at_once(replace(config, seed=1)))
    rows = (run.out / "metrics.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows] == [["epoch", "step"], ["0", "8"], ["1", "16"]]


def test_it_may_be_killed_again_and_when_it_is_done(config: TrainConfig) -> None:
    config = replace(config, accumulate=3, clip_norm=0.5, max_steps=5, checkpoint_every=1)
    whole = _trained_at_once(config)
    _killed_at(2, config)
    _killed_at(4, config, resume=True)
    assert _same(fit(config, resume=True).model, whole)
    assert _same(fit(config, resume=True).model, whole)


def test_a_checkpoint_of_every_process_count_is_whole(config: TrainConfig) -> None:
    fit(config)
    checkpoint = torch.load(Path(config.out) / "last.ckpt", weights_only=True)
    assert checkpoint["TaskData"] == {"epoch": 2, "batch": 0}
    assert not list(Path(config.out).glob("*.tmp"))


def test_nothing_to_resume_is_said(small: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"last.ckpt does not exist, so there is nothing to resume"):
        fit(replace(small, out=str(tmp_path)), resume=True)


def test_settings_that_changed_between_are_named(config: TrainConfig) -> None:
    fit(config)
    with pytest.warns(
        UserWarning, match=r"last.ckpt was trained with test_length=24, now 12; clip_norm=None, now 1.0\.$"
    ):
        fit(replace(config, test_length=12, clip_norm=1.0, workers=0), resume=True)


def test_settings_that_make_another_run_are_refused(config: TrainConfig) -> None:
    run, seen = fit(config), []
    whole = (run.out / "last.ckpt").read_bytes()
    others: dict[str, Any] = {
        "seed": 5,
        "task": "semantic",
        "data": "images:elsewhere",
        "model": "antialias:TinyResNet",
        "filter": Adaptive(),
        "placement": "exact",
        "weights": "default",
        "backbone": "a.safetensors",
        "batch_size": 4,
        "accumulate": 2,
        "views": 3,
        "agreement": 1.0,
        "train_length": 32,
        "size": 48,
        "window": 24,
        "momentum": 0.5,
        "nesterov": False,
        "weight_decay": 0.0,
        "schedule": "poly",
        "ema": 0.99,
        "crop": "resized",
    }
    for name, value in others.items():
        before = re.escape(repr(getattr(config, name)))
        said = rf"last.ckpt was trained with {name}={before}, now .*: going on would end as neither run does\. "
        with pytest.raises(
            ValueError, match=rf"{said}Start anew without resume, use another out=, or set {name}={before}"
        ):
            fit(replace(config, **{name: value}), resume=True, progress=lambda *step: seen.append(step))
    assert not seen
    assert (run.out / "last.ckpt").read_bytes() == whole


def test_a_run_goes_on_longer_and_at_another_learning_rate(config: TrainConfig) -> None:
    config = replace(config, schedule="constant", epochs=1)
    out = fit(config).out
    with pytest.warns(UserWarning, match=r"trained with epochs=1, now 2; learning_rate=0.1, now 0.025\.$"):
        fit(replace(config, epochs=2, learning_rate=0.025), resume=True)
    rows = [row.split(",") for row in (out / "metrics.csv").read_text().splitlines()]
    assert [float(row[2]) for row in rows[1:]] == [0.1, 0.025]


def test_a_one_cycle_goes_on_as_it_would_have_at_another_rate(config: TrainConfig) -> None:
    whole, out = fit(replace(config, learning_rate=0.05)).out, Path(config.out).with_name("other")
    rates = [row.split(",")[2] for row in (whole / "metrics.csv").read_text().splitlines()]
    _killed_at(10, replace(config, out=str(out)))
    with pytest.warns(UserWarning, match=r"learning_rate=0.1, now 0.05"):
        fit(replace(config, out=str(out), learning_rate=0.05), resume=True)
    last = (out / "metrics.csv").read_text().splitlines()[-1].split(",")[2]
    assert float(last) == pytest.approx(float(rates[-1]), rel=1e-6)


class _Pictures(list[int]):
    def __init__(self, count: int, classes: str) -> None:
        super().__init__(range(count))
        self.classes = classes.split()


def test_a_run_goes_on_with_its_own_data_wherever_they_lie(config: TrainConfig) -> None:
    begun = begin(config).learning_from(_Pictures(64, "ant bee"))
    assert begun.learning_from(_Pictures(64, "ant bee")) == begun
    with pytest.raises(
        ValueError, match=r"from 64 images of 2 classes, and its data has 63 of 2\. Put its own data there"
    ):
        begun.learning_from(_Pictures(63, "ant bee"))
    with pytest.raises(ValueError, match=r"its data has 64 of 2 \(class 'ant', now 'bee'\)\. Put its own data there"):
        begun.learning_from(_Pictures(64, "bee ant"))
    fit(config)
    last = Path(config.out) / "last.ckpt"
    kept = torch.load(last, weights_only=True)
    images, classes = kept["antialias"]["data"]
    assert (images, len(classes)) == (64, 20)
    kept["antialias"]["config"]["data"] = "images:here"
    torch.save(kept, last)
    with pytest.warns(UserWarning, match=r"trained with data='images:here', now 'images:there'"):
        begun = check_resumable(last, replace(config, data="images:there"))
    with pytest.raises(ValueError, match=r"has learnt from 64 images of 20 classes, and its data has 64 of 2"):
        begun.learning_from(_Pictures(64, "ant bee"))


def _segmenting(out: Path) -> TrainConfig:
    small = {"size": 40, "window": 32, "train_length": 12, "test_length": 4, "accelerator": "cpu", "devices": 1}
    return TrainConfig(
        task="semantic", epochs=2, batch_size=4, checkpoint_every=1, filter=Adaptive(), out=str(out), **small
    )


def test_a_killed_segmenter_goes_on_exactly(tmp_path: Path) -> None:
    config, task = _segmenting(tmp_path), task_named("semantic")
    data = task.open(config, "train")
    whole = network(config, task.outputs(data))
    assert any(isinstance(module, nn.Dropout) for module in whole.modules())
    train_(whole, data, config)
    _killed_at(2, config)
    assert _same(fit(config, resume=True).model, whole)


def _fit_and_die_while_saving(config: TrainConfig, number: int) -> None:
    saved = []

    def save(checkpoint: Any, file: Any) -> None:
        saved.extend([file] if Path(file.name).name.startswith("last") else [])
        if len(saved) == number:
            file.write(b"half of a checkpoint")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        whole(checkpoint, file)

    whole, torch.save = torch.save, save
    fit(config)


def test_a_run_that_is_killed_while_it_saves_goes_on_from_the_checkpoint_before(config: TrainConfig) -> None:
    whole = _trained_at_once(config)
    process = multiprocessing.get_context("fork").Process(target=_fit_and_die_while_saving, args=(config, 3))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert list(Path(config.out).glob("last.ckpt.*.part"))
    assert _same(fit(config, resume=True).model, whole)
    assert not [path for path in Path(config.out).iterdir() if path.suffix in (".part", ".lock")]


def test_weights_that_are_no_numbers_stop_a_run_and_leave_the_checkpoint_before(config: TrainConfig) -> None:
    fit(config)
    out = Path(config.out)
    checkpoint, network_of = (out / "last.ckpt").read_bytes(), (out / "model.safetensors").read_bytes()
    with pytest.raises(ValueError, match=r"not finite any more after step \d+; .*last.ckpt is of an earlier step. Use"):
        fit(replace(config, learning_rate=1e30))
    assert (out / "last.ckpt").read_bytes() == checkpoint
    assert (out / "model.safetensors").read_bytes() == network_of


def test_what_cannot_be_gone_on_from_is_told_before_anything_is_trained(config: TrainConfig) -> None:
    run = fit(config)
    last, seen = run.out / "last.ckpt", []

    def resumed(**changes: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit(replace(config, **changes), resume=True, progress=lambda *step: seen.append(step))

    with pytest.raises(
        ValueError, match=r"go on to step 24, but its schedule was made for 16 .* beyond\. Resume with the"
    ):
        resumed(epochs=3)
    with pytest.raises(BlockingIOError, match=r"run/.lock is held by this process"), alone(run.out / ".lock"):
        resumed()
    whole = last.read_bytes()
    last.write_bytes(whole[:-100])
    with pytest.raises(
        ValueError, match=r"last.ckpt is torn, .* Copy .*best.ckpt there to go on from the best epoch, or"
    ):
        resumed()
    (run.out / "best.ckpt").unlink()
    with pytest.raises(
        ValueError, match=r"last.ckpt is torn, .* Put a whole copy there, or start anew without resume\."
    ):
        resumed()
    torch.save({"state_dict": {}}, last)
    with pytest.raises(ValueError, match=r"last.ckpt is no checkpoint of a training of this library. Start anew"):
        resumed()
    last.write_bytes(whole)
    _killed_at(2, replace(config, seed=1))  # another run that begins in this folder and has kept nothing yet
    with pytest.raises(
        ValueError, match=r"last.ckpt is of another run than .*config.toml \(seed=0, now 1\)\. Start anew"
    ):
        resumed(seed=1)
    assert not seen


def test_parts_of_the_scores_of_another_run_are_not_in_the_way(config: TrainConfig) -> None:
    part = Path(config.out) / "partial" / "part-000000.json"
    part.parent.mkdir(parents=True)
    part.write_text('{"of": "another", "scores": {}}')
    fit(config)
    assert not part.parent.exists()


def test_losses_that_are_no_numbers_stop_a_run_that_they_teach_nothing(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = task_named("classification")  # as in half precision, where such steps are left out
    lost = replace(task, loss=lambda *what, **how: 0 * task.loss(*what, **how) + torch.nan)
    monkeypatch.setitem(_TASKS, "classification", lost)
    with pytest.raises(ValueError, match=r"no loss was finite any more after step 3; nothing was kept. Use a lower"):
        fit(config)


@pytest.mark.parametrize("taken", [1, 3])
def test_a_worker_that_hangs_behind_its_last_batch_is_not_waited_for(config: TrainConfig, taken: int) -> None:
    class Batches:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> int:
            return index

    batches = iter(batch_loader(Batches(), replace(config, timeout=60), range(3), workers=1))
    assert [next(batches) for _ in range(taken)] == list(range(taken))
    time.sleep(0.5)  # it has read on
    (worker,) = multiprocessing.active_children()
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    batches.close()
    worker.join(timeout=5)
    assert worker.exitcode == -signal.SIGKILL


def test_a_worker_that_dies_is_said_once(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    class Batches:
        def __len__(self) -> int:
            return 1

        def __getitem__(self, index: int) -> int:
            raise ValueError("cut off")

    # As of one that closed its files and is not dead yet, so that torch's signal handler has not spoken.
    monkeypatch.setattr(_loading, "wait", lambda sentinels, timeout: sentinels)
    batches = iter(batch_loader(Batches(), config, range(1), workers=1))
    with pytest.raises(ChildProcessError, match=r"a process that reads images died; .* Go on with resume"):
        next(batches)
    time.sleep(0.2)  # the handler would speak in here


@pytest.mark.parametrize(
    ("fault", "rest", "said"),
    [
        (signal.SIGKILL, 0.0, "died; it may have .*"),
        (signal.SIGKILL, 0.5, "died; it may have .*"),
        (signal.SIGSTOP, 0.0, "gave none for timeout=2 seconds."),
    ],
    ids=["dies", "dies, known in a step", "hangs"],
)
def test_a_loader_whose_worker_is_lost_ends_the_run_with_its_cause(
    config: TrainConfig, fault: signal.Signals, rest: float, said: str
) -> None:
    def progress(done: int, _: int) -> None:
        for worker in multiprocessing.active_children() if done == 4 else []:
            assert worker.pid is not None
            os.kill(worker.pid, fault)
            time.sleep(rest)

    message = f"a process that reads images {said} Go on with resume, and with workers=0"
    with pytest.raises(OSError, match=message):
        fit(replace(config, workers=1, timeout=2, batch_size=4), progress=progress)
    assert not multiprocessing.active_children()
    assert torch.load(Path(config.out) / "last.ckpt", weights_only=True)["global_step"] == 3
