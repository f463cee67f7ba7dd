"""Every layout from the command line: train, be killed, go on, evaluate, and compare plain, fixed and adaptive."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from antialias.cli import _train, main
from antialias.results import Evaluation
from antialias.tasks import TrainConfig

SMALL = [
    *("--window", "32", "--batch-size", "4", "--learning-rate", "0.02"),
    *("--accelerator", "cpu", "--devices", "1", "--workers", "0"),
]
TASKS = {"images": "classification", "voc": "semantic", "cityscapes": "semantic", "coco": "instance"}


@pytest.fixture(scope="module")
def miniatures() -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / "miniatures.py"
    spec = importlib.util.spec_from_file_location("miniatures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _train_and_die(words: list[str], step: int) -> None:
    @contextmanager
    def dying(_: str) -> Iterator[object]:
        def progress(done: int, total: int) -> None:
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)

        yield progress

    _train.progress_bar = dying  # type: ignore[assignment]
    main(words)


def _killed_at(step: int, words: list[str]) -> None:
    process = multiprocessing.get_context("fork").Process(target=_train_and_die, args=(words, step))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.filterwarnings("ignore:instance consistency of:UserWarning")
@pytest.mark.parametrize("layout", list(TASKS))
def test_a_killed_run_goes_on_and_is_evaluated(layout: str, miniatures: ModuleType, tmp_path: Path) -> None:
    miniatures.write(tmp_path, [layout], side=40, train=8, test=2)
    task, data, out = TASKS[layout], f"{layout}:{tmp_path / layout}", tmp_path / "run"
    words = ["train", task, "--data", data, "--filter", "adaptive", "--out", str(out), *SMALL, "--epochs", "2"]
    _killed_at(3, words)
    assert (out / "last.ckpt").exists()
    assert not (out / "scores.json").exists()
    main([*words, "--resume"])
    rows = (out / "metrics.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [["0", "2"], ["1", "4"]]
    config = ["--config", str(out / "config.toml"), "--accelerator", "cpu", "--no-cost"]
    main(["evaluate", str(out / "model.safetensors"), *config, "--out", str(tmp_path / "again")])
    (again,) = (tmp_path / "again").iterdir()
    assert Evaluation.read(again).scores == Evaluation.read(out).scores


@pytest.mark.filterwarnings("ignore:instance consistency of:UserWarning")
@pytest.mark.parametrize("task", ["semantic", "instance"])
def test_plain_fixed_and_adaptive_are_compared(task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", task, *SMALL, "--size", "40", "--train-length", "4", "--test-length", "2", "--epochs", "1"]
    for filter in ("none", "fixed", "adaptive"):
        main([*words, "--filter", filter, "--out", str(tmp_path / filter)])
    capsys.readouterr()
    runs = [str(tmp_path / filter) for filter in ("none", "fixed", "adaptive")]
    main(["compare", *runs, "--out", str(tmp_path / "compared")])
    shown = capsys.readouterr().out
    assert "Difference from plain" in shown
    table = (tmp_path / "compared" / "table.md").read_text()
    assert all(f"| {name} |" in table for name in ("plain", "fixed", "adaptive"))
    assert TrainConfig.read(tmp_path / "fixed" / "config.toml").task == task
