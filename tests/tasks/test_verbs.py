"""The verbs train and evaluate, from words to files."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from antialias.cli import main
from antialias.nn import Adaptive
from antialias.tasks import TrainConfig

SMALL = (
    "--size=40",
    "--window=32",
    "--epochs=1",
    "--batch-size=16",
    "--accelerator=cpu",
    "--train-length=32",
    "--test-length=16",
)


@pytest.mark.parametrize("filter", ["none", "fixed", "adaptive"])
def test_train_then_evaluate(filter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "classification", "--data", "scenes", "--filter", filter, "--out", str(tmp_path), *SMALL])
    trained = capsys.readouterr().out
    assert "accuracy" in trained
    assert str(tmp_path / "model.safetensors") in trained
    scores = tmp_path / "scores2.json"
    words = ["evaluate", str(tmp_path / "model.safetensors"), "--size", "40", "--window", "32", "--length", "16"]
    main([*words, "--out", str(scores)])
    evaluated = capsys.readouterr().out
    assert evaluated.splitlines()[0] == trained.splitlines()[0]
    assert evaluated.splitlines()[-1] == f"Wrote {scores}"
    assert scores.exists()


def test_errors_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "semantics"])
    assert "task='semantics' is unknown. Use one of: classification" in capsys.readouterr().err


def test_a_file_trains_flags_go_before_it_and_what_ran_runs_again(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(
        'batch_size = 16\nsize = 40\nwindow = 32\ntrain_length = 32\ntest_length = 16\naccelerator = "cpu"\n'
        'schedule = "poly"\n[filter]\nfilter = "Adaptive"\ngroups = 4\n'
    )
    first, again, plain = tmp_path / "first", tmp_path / "again", tmp_path / "plain"
    main(["train", "--config", str(file), "--epochs", "1", "--out", str(first), "--no-nesterov"])
    config = TrainConfig.read(first / "config.toml")
    assert (config.epochs, config.filter, config.schedule, config.nesterov) == (1, Adaptive(groups=4), "poly", False)
    main(["train", "--config", str(first / "config.toml"), "--out", str(again)])
    assert (again / "model.safetensors").read_bytes() == (first / "model.safetensors").read_bytes()
    words = ["--filter", "none", "--epochs", "1", "--schedule", "step", "--milestones", "1", "2"]
    main(["train", "--config", str(file), "--out", str(plain), *words])
    config = TrainConfig.read(plain / "config.toml")
    assert (config.filter, config.milestones) == (None, (1, 2))


def test_every_setting_is_a_flag(capsys: pytest.CaptureFixture[str]) -> None:
    main(["train", "--help"])
    shown = capsys.readouterr().out
    for setting in fields(TrainConfig):
        assert setting.name == "task" or f"--{setting.name.replace('_', '-')}" in shown
